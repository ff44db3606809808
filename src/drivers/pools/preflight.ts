import type { Pool } from '../../api/pool.ts';
import type { Service } from '../../kube/objects.ts';
import type { MemberRef } from '../../planner/effects.ts';
import type { PoolObservation } from '../../planner/observed.ts';
import { findPoolLabelProblems, poolLabel } from '../../planner/pool-label.ts';
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

/** Two Pools that are one pool: each would undo what the other sets. Pure. */
export function checkAliases(pools: readonly Pool[]): Problem[] {
  const owners = new Map<string, Pool>();
  const problems: Problem[] = [];
  for (const pool of pools.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
    for (const place of new Set(placesOf(pool))) {
      const other = owners.get(place);
      if (other === undefined) owners.set(place, pool);
      else
        problems.push(
          poolProblem(
            pool,
            'PoolAliased',
            'spec',
            `it is the same as Pool ${other.metadata.name} (${place}): name one of them only`,
          ),
        );
    }
  }
  return problems;
}

function placesOf({ spec }: Pool): string[] {
  if (spec.service !== undefined) return [`service ${spec.service.name}`];
  return (spec.haproxy?.endpoints ?? []).map(
    (endpoint) => `backend ${spec.haproxy?.backend ?? ''} at ${endpoint.toLowerCase()}`,
  );
}

/** A pod carries one pool label: its workload cannot be in two Services that select different values. Pure. */
export function checkOneLabel(scenes: readonly PoolScene[]): Problem[] {
  const values = new Map<string, { value: string; pool: string }>();
  const problems: Problem[] = [];
  for (const { pool, service, members } of scenes) {
    const value = service?.spec.selector?.[poolLabel];
    if (value === undefined) continue;
    for (const { member } of members) {
      const key = `${member.workload.kind.toLowerCase()}/${member.workload.name}`;
      const other = values.get(key);
      if (other !== undefined && other.value !== value) {
        const message = `Pools ${other.pool} and ${pool.metadata.name} select different values of ${poolLabel}, and a pod carries one: let both Services select ${other.value}`;
        problems.push({ reason: 'PoolLabelConflict', object: key, field: 'spec.template.metadata.labels', message });
      } else values.set(key, { value, pool: pool.metadata.name });
    }
  }
  return problems;
}
