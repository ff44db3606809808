/** How to finish by hand, told from the journals of real stories. UPDATE_GOLDEN=1 writes the files anew: read the diff. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { UpgradeRun } from '../../src/api/upgrade-run.ts';
import { holdName } from '../../src/drivers/pools/hold.ts';
import { computeByHand } from '../../src/status/by-hand.ts';
import { holdName as holdNameByHand } from '../../src/status/by-hand-commands.ts';
import { Simulation } from '../../src/simulation/simulation.ts';
import { majorSetting } from './major.ts';
import { setting, type Setting } from './story.ts';

const folder = new URL('by-hand/', import.meta.url);

interface Moment {
  readonly tell: () => Setting;
  readonly before?: (simulation: Simulation) => void;
  /** The run whose journal is read, as soon as its step is in this state. */
  readonly run: string;
  readonly step: string;
  readonly state: string;
  /** Lines that a person cannot do without. */
  readonly must: readonly RegExp[];
}

const moments: Readonly<Record<string, Moment>> = {
  'mid-drain': {
    tell: () => setting(),
    run: 'portal-1',
    step: 'g1-stop',
    state: 'Running',
    must: [
      /^haproxy web 'set server web\/web-1 state ready'$/,
      /^haproxy\(\) .*socat stdio "TCP:\$\{e#tcp:\/\/\}"/,
      /annotate statefulset\/web-1 belay\.dev\/lock-/,
      /patch servergroup group-1 --subresource=status --type=merge -p '\{"status":\{"lock":null\}\}'/,
      /delete configmap belay-hold-portal-1/,
    ],
  },
  'after-migration': {
    tell: () => majorSetting(),
    run: 'portal-1',
    step: 'g1-start',
    state: 'Running',
    must: [
      /^# database backup backup-\d+, verified /,
      /psql -h postgres -p 5432 -d portal -c 'select operation, state, schema, at from belay_operations/,
      /get podtemplate pg-tools -o json \| jq .*"BELAY_BACKUP","value":"backup-\d+"/,
      /patch statefulset\/web-1 --type=json .*get controllerrevision portal-1-\S+ -o jsonpath='\{\.data\.template\}'/,
      /^ {2}kubectl -n shop delete pvc data-web-1-0/,
    ],
  },
  'restore-half-done': {
    tell: () => setting(),
    before: ({ world }) => {
      world.faults.starts.add('group-1');
    },
    run: 'portal-1-back',
    step: 'g1-restore',
    state: 'Running',
    must: [
      /\(a\) Finish the way back to 1\.1\.0/,
      /patch pv \S+ -p '\{"spec":\{"persistentVolumeReclaimPolicy":"Retain"\}\}'/,
      /"dataSource": \{/,
      /delete configmap belay-hold-portal-1 /,
    ],
  },
};

/** The run as the API server has it at that moment. */
async function runAt({ tell, before, run, step, state }: Moment): Promise<UpgradeRun> {
  const found: UpgradeRun[] = [];
  const told = tell();
  const simulation = new Simulation({
    ...told,
    events: [
      {
        what: 'somebody looks',
        when: ({ store }) =>
          store.runs.find(({ metadata }) => metadata.name === run)?.status?.steps.find(({ id }) => id === step)
            ?.state === state,
        act: ({ store }) => found.push(store.get(run)),
      },
    ],
  });
  before?.(simulation);
  await simulation.run();
  const [seen] = found;
  if (seen === undefined) throw new RangeError(`${run} never had ${step} ${state}`);
  return seen;
}

describe('finishing by hand', () => {
  for (const [name, moment] of Object.entries(moments)) {
    it(`is told from the journal alone: ${name}`, async () => {
      const lines = computeByHand(await runAt(moment));
      for (const wanted of moment.must)
        assert.ok(
          lines.some((line) => wanted.test(line)),
          `${String(wanted)} is missing`,
        );
      // Counters and times change with every story that goes another way, and say nothing.
      const text = `${lines.join('\n')}\n`
        .replaceAll(/backup-\d+/g, 'backup-N')
        .replaceAll(/verified \S+Z/g, 'verified T');
      const file = new URL(`${name}.txt`, folder);
      if (process.env['UPDATE_GOLDEN'] === '1') {
        await mkdir(folder, { recursive: true });
        await writeFile(file, text);
      } else assert.equal(text, await readFile(file, 'utf8'));
      const parsed = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' });
      assert.deepEqual([parsed.status, parsed.stderr], [0, ''], 'a shell must be able to read it');
    });
  }

  it('names the hold as the driver does', () => {
    assert.equal(holdNameByHand({ run: 'portal-7', handles: {} }), holdName('portal-7'));
    assert.equal(holdNameByHand({ run: 'portal-7-back', handles: { 'origin/run': 'portal-7' } }), holdName('portal-7'));
  });
});
