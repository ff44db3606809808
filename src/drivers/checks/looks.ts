/** Checks that a look answers. They read only. */
import { isForbidden } from '../../kube/kube-error.ts';
import type { KubeClient, KubeObject, Resource } from '../../kube/types.ts';
import { nodes, podDisruptionBudgets } from '../../kube/resources.ts';
import type { WorkloadRef } from '../../planner/effects.ts';
import { userClient } from '../access.ts';
import type { RunContext } from '../contract.ts';
import { podTemplates } from '../jobs/one-shot-job.ts';
import { briefList } from '../marks.ts';
import { findWorkload, isLive, podsOf, type Workload } from '../pods.ts';
import { bytesOf, checkBudgets, checkSnapshots, claimsOf, readStorage } from '../storage-scene.ts';
import { failed, passed, unknown, type Answer, type CheckOf } from './answer.ts';
import type { CheckParts } from './parts.ts';

export async function lookAtBudgets(
  { client }: CheckParts,
  context: RunContext,
  { workloads }: CheckOf<'Budgets'>,
  signal: AbortSignal,
): Promise<Answer> {
  const { namespace } = context;
  const found = await Promise.all(workloads.map((ref) => readWorkload(client, context, ref, signal)));
  const { items } = await client.list(podDisruptionBudgets, { namespace }, signal);
  const members = found.filter((one) => one !== undefined);
  const problems = checkBudgets(members, items);
  const [first] = problems;
  if (first === undefined)
    return passed(items.length === 0 ? 'there are no budgets' : 'no budget is exhausted for these workloads');
  return failed(
    `budgets allow no disruption: ${briefList(problems.map(({ object }) => object.replace('poddisruptionbudget/', '')))}`,
    'mend the pods they count, or loosen them for the upgrade',
  );
}

export async function lookAtSnapshots(
  { client }: CheckParts,
  context: RunContext,
  { className, workloads }: CheckOf<'Snapshots'>,
  signal: AbortSignal,
): Promise<Answer> {
  const scene = await readStorage(client, context, { object: className, className, workloads }, signal);
  const [problem] = checkSnapshots(scene);
  if (problem !== undefined)
    return failed(`${problem.object}: ${problem.message}`, 'mend the storage class or the claim');
  const sizes = scene.claims.map(({ claim }) => bytesOf(claim?.spec.resources?.requests?.['storage'] ?? '') ?? 0n);
  const room = await quotaProblem(client, context.namespace, sizes.length, signal);
  if (room.problem !== '')
    return failed(room.problem, 'raise the ResourceQuota, or delete snapshots that nobody needs');
  return passed(`${className}: ${scene.claims.length} claims, ${tellBytes(sizes)}`);
}

/** Room for the snapshots is known where a quota counts them; what the storage itself has left, nobody tells. */
export async function lookAtSpace(
  { client }: CheckParts,
  context: RunContext,
  { className, workloads }: CheckOf<'Space'>,
  signal: AbortSignal,
): Promise<Answer> {
  const scene = await readStorage(client, context, { object: className, className, workloads }, signal);
  if (scene.claims.length === 0) return passed('there is nothing to snapshot');
  const { problem, limits } = await quotaProblem(client, context.namespace, scene.claims.length, signal);
  if (problem !== '') return failed(problem, 'raise the ResourceQuota, or delete snapshots that nobody needs');
  const sizes = scene.claims.map(({ claim }) => bytesOf(claim?.spec.resources?.requests?.['storage'] ?? '') ?? 0n);
  const asked = `${className}: ${sizes.length} snapshots of up to ${tellBytes(sizes)}`;
  return limits.length > 0
    ? passed(`${asked}; ${limits.join(', ')}`)
    : unknown(`${asked}; no quota tells what room there is`, 'see that the storage has room for the snapshots');
}

function tellBytes(sizes: readonly bigint[]): string {
  const total = sizes.reduce((sum, size) => sum + size, 0n);
  return `${(Number(total / (1n << 20n)) / 1_024).toFixed(1)} GiB`;
}

interface ResourceQuota extends KubeObject {
  status?: { hard?: Record<string, string>; used?: Record<string, string> };
}

const resourceQuotas: Resource<ResourceQuota> = {
  group: '',
  version: 'v1',
  plural: 'resourcequotas',
  kind: 'ResourceQuota',
  namespaced: true,
};

const counted = 'count/volumesnapshots.snapshot.storage.k8s.io';

