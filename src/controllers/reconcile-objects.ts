/** The status of a ServerGroup: whether its servers are there, and what each of them runs. */
import { mergeConditions } from '../api/conditions.ts';
import { decodePackage, decodeServerGroup } from '../api/decode.ts';
import type { Package } from '../api/package.ts';
import { serverGroups } from '../api/resources.ts';
import type { Server, ServerGroup, ServerGroupStatus } from '../api/server-group.ts';
import type { ReconcileResult } from '../kube/controller.ts';
import { deployments, statefulSets } from '../kube/resources.ts';
import { patchStatus } from '../kube/status.ts';
import type { ObjectName } from '../kube/types.ts';
import { formatInstant } from '../shared/instant.ts';
import { readyConditions } from './conditions.ts';
import { isProductRequired } from './catalogue-watch.ts';
import { findAnswered, type AnsweredComponents } from '../status/answered-components.ts';
import { findLastKnownGood } from '../status/last-known-good.ts';
import type { ControllerContext } from './context.ts';
import { runsOn } from './facts.ts';

/** Workloads have no watch here: groups that packages of other products wait for are looked at again this often. */
const requiredMs = 60_000;

export async function reconcileGroup(
  context: ControllerContext,
  name: ObjectName,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const cached = context.caches.serverGroups.get(name);
  if (cached === undefined) return { kind: 'settled' };
  const group = decodeServerGroup(cached);
  const status = await groupStatus(context, group, signal);
  await patchStatus(context.client, serverGroups, group, status, { signal });
  const { product } = group.spec;
  const isRequired = product !== undefined && isProductRequired(context.caches, name.namespace, product);
  return isRequired ? { kind: 'requeue', afterMs: requiredMs } : { kind: 'settled' };
}

interface SeenWorkload {
  readonly images: Readonly<Record<string, string>>;
  readonly replicas: number;
  readonly ready: number;
  readonly versionLabel: string;
}

async function groupStatus(
  context: ControllerContext,
  group: ServerGroup,
  signal: AbortSignal,
): Promise<ServerGroupStatus> {
  const { namespace = '' } = group.metadata;
  const { workloads, missing } = await readWorkloads(context, group, signal);
  const known = context.caches.packages
    .list(namespace)
    .map(decodePackage)
    .filter((candidate) => group.spec.product === undefined || candidate.spec.product === group.spec.product);
  const runs = context.caches.upgradeRuns.list(namespace);
  const servers = group.spec.servers.map((server) => {
    const now = serverStatus(server, known, workloads.get(`${server.workload.kind}/${server.workload.name}`));
    const before = group.status?.servers?.find(({ name }) => name === server.name);
    return withAnswers(now, before, findAnswered(runs, group.metadata.name, server.name));
  });
  const versions = [...new Set(servers.map((server) => server.version ?? ''))].toSorted();
  const [version = '', ...others] = versions;
  const same = others.length === 0 ? version : '';
  const lock = group.status?.lock;
  const ready = missing.length === 0;
  const message = ready ? sayVersions(versions) : `not there: ${missing.join(', ')}`;
  const reason = ready ? 'UpToDate' : 'ReferenceNotFound';
  const good = findLastKnownGood(runs, group.metadata.name);
  return {
    ...group.status,
    ...(good === undefined ? {} : { lastKnownGood: good }),
    observedGeneration: group.metadata.generation ?? 1,
    conditions: mergeConditions(
      group.status?.conditions,
      readyConditions(ready, reason, message, group.metadata.generation),
      formatInstant(context.now()),
    ),
    phase: lock !== undefined ? 'Upgrading' : ready ? 'Ready' : 'Degraded',
    version: same,
    servers,
  };
}

/** Of the versions of its servers, each once; the empty one is of those nobody knows. */
function sayVersions(versions: readonly string[]): string {
  const [only = '', ...others] = versions;
  if (others.length > 0)
    return `its servers run ${versions.map((version) => (version === '' ? 'images of no Package' : version)).join(' and ')}`;
  return only === '' ? 'no Package has the images that run' : `version ${only} runs`;
}

async function readWorkloads(
  context: ControllerContext,
  { metadata: { namespace = '' }, spec }: ServerGroup,
  signal: AbortSignal,
): Promise<{ workloads: Map<string, SeenWorkload>; missing: string[] }> {
  const workloads = new Map<string, SeenWorkload>();
  const missing: string[] = [];
  for (const { workload } of spec.servers) {
    const found = await context.client.find(
      workload.kind === 'StatefulSet' ? statefulSets : deployments,
      { namespace, name: workload.name },
      signal,
    );
    if (found === undefined) missing.push(`${workload.kind}/${workload.name}`);
    else
      workloads.set(`${workload.kind}/${workload.name}`, {
        images: Object.fromEntries(
          (found.spec.template.spec?.containers ?? []).map((container) => [container.name, container.image ?? '']),
        ),
        replicas: found.spec.replicas ?? 1,
        ready: found.status?.readyReplicas ?? 0,
        versionLabel:
          found.spec.template.metadata?.labels?.['app.kubernetes.io/version'] ??
          found.metadata.labels?.['app.kubernetes.io/version'] ??
          '',
      });
  }
  return { workloads, missing };
}

type ServerStatus = NonNullable<ServerGroupStatus['servers']>[number];

/** By its images when a Package has them (001-34), by the label people put on the workload otherwise. */
function serverStatus(server: Server, known: readonly Package[], seen: SeenWorkload | undefined): ServerStatus {
  const state = serverState(seen);
  const found = known.find((candidate) => runsOn(candidate, server, seen));
  if (found === undefined) {
    const label = seen?.versionLabel ?? '';
    return { name: server.name, ...(label === '' ? {} : { version: label.slice(0, 64) }), state };
  }
  const { version, components } = found.spec;
  return {
    name: server.name,
    version,
    package: found.metadata.name,
    ...(components === undefined ? {} : { components }),
    state,
  };
}

/** What it told of the release it runs goes before what the Package says (001-34). */
function withAnswers(
  now: ServerStatus,
  before: ServerStatus | undefined,
  told: AnsweredComponents | 'changed' | undefined,
): ServerStatus {
  if (told === 'changed') return now;
  const ofThis = told?.release === now.version ? told : undefined;
  const kept = told === undefined ? answersBefore(now, before) : ofThis;
  if (kept === undefined) return now;
  const { versions, run, at } = kept;
  const components = Object.keys(versions).toSorted();
  return { ...now, components: { ...now.components, ...versions }, answered: { components, run, at } };
}

/** The run that asked may be gone; its answers hold while the same Package runs. */
function answersBefore(
  now: ServerStatus,
  before: ServerStatus | undefined,
): Omit<AnsweredComponents, 'release'> | undefined {
  const { answered, components = {}, version, package: name } = before ?? {};
  if (answered === undefined || version === undefined) return undefined;
  if (version !== now.version || name !== now.package) return undefined;
  const versions = Object.fromEntries(answered.components.map((component) => [component, components[component] ?? '']));
  return { versions, run: answered.run, at: answered.at };
}

function serverState(seen: SeenWorkload | undefined): ServerStatus['state'] {
  if (seen === undefined) return 'Unknown';
  if (seen.replicas === 0) return 'Stopped';
  return seen.ready >= seen.replicas ? 'Running' : 'Degraded';
}
