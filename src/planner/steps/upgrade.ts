/** Gives the group's workloads the package's images, with the template before saved for the way back. Source: design 4.2. */
import type { RunServer } from '../../api/upgrade-run.ts';
import type { WorkloadRef } from '../effects.ts';
import { seeObject } from '../members.ts';
import { workloadKey, type WorkloadObject } from '../observed.ts';
import { act, done, fail, targetOf, waitOrFail, type StepContext, type StepVerdict } from '../verdict.ts';
import { beforeKey, revisionKey, templateKey } from './keys.ts';

export function evaluateUpgrade(context: StepContext): StepVerdict {
  const group = targetOf(context.run.spec, context.step);
  for (const server of group.servers) {
    const workload: WorkloadRef = { kind: server.workload.kind, name: server.workload.name };
    const seen = seeObject(context.observed, workload);
    if (seen === undefined) return fail('WorkloadNotFound', `${workloadKey(workload)} is gone`);
    const verdict = upgradeServer(context, server, workload, seen, group.takeOwnership);
    if (verdict !== undefined) return verdict;
  }
  return done(`${group.servers.length} workloads have the new template`);
}

function upgradeServer(
  context: StepContext,
  server: RunServer,
  workload: WorkloadRef,
  seen: WorkloadObject,
  takeOwnership: boolean,
): StepVerdict | undefined {
  const revision = context.handles[revisionKey(workload)] ?? revisionName(context, workload);
  if (!context.observed.saved.has(revision)) {
    return act({ kind: 'SaveRevision', workload, revision }, `the template of ${workload.name} is the way back`, {
      [revisionKey(workload)]: revision,
      [beforeKey(workload)]: seen.templateHash,
    });
  }
  if (seen.reconcilers.length > 0 && !takeOwnership) {
    const message = `${seen.reconcilers.join(', ')} reconciles ${workloadKey(workload)}: let it ignore the images, or set takeOwnership`;
    return waitOrFail(
      context,
      { reason: 'ManagedByOther', message, blocker: { type: 'Foreign', object: workloadKey(workload) } },
      'ManagedByOther',
    );
  }
  if (Object.entries(server.images).some(([container, image]) => seen.images[container] !== image)) {
    return act(
      { kind: 'ApplyImages', workload, images: server.images, takeOwnership },
      `${workload.name} has the old images`,
    );
  }
  const key = templateKey(workload);
  if (context.handles[key] === seen.templateHash) return undefined;
  return { kind: 'record', record: { [key]: seen.templateHash }, because: `what ${workload.name} should stay like` };
}

export function revisionName(context: Pick<StepContext, 'run'>, workload: WorkloadRef): string {
  return `${context.run.name}-${workload.kind.toLowerCase()}-${workload.name}`.slice(0, 253);
}
