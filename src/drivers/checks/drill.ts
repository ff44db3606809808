/**
 * A restore drill of one volume: a snapshot of the smallest claim, a claim made from it under a name of its own, and a
 * Job that reads what is in it. The claim itself, and whoever uses it, is not touched.
 */
import { isAlreadyExists, isNotFound } from '../../kube/kube-error.ts';
import type { PersistentVolumeClaim, PodSpec } from '../../kube/objects.ts';
import { jobs, persistentVolumeClaims, volumeSnapshots } from '../../kube/resources.ts';
import type { KubeClient, KubeObject, Resource } from '../../kube/types.ts';
import { parseInstant } from '../../shared/instant.ts';
import { userClient } from '../access.ts';
import type { Operation, RunContext } from '../contract.ts';
import { pendingReason } from '../jobs/pod-state.ts';
import { operationMark, ownLabels } from '../marks.ts';
import { findWorkload, type Workload } from '../pods.ts';
import { bytesOf, largerQuantity, readStorage, type StorageScene } from '../storage-scene.ts';
import { absent, failed, passed, running, unknown, working, type Answer, type CheckOf } from './answer.ts';
import type { CheckParts } from './parts.ts';
import { endOfJob } from '../jobs/named-job.ts';
import { checkAnnotation, checkName, createCheckJob, findCheckJob, type FoundJob } from './job-object.ts';

/** How long the storage may take for the snapshot. */
const snapshotMs = 10 * 60_000;
const timeout = '15m';
const mountPath = '/drill';
const script = [
  'cd /drill',
  // By itself: of a pipe only the last part would count.
  'find . -name lost+found -prune -o -type f -exec cat {} + > /dev/null',
  'n=$(find . -name lost+found -prune -o -type f -print | wc -l)',
  'k=$(du -sk . 2> /dev/null | cut -f1)',
  's=$(find . -name lost+found -prune -o -type f -exec cat {} + | cksum | cut -d" " -f1)',
  'printf "%s files, %s KiB, checksum %s" $n $k $s > /dev/termination-log',
].join(' && ');

type Drill = CheckOf<'Drill'>;

export async function observeDrill(
  { client, clock }: CheckParts,
  context: RunContext,
  check: Drill,
  signal: AbortSignal,
): Promise<Answer> {
  const as = userClient(client, context);
  const at = { namespace: context.namespace, name: checkName(check.id) };
  const job = await findCheckJob(client, context, check.id, signal);
  const snapshot = await as.find(volumeSnapshots, at, signal);
  const source = snapshot?.spec.source.persistentVolumeClaimName ?? '';
  if (job !== undefined) return answerOf(source, job);
  if (snapshot === undefined) return (await whyNot(client, context, check, signal)) ?? absent;
  if (snapshot.metadata.annotations?.[checkAnnotation] !== check.id)
    return unknown(`VolumeSnapshot ${at.name} was not made for this drill`, 'delete or rename it');
  if (snapshot.status?.readyToUse === true) return working(`the snapshot of ${source} is ready`);
  const said = snapshot.status?.error?.message ?? '';
  const sinceMs =
    clock.now() - parseInstant(snapshot.metadata.creationTimestamp ?? new Date(clock.now()).toISOString());
  if (sinceMs < snapshotMs) return running(`claim ${source} is snapshotted${said === '' ? '' : `: ${said}`}`);
  return failed(
    `the snapshot of claim ${source} is not ready after 10m${said === '' ? '' : `: ${said}`}`,
    'mend the snapshot driver or its class',
  );
}

