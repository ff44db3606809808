/** `--fail check:NAME` and `--fail drill`: a check before the start that does not pass, by its name in status.preflight. */
import type { UpgradeRun } from '../api/upgrade-run.ts';
import { checkFaultForms } from '../simulation/faults.ts';
import type { ProbeScript } from '../simulation/probing.ts';
import type { SceneObjects } from '../simulation/scene.ts';
import type { World } from '../simulation/world.ts';

/** What the simulated cluster is asked for a check; those that are missing here follow from the manifests alone. */
const targets: Readonly<Record<string, readonly string[]>> = {
  PodDisruptionBudgets: ['Budgets'],
  Snapshots: ['Snapshots'],
  SnapshotSpace: ['Space'],
  Backups: ['Volumes'],
  TestMachine: ['Machine'],
  RemoteAccess: ['Access'],
  Staging: ['Staged', 'Pull'],
  Channel: ['Channel'],
  RestoreDrill: ['Drill'],
};

const drillCheck = 'RestoreDrill';

export function isCheckFault(text: string): boolean {
  return text === 'drill' || text.startsWith('check:');
}

/** The check that is to fail, as status.preflight shows it. */
function checkOf(text: string): { name: string; state: 'failed' | 'unknown' } {
  if (text === 'drill') return { name: drillCheck, state: 'failed' };
  const [, name = '', how = 'failed'] = text.split(':');
  if (how !== 'failed' && how !== 'unknown') throw new RangeError(`--fail ${text}: wanted ${checkFaultForms}`);
  return { name, state: how };
}

/**
 * @returns the script of a probe, where the check is one
 * @throws RangeError there is no such check, or nothing but the manifests decides it
 */
export function applyCheckFault(world: World, objects: SceneObjects, text: string): ProbeScript | undefined {
  const { name, state } = checkOf(text);
  const answer = {
    state,
    message: state === 'failed' ? `failed, because of --fail ${text}` : `no answer, because of --fail ${text}`,
    remedy: 'this is a rehearsal: nothing has to be mended',
  };
  const own = objects.packages.flatMap(({ spec }) => (spec.checks ?? []).map((check) => `package/${check.name}`));
  const asked = new Set(objects.sets.flatMap(({ spec }) => spec.preflight?.checks ?? []));
  const probes = objects.suites
    .filter(({ metadata }) => asked.has(metadata.name))
    .flatMap(({ metadata, spec }) => spec.probes.map((probe) => `${metadata.name}/${probe.name}`));
  if (probes.includes(name))
    return (attempt) =>
      attempt.isCheck && `${attempt.suite}/${attempt.probe}` === name
        ? { answer: state === 'failed' ? 'fail' : 'none', message: answer.message }
        : undefined;
  const known = own.includes(name) ? [`Expression ${name}`] : targets[name];
  if (known === undefined) {
    const all = [...Object.keys(targets), ...own, ...probes].join(', ');
    throw new RangeError(
      `--fail ${text}: there is no check "${name}" that a cluster answers; there are ${all}. Contacts, TestAccount, Topology and Capacity follow from the manifests: change those to see them fail`,
    );
  }
  for (const target of known) world.faults.checks.set(target, answer);
  if (name === drillCheck) world.faults.databases.set('drill', state === 'failed' ? 'fails' : 'unknown');
  return undefined;
}

/** Whether one of these makes the check fail. */
export function isCheckToFail(check: string, texts: readonly string[]): boolean {
  return texts.some((text) => isCheckFault(text) && checkOf(text).name === check);
}

/** Whether it came about: the check was made, and did not pass. */
export function isCheckFaultReached(runs: readonly UpgradeRun[], text: string): boolean {
  const { name } = checkOf(text);
  return runs.some(({ status }) =>
    (status?.preflight ?? []).some(({ check, verdict }) => check === name && verdict !== 'Pass'),
  );
}

/** Why it did not, and what to do about it. */
export function whyNoCheck(runs: readonly UpgradeRun[], text: string): string {
  const { name } = checkOf(text);
  const [run] = runs;
  if (run === undefined) return 'nothing was planned';
  const made = (run.status?.preflight ?? []).map(({ check }) => check);
  if (made.includes(name)) return `${name} of ${run.metadata.name} asks for nothing that could fail here`;
  return `${run.metadata.name} makes no check ${name}, only ${made.join(', ')}: ask for it in spec.preflight of the UpgradeSet`;
}
