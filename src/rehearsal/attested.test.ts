import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { database } from '../../test/builders/objects.ts';
import { majorSetting } from '../../test/simulation/major.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import { upgradeRun } from '../status/fixture.test.ts';
import { doAsAttested } from './attested.ts';
import { assertPossible } from '../simulation/faults.ts';
import { planRun } from '../simulation/set-controller.ts';
import { must, type SimDatabase } from '../simulation/world.ts';

function scene(): { run: UpgradeRun; db: SimDatabase; attest: (step: string, evidence: string) => void } {
  const told = majorSetting();
  told.objects.databases = [database('portal-db', { backup: { takenBy: 'People' }, restore: undefined })];
  const run = { ...upgradeRun('portal-1', []), spec: planRun(told, must(told.objects.sets[0], 'set')) };
  const back = { ...must(run.spec.steps[0], 'step'), id: 'database', action: 'RestoreDatabase' as const };
  run.spec = { ...run.spec, steps: [...run.spec.steps, back], handles: { 'backup/handle': 'vault/42' } };
  const db = must(told.world.databases.get('portal-db'), 'database');
  const attest = (step: string, evidence: string): void =>
    doAsAttested(told.world, run, { choice: 'Attest', verdict: 'Approved', step, evidence });
  return { run, db, attest };
}

describe('001-61: who attests in a rehearsal has done it', () => {
  it('takes the backup under its reference, and puts that one back', () => {
    const { db, attest } = scene();
    attest('backup-last', 'vault/42');
    assert.deepEqual(
      [...db.backups].map(([name, { schema, verified }]) => [name, schema, verified]),
      [['vault/42', '41', true]],
    );
    db.schema = '42';
    attest('g1-stop', 'vault/41');
    assert.deepEqual([db.schema, db.backups.size], ['42', 1]);
  });

  it('rehearses no failure of a Job that is not there', () => {
    const objects = majorSetting().objects;
    assert.doesNotThrow(() => assertPossible(objects, 'database:verify'));
    const people = [database('portal-db', { backup: { takenBy: 'People' } })];
    for (const verb of ['backup', 'verify'])
      assert.throws(() => assertPossible({ ...objects, databases: people }, `database:${verb}`), {
        message: /people take the backup of Database "portal-db", which has no spec\.backup\./,
      });
  });
});