/** What there is to drill; an answer where there is nothing, or nothing that could be cleared away again. */
async function whyNot(
  client: KubeClient,
  context: RunContext,
  { className, workloads }: Drill,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  const scene = await readStorage(client, context, { object: className, className, workloads }, signal);
  if (scene.claims.length === 0) return passed(`${className}: no claim uses it`);
  if (scene.snapshotClass === undefined)
    return failed(`VolumeSnapshotClass ${className} does not exist`, 'create it, or name another in the ServerGroup');
  if (scene.snapshotClass.deletionPolicy === 'Retain')
    return unknown(
      `VolumeSnapshotClass ${className} keeps what is deleted, so the drill could leave nothing but litter`,
      'name a class with deletionPolicy Delete, or waive the drill',
    );
  const smallest = smallestOf(scene);
  if (smallest === undefined)
    return unknown(`${className}: no claim with files is bound`, 'drill it by hand, then waive the check');
  if (smallest.storageClass?.reclaimPolicy === 'Retain')
    return unknown(
      `StorageClass ${smallest.storageClass.metadata.name} keeps the volumes of deleted claims`,
      'drill it by hand, then waive the check',
    );
  return undefined;
}

type SceneClaim = StorageScene['claims'][number] & { readonly claim: PersistentVolumeClaim };

function smallestOf({ claims }: StorageScene): SceneClaim | undefined {
  const usable = claims.flatMap((one) =>
    one.claim === undefined ||
    one.claim.metadata.deletionTimestamp !== undefined ||
    one.claim.spec.volumeMode === 'Block' ||
    (one.claim.spec.volumeName ?? '') === ''
      ? []
      : [{ ...one, claim: one.claim }],
  );
  return usable.toSorted((a, b) => {
    const [left, right] = [sizeOf(a.claim), sizeOf(b.claim)];
    if (left !== right) return left < right ? -1 : 1;
    return a.name < b.name ? -1 : 1;
  })[0];
}

function sizeOf({ spec, status }: PersistentVolumeClaim): bigint {
  return bytesOf(status?.capacity?.['storage'] ?? spec.resources?.requests?.['storage'] ?? '') ?? 0n;
}

/** The next thing that is missing. */
export async function runDrill(
  { client }: CheckParts,
  operation: Operation,
  check: Drill,
  signal: AbortSignal,
): Promise<void> {
  const as = userClient(client, operation);
  const at = { namespace: operation.namespace, name: checkName(check.id) };
  const scene = await readStorage(client, operation, { object: check.className, ...check }, signal);
  const snapshot = await as.find(volumeSnapshots, at, signal);
  const marks = {
    ...at,
    labels: ownLabels(operation),
    annotations: { ...operationMark(operation), [checkAnnotation]: check.id },
  };
  if (snapshot === undefined) {
    const smallest = smallestOf(scene);
    if (smallest === undefined) return;
    const source = { persistentVolumeClaimName: smallest.name };
    return createOnce(
      as,
      volumeSnapshots,
      {
        apiVersion: 'snapshot.storage.k8s.io/v1',
        kind: 'VolumeSnapshot',
        metadata: marks,
        spec: { volumeSnapshotClassName: check.className, source },
      },
      signal,
    );
  }
  if (snapshot.status?.readyToUse !== true || snapshot.metadata.annotations?.[checkAnnotation] !== check.id) return;
  const name = snapshot.spec.source.persistentVolumeClaimName ?? '';
  const source = scene.claims.find((claim) => claim.name === name)?.claim;
  if (source === undefined) return;
  const aside = asideOf(source, marks, snapshot.status.restoreSize);
  await createOnce(as, persistentVolumeClaims, aside, signal);
  await readAside(client, operation, check, signal);
}

function asideOf(
  { spec }: PersistentVolumeClaim,
  metadata: PersistentVolumeClaim['metadata'],
  restoreSize: string | undefined,
): PersistentVolumeClaim {
  const storage = largerQuantity(spec.resources?.requests?.['storage'], restoreSize) ?? '1Gi';
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata,
    spec: {
      accessModes: ['ReadWriteOnce'],
      ...(spec.storageClassName === undefined ? {} : { storageClassName: spec.storageClassName }),
      resources: { requests: { storage } },
      dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: metadata.name },
    },
  };
}

