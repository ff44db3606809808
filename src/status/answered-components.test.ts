import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StepEntry, UpgradeRun } from '../api/upgrade-run.ts';
import { findAnswered, hasNewAnswers } from './answered-components.ts';
import { computeAuditReport } from './audit-report.ts';
import { upgradeRun } from './fixture.test.ts';

const at = (minute: number): string => `2026-12-05T20:${String(minute).padStart(2, '0')}:00.000Z`;
const jdk = (version: string) => [{ server: 'web-1', versions: { jdk: version } }];

type Entry = Partial<StepEntry> & { readonly id: string };

function step(id: string, minute: number, more: Partial<StepEntry> = {}): Entry {
  return { id, state: 'Succeeded', started: at(minute), finished: at(minute + 1), ...more };
}

const asked = (version: string, minute = 10): Entry => step('g1-isolated', minute, { components: jdk(version) });
const upgraded = upgradeRun('portal-1', [step('g1-upgrade', 5), asked('21.0.5')]);
const told = { versions: { jdk: '21.0.5' }, run: 'portal-1', at: at(11), release: '1.2.0' };

describe('what a server has told of its components (001-34)', () => {
  const cases: Readonly<Record<string, readonly [runs: readonly UpgradeRun[], want: unknown]>> = {
    'is not known where no run has asked': [[upgradeRun('portal-1', [step('g1-drain', 1)])], undefined],
    'is what the isolated test has brought': [[upgraded], told],
    'is kept where that test has failed': [
      [upgradeRun('portal-1', [step('g1-upgrade', 5), { ...asked('21.0.5'), state: 'Failed' }])],
      told,
    ],
    'is what the newest test has brought, in whatever order runs are given': [
      [upgradeRun('portal-2', [step('g1-upgrade', 20), asked('21.0.6', 25)]), upgraded],
      { ...told, versions: { jdk: '21.0.6' }, run: 'portal-2', at: at(26) },
    ],
    'holds no more once it is installed anew': [
      [upgraded, upgradeRun('portal-2', [step('g1-upgrade', 20, { state: 'Running' })])],
      'changed',
    ],
    'holds while another group is changed': [[upgraded, upgradeRun('portal-2', [step('g2-upgrade', 20)])], told],
    'is nothing where it was installed and not asked': [[upgradeRun('portal-1', [step('g1-upgrade', 5)])], 'changed'],
  };
  for (const [title, [runs, want]] of Object.entries(cases))
    it(title, () => assert.deepEqual(findAnswered(runs, 'group-1', 'web-1'), want));

  it('is of that server alone', () => {
    assert.equal(findAnswered([upgraded], 'group-2', 'web-2'), undefined);
  });

  it('costs no look at the steps of runs of other groups', () => {
    const other = upgradeRun('portal-1', []);
    const spec = {
      ...other.spec,
      groups: [],
      get steps(): never {
        return assert.fail('its steps are looked at');
      },
    };
    assert.deepEqual(findAnswered([{ ...other, spec }, upgraded], 'group-1', 'web-1'), told);
  });

  it('is written when it comes, not with every write of the run', () => {
    const waiting = upgradeRun('portal-1', [step('g1-upgrade', 5), step('g1-isolated', 10, { state: 'Running' })]);
    const later = upgradeRun('portal-1', [step('g1-upgrade', 5), asked('21.0.5'), step('g1-join', 12)]);
    assert.deepEqual([hasNewAnswers(upgraded, waiting), hasNewAnswers(later, upgraded)], [true, false]);
  });

  it('stands in the audit record', () => {
    const { steps } = computeAuditReport(upgraded);
    assert.deepEqual(
      steps.flatMap(({ number, components }) => (components === undefined ? [] : [[number, components]])),
      [['5b', jdk('21.0.5')]],
    );
  });
});
