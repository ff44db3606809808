import type { Pool } from '../../api/pool.ts';
import type { Service } from '../../kube/objects.ts';
import type { MemberRef } from '../../planner/effects.ts';
import type { PoolObservation } from '../../planner/observed.ts';
import { findPoolLabelConflicts, findPoolLabelProblems, poolLabel } from '../../planner/pool-label.ts';
import type { Problem } from '../../planner/validate.ts';
import { jsonPathProblem } from '../json-path.ts';
import { type Workload, selectorKeys } from '../pods.ts';

export interface PoolScene {
  readonly pool: Pool;
  readonly service: Service | undefined;
  readonly members: readonly { readonly member: MemberRef; readonly workload: Workload | undefined }[];
  readonly seen: PoolObservation;
}

/** What keeps one pool from being driven; design 4.1. Pure. */
export function checkPool(scene: PoolScene): Problem[] {
  const { pool } = scene;
  const source = pool.spec.drain.connections?.http.json;
  const wrongPath = source === undefined ? '' : jsonPathProblem(source);
  return [
    ...(wrongPath === ''
      ? []
      : [poolProblem(pool, 'InvalidJsonPath', 'spec.drain.connections.http.json', `${wrongPath}: correct the path`)]),
    ...(pool.spec.service === undefined ? checkHaproxy(scene) : checkService(scene)),
  ];
}

function poolProblem(pool: Pool, reason: string, field: string, message: string): Problem {
  return { reason, object: `pool/${pool.metadata.name}`, field, message };
}

function checkService({ pool, service, members }: PoolScene): Problem[] {
  const name = pool.spec.service?.name ?? '';
  if (service === undefined)
    return [
      poolProblem(
        pool,
        'ReferenceNotFound',
        'spec.service.name',
        `Service ${name} does not exist: create it, or correct the name`,
      ),
    ];
  return findPoolLabelProblems(
    { name, selector: service.spec.selector ?? {} },
    members.flatMap(({ member, workload }) =>
      workload === undefined
        ? []
        : [
            {
              kind: member.workload.kind,
              name: member.workload.name,
              selectorKeys: selectorKeys(workload.spec.selector),
              labels: workload.spec.template.metadata?.labels ?? {},
            },
          ],
    ),
  );
}

function checkHaproxy({ pool, seen }: PoolScene): Problem[] {
  if (!seen.reachable.known)
    return [poolProblem(pool, 'PoolUnobservable', 'spec.haproxy.endpoints', seen.reachable.why)];
  return seen.members
    .filter(({ state }) => state === 'Unknown')
    .map(({ detail, member }) =>
      poolProblem(
        pool,
        'MemberMissing',
        'spec.haproxy.backend',
        `${detail}: add ${member} to HAProxy, or correct the member of the server`,
      ),
    );
}

/** A pod carries one pool label: its workload cannot be in two Services that select different values. Pure. */
export function checkOneLabel(scenes: readonly PoolScene[]): Problem[] {
  return findPoolLabelConflicts(
    scenes.map(({ pool, service, members }) => ({
      pool: pool.metadata.name,
      value: service?.spec.selector?.[poolLabel],
      workloads: members.map(({ member }) => member.workload),
    })),
  );
}