async function readAside(client: KubeClient, operation: Operation, check: Drill, signal: AbortSignal): Promise<void> {
  const [ref] = check.workloads;
  const workload =
    ref === undefined ? undefined : await findWorkload(userClient(client, operation), operation.namespace, ref, signal);
  const image = check.image === '' ? (workload?.spec.template.spec.containers[0]?.image ?? '') : check.image;
  const pod: Partial<PodSpec> = {
    ...(workload === undefined ? {} : readerOf(workload)),
    volumes: [{ name: 'drill', persistentVolumeClaim: { claimName: checkName(check.id) } }],
  };
  const volumeMounts = [{ name: 'drill', mountPath, readOnly: true }];
  const command = ['sh', '-c', script];
  await createCheckJob(client, operation, { id: check.id, image, command, timeout, pod, volumeMounts }, signal);
}

/** Files belong to whom the server runs as: the Job reads them as the same. */
function readerOf({ spec }: Workload): Partial<PodSpec> {
  const { securityContext, containers, imagePullSecrets, serviceAccountName, tolerations } = spec.template.spec;
  const own = containers[0]?.securityContext ?? {};
  const runAs = { ...pick(securityContext ?? {}), ...pick(own) };
  return {
    ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }),
    ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
    ...(tolerations === undefined ? {} : { tolerations }),
    ...(Object.keys(runAs).length === 0
      ? {}
      : { securityContext: { ...runAs, seccompProfile: { type: 'RuntimeDefault' } } }),
  };
}

function pick(from: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const keys = ['runAsUser', 'runAsGroup', 'runAsNonRoot', 'fsGroup', 'supplementalGroups'];
  return Object.fromEntries(keys.flatMap((key) => (from[key] === undefined ? [] : [[key, from[key]]])));
}

function answerOf(claim: string, { job, pod }: FoundJob): Answer {
  const end = endOfJob(job);
  const ended = pod?.status?.containerStatuses?.[0]?.state?.terminated;
  if (end === 'Complete') {
    const seconds = secondsBetween(job.status?.startTime, job.status?.completionTime);
    return passed(`claim ${claim} was restored aside and read in ${seconds} s: ${ended?.message ?? 'it said nothing'}`);
  }
  if (end === undefined) return running(`claim ${claim} is read aside${said(pendingReason(pod))}`);
  if (ended?.reason === 'StartError' || ended?.reason === 'ContainerCannotRun')
    return unknown(
      'the image has no shell to read the volume with',
      'name an image with a shell in spec.preflight.image',
    );
  const why =
    ended === undefined
      ? pendingReason(pod) || `it did not end within ${timeout}`
      : `exit ${ended.exitCode}${said(lastWords(ended.message))}`;
  return failed(
    `claim ${claim} could not be read from its snapshot: ${why}`,
    'mend the storage, or the image in spec.preflight.image',
  );
}

function lastWords(message = ''): string {
  return message.trim().split('\n').slice(-2).join(' ').slice(-200);
}

function said(reason: string): string {
  return reason === '' ? '' : `: ${reason}`;
}

function secondsBetween(from: string | undefined, to: string | undefined): string {
  if (from === undefined || to === undefined) return 'some';
  return String(Math.round((parseInstant(to) - parseInstant(from)) / 1_000));
}

/** Everything temporary, as far as it was made for this drill; the server ends it in its own time. */
export async function endDrill(
  { client }: CheckParts,
  operation: Operation,
  { id }: Drill,
  signal: AbortSignal,
): Promise<void> {
  const as = userClient(client, operation);
  const at = { namespace: operation.namespace, name: checkName(id) };
  for (const resource of [jobs, persistentVolumeClaims, volumeSnapshots] as readonly Resource[]) {
    const found = await as.find(resource, at, signal);
    if (found?.metadata.annotations?.[checkAnnotation] !== id || found.metadata.deletionTimestamp !== undefined)
      continue;
    try {
      await as.delete(resource, at, { signal, uid: found.metadata.uid ?? '', propagation: 'Background' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

async function createOnce<T extends KubeObject>(
  as: KubeClient,
  resource: Resource<T>,
  object: T,
  signal: AbortSignal,
): Promise<void> {
  try {
    await as.create(resource, object, { signal });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
