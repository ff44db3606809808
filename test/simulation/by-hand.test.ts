/** How to finish by hand, told from the journals of real stories. UPDATE_GOLDEN=1 writes the files anew: read the diff. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { UpgradeRun } from '../../src/api/upgrade-run.ts';
import { holdName } from '../../src/drivers/pools/hold.ts';
import { computeByHand } from '../../src/status/by-hand/by-hand.ts';
import { holdName as holdNameByHand } from '../../src/status/by-hand/commands.ts';
import type { StoryEvent } from '../../src/simulation/simulation.ts';
import { must } from '../../src/simulation/world.ts';
import { majorSetting } from './major.ts';
import { peoplesBackupStories } from './stories/backup-by-people.ts';
import { rebuildStories } from './stories/rebuild.ts';
import { play, setting, type Told } from './story.ts';

const folder = new URL('by-hand/', import.meta.url);

interface Moment {
  readonly tell: () => Told;
  /** The run whose journal is read, as soon as its step is in this state. */
  readonly run: string;
  readonly step: string;
  readonly state: string;
  /** And has this in its handles. */
  readonly noted?: string;
  /** Lines that a person cannot do without. */
  readonly must: readonly RegExp[];
}

const told = (name: string): Told =>
  must(
    rebuildStories.find((story) => story.name === name),
    name,
  ).tell();

const peoples = (name: string): Told =>
  must(
    peoplesBackupStories.find((story) => story.name === name),
    name,
  ).tell();

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
  '001-61-backup-is-asked-for': {
    tell: () => peoples('001-61-reference-is-proven'),
    run: 'portal-1',
    step: 'backup-last',
    state: 'Running',
    must: [
      /^# with every server stopped: have a full backup of Database portal-db \(portal on postgres:5432\) taken, and note its reference$/,
      /get podtemplate pg-tools -o json \| jq .*"BELAY_BACKUP","value":"REFERENCE"/,
    ],
  },
  '001-61-restore-is-asked-for': {
    tell: () => peoples('001-61-restored-by-people'),
    run: 'portal-1-back',
    step: 'database',
    state: 'Running',
    must: [
      /^# database backup vault\/portal-0042, attested by ana@example\.org 2026-/,
      /^# put Database portal-db \(portal on postgres:5432\) back to vault\/portal-0042, as whoever took it says$/,
      /^# the schema must be 41 again$/,
    ],
  },
  'restore-half-done': {
    tell: () => ({ ...setting(), fail: ['start@group-1'] }),
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
  'rebuild-keeps-volumes': {
    tell: () => told('rebuild-reboots-node'),
    run: 'portal-1-rebuild',
    step: 'uninstall',
    state: 'Running',
    must: [
      /^# only with every pod of web-1 gone$/,
      /patch pv \S+ --type=json -p .*claimRef.*"name":"data-web-1-0"/,
      /get podtemplate tools -o json \| jq .*"args":\["reboot"\].*"BELAY_NODE","value":"node-of-web-1".*\.spec\.nodeName = "node-of-web-1"/,
      /^kubectl get node node-of-web-1 -o jsonpath='\{\.status\.nodeInfo\.bootID\}'$/,
    ],
  },
  'rebuild-empties-volumes': {
    tell: () => told('rebuild-replaces-volumes'),
    run: 'portal-1-rebuild',
    step: 'uninstall',
    state: 'Running',
    noted: 'rebuild/manifest/data-web-1-0',
    must: [
      /^ {2}kubectl patch pv pv-\d+ -p '\{"spec":\{"persistentVolumeReclaimPolicy":"Retain"\}\}' &&$/,
      /^kubectl -n shop get pvc data-web-1-0 \|\| kubectl -n shop create -f - <<< /,
    ],
  },
};

/** The run as the API server has it at that moment. */
async function runAt({ tell, run, step, state, noted }: Moment): Promise<UpgradeRun> {
  const found: UpgradeRun[] = [];
  const looks: StoryEvent = {
    what: 'somebody looks',
    when({ store }) {
      const steps = store.runs.find(({ metadata }) => metadata.name === run)?.status?.steps;
      const entry = steps?.find(({ id }) => id === step);
      return entry?.state === state && (noted === undefined || entry.handles?.[noted] !== undefined);
    },
    act: ({ store }) => found.push(store.get(run)),
  };
  await play({ tell }, { events: [looks] });
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