/** Whoever may not read them is not told of them. */
async function readQuotas(client: KubeClient, namespace: string, signal: AbortSignal): Promise<ResourceQuota[]> {
  try {
    return (await client.list(resourceQuotas, { namespace }, signal)).items;
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return [];
  }
}

async function quotaProblem(
  client: KubeClient,
  namespace: string,
  wanted: number,
  signal: AbortSignal,
): Promise<{ problem: string; limits: string[] }> {
  const items = await readQuotas(client, namespace, signal);
  const limits: string[] = [];
  for (const { metadata, status } of items) {
    const hard = bytesOf(status?.hard?.[counted] ?? '');
    if (hard === undefined) continue;
    const left = hard - (bytesOf(status?.used?.[counted] ?? '0') ?? 0n);
    if (left < BigInt(wanted))
      return { problem: `ResourceQuota ${metadata.name} leaves ${left} snapshots, ${wanted} are needed`, limits: [] };
    limits.push(`ResourceQuota ${metadata.name} leaves ${left}`);
  }
  return { problem: '', limits };
}

export async function lookAtVolumes(
  { client }: CheckParts,
  context: RunContext,
  { workloads }: CheckOf<'Volumes'>,
  signal: AbortSignal,
): Promise<Answer> {
  const claims = await claimsOf(client, context, workloads, signal);
  if (claims.length === 0) return passed('');
  return failed(
    `${claims.length} claims have no snapshot class: ${briefList(claims)}`,
    'name a class in spec.snapshot of the ServerGroup, or back the volumes up yourself',
  );
}

export async function lookAtMachine(
  { client }: CheckParts,
  context: RunContext,
  check: CheckOf<'Machine'>,
  signal: AbortSignal,
): Promise<Answer> {
  const as = userClient(client, context);
  const { namespace } = context;
  for (const name of check.podTemplates) {
    const spec = (await as.find(podTemplates, { namespace, name }, signal))?.template.spec;
    if (spec === undefined) continue;
    if (spec.nodeName !== undefined || spec.nodeSelector !== undefined || spec.affinity?.['nodeAffinity'] !== undefined)
      return passed(`PodTemplate ${name} chooses its machine`);
  }
  return failed(
    `no PodTemplate of a probe chooses a machine: ${briefList(check.podTemplates)}`,
    'give one of them a nodeSelector or nodeAffinity for the test machine',
  );
}

interface NodeImages {
  images?: { names?: string[] }[];
}

/** A node lists some of its images only, so a missing one may be there all the same. */
export async function lookAtStaged(
  { client }: CheckParts,
  context: RunContext,
  { workload: ref, images }: CheckOf<'Staged'>,
  signal: AbortSignal,
): Promise<Answer> {
  const found = await readWorkload(client, context, ref, signal);
  const owned = found === undefined ? [] : (await podsOf(userClient(client, context), found.workload, signal)).pods;
  const names = [...new Set(owned.filter(isLive).flatMap(({ spec }) => spec.nodeName ?? []))].toSorted();
  if (names.length === 0)
    return unknown(
      `${ref.kind} ${ref.name} has no pods, so its nodes are not known`,
      'start it, or have the images pulled',
    );
  for (const name of names) {
    const node = await client.find(nodes, { name }, signal);
    const has = new Set(((node?.status ?? {}) as NodeImages).images?.flatMap((image) => image.names ?? []));
    const missing = images.filter((image) => ![...has].some((known) => digestOf(known) === digestOf(image)));
    if (missing.length > 0)
      return unknown(
        `node ${name} does not list ${briefList(missing.map(shortImage))}`,
        'load the images onto the nodes, or see that the registry answers',
      );
  }
  return passed(`${images.length} images are on ${briefList(names)}`);
}

/** Names differ from node to node, what they hold does not. */
function digestOf(image: string): string {
  return image.includes('@') ? image.slice(image.lastIndexOf('@')) : image;
}

function shortImage(image: string): string {
  return image.replace(/(@sha256:[0-9a-f]{12})[0-9a-f]*$/, '$1');
}

async function readWorkload(
  client: KubeClient,
  context: RunContext,
  ref: WorkloadRef,
  signal: AbortSignal,
): Promise<{ readonly ref: WorkloadRef; readonly workload: Workload } | undefined> {
  const workload = await findWorkload(userClient(client, context), context.namespace, ref, signal);
  return workload === undefined ? undefined : { ref, workload };
}
