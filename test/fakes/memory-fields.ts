/** Field ownership of server-side apply, good enough for tests: leaves, keyed lists, atomic lists. */
import { isDeepStrictEqual } from 'node:util';
import { KubeError } from '../../src/kube/kube-error.ts';
import type { ManagedFields } from '../../src/kube/types.ts';
import { isJson } from './memory-patch.ts';
import type { Json } from './memory-patch.ts';

export interface Owner {
  manager: string;
  operation: 'Apply' | 'Update';
  subresource?: string | undefined;
  /** Leaf path (segments joined by NUL) to itself split; a list item is `k:{"name":"x"}`. */
  leaves: Map<string, readonly string[]>;
}

const unowned = new Set(['apiVersion', 'kind']);
const ownedMetadata = new Set(['labels', 'annotations', 'finalizers', 'ownerReferences']);
const listKeys = ['name', 'type', 'uid', 'containerPort'];

/** Every leaf of the fields a manager can own. */
export function leavesOf(object: Json): Map<string, { path: readonly string[]; value: unknown }> {
  const leaves = new Map<string, { path: readonly string[]; value: unknown }>();
  const visit = (value: unknown, path: readonly string[]): void => {
    if (isJson(value) && Object.keys(value).length > 0) {
      for (const [key, child] of Object.entries(value)) visit(child, [...path, `f:${key}`]);
      return;
    }
    const key = Array.isArray(value) ? listKeyOf(value) : undefined;
    if (Array.isArray(value) && key !== undefined) {
      for (const item of value) visit(item, [...path, `k:${JSON.stringify({ [key]: item[key] })}`]);
      return;
    }
    leaves.set(path.join('\0'), { path, value });
  };
  for (const [key, value] of Object.entries(object)) {
    if (unowned.has(key)) continue;
    if (key !== 'metadata') visit(value, [`f:${key}`]);
    else if (isJson(value)) {
      for (const [field, child] of Object.entries(value)) {
        if (ownedMetadata.has(field)) visit(child, ['f:metadata', `f:${field}`]);
      }
    }
  }
  return leaves;
}

/** The field that names the items of a list; undefined when the list is atomic. */
function listKeyOf(list: readonly unknown[]): string | undefined {
  if (list.length === 0 || !list.every(isJson)) return undefined;
  return listKeys.find(
    (key) => new Set(list.map((item) => item[key])).size === list.length && list[0]?.[key] !== undefined,
  );
}

export interface ApplyInput {
  live: Json;
  owners: readonly Owner[];
  applied: Json;
  manager: string;
  subresource?: string | undefined;
  force: boolean;
}

/** The live object after an apply and who owns what then. @throws KubeError 409 with one cause per conflict */
export function applyFields(input: ApplyInput): { object: Json; owners: Owner[] } {
  const wanted = leavesOf(input.applied);
  const live = leavesOf(input.live);
  const isMine = (owner: Owner): boolean =>
    owner.manager === input.manager && owner.operation === 'Apply' && owner.subresource === input.subresource;
  const others = input.owners.filter((owner) => !isMine(owner));
  const mine = input.owners.find(isMine);
  const conflicts: { manager: string; operation: string; key: string; path: readonly string[] }[] = [];
  for (const [key, { path, value }] of wanted) {
    if (isDeepStrictEqual(live.get(key)?.value, value)) continue;
    for (const owner of others) {
      if (owner.leaves.has(key)) conflicts.push({ manager: owner.manager, operation: owner.operation, key, path });
    }
  }
  if (conflicts.length > 0 && !input.force) throw conflictError(conflicts);

  const object = structuredClone(input.live);
  // The leaf that names a list item goes last: the other leaves are found by it.
  const isName = ([, path]: [string, readonly string[]]): boolean =>
    path.at(-2)?.startsWith(`k:{"${path.at(-1)?.slice(2)}":`) === true;
  const withdrawn = [...(mine?.leaves ?? [])].filter(
    ([key]) => !wanted.has(key) && !others.some((owner) => owner.leaves.has(key)),
  );
  for (const [, path] of [...withdrawn.filter((one) => !isName(one)), ...withdrawn.filter(isName)]) {
    removeLeaf(object, path);
  }
  for (const { path, value } of wanted.values()) setLeaf(object, path, value);
  const lost = new Set(conflicts.map(({ key }) => key));
  const owners = others.map((owner) => withoutLeaves(owner, lost)).filter((owner) => owner.leaves.size > 0);
  const leaves = new Map([...wanted].map(([key, { path }]) => [key, path] as const));
  owners.push({ manager: input.manager, operation: 'Apply', subresource: input.subresource, leaves });
  return { object, owners };
}

/** Ownership after a create, PUT or patch: who changed a leaf owns it alone. */
export function updateOwners(
  before: Json | undefined,
  after: Json,
  owners: readonly Owner[],
  writer: { manager: string; subresource?: string | undefined },
): Owner[] {
  const old = leavesOf(before ?? {});
  const now = leavesOf(after);
  const changed = new Map<string, readonly string[]>();
  for (const [key, { path, value }] of now) {
    if (!isDeepStrictEqual(old.get(key)?.value, value)) changed.set(key, path);
  }
  const gone = new Set([...old.keys()].filter((key) => !now.has(key)));
  const isWriter = (owner: Owner): boolean =>
    owner.manager === writer.manager && owner.operation === 'Update' && owner.subresource === writer.subresource;
  const mine = owners.find(isWriter);
  const rest = owners
    .filter((owner) => !isWriter(owner))
    .map((owner) => withoutLeaves(owner, new Set([...changed.keys(), ...gone])));
  const leaves = new Map([
    ...withoutLeaves(mine ?? { ...writer, operation: 'Update', leaves: new Map() }, gone).leaves,
    ...changed,
  ]);
  return [...rest, { ...writer, operation: 'Update' as const, leaves }].filter((owner) => owner.leaves.size > 0);
}

export function toManagedFields(owners: readonly Owner[], time: string): ManagedFields[] {
  return owners.map((owner) => {
    const fieldsV1: Json = {};
    for (const path of owner.leaves.values()) {
      let node = fieldsV1;
      for (const segment of path) {
        const next = node[segment];
        node = isJson(next) ? next : (node[segment] = {});
      }
    }
    const { manager, operation, subresource } = owner;
    return { manager, operation, time, fieldsV1, ...(subresource === undefined ? {} : { subresource }) };
  });
}

function withoutLeaves(owner: Owner, keys: ReadonlySet<string>): Owner {
  return { ...owner, leaves: new Map([...owner.leaves].filter(([key]) => !keys.has(key))) };
}

function conflictError(
  conflicts: readonly { manager: string; operation: string; path: readonly string[] }[],
): KubeError {
  return new KubeError({
    status: 409,
    reason: 'Conflict',
    message: `Apply failed with ${conflicts.length} conflict(s)`,
    causes: conflicts.map(({ manager, operation, path }) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with "${manager}"${operation === 'Update' ? ' using v1' : ''}`,
      field: path
        .map((segment) =>
          segment.startsWith('f:') ? `.${segment.slice(2)}` : `[${segment.slice(3, -1).replace(':', '=')}]`,
        )
        .join(''),
    })),
  });
}

function setLeaf(root: Json, path: readonly string[], value: unknown): void {
  let node: unknown = root;
  for (const [index, segment] of path.entries()) {
    const isLast = index === path.length - 1;
    if (segment.startsWith('f:') && isJson(node)) {
      const field = segment.slice(2);
      if (isLast) node[field] = structuredClone(value);
      else node[field] ??= path[index + 1]?.startsWith('k:') === true ? [] : {};
      node = node[field];
    } else if (Array.isArray(node)) {
      const key: Json = JSON.parse(segment.slice(2));
      const found = itemOf(node, key);
      if (found === undefined) node.push((node = { ...key }));
      else node = found;
    }
  }
}

function removeLeaf(root: Json, path: readonly string[]): void {
  let node: unknown = root;
  for (const segment of path.slice(0, -1)) {
    if (segment.startsWith('f:')) node = isJson(node) ? node[segment.slice(2)] : undefined;
    else node = Array.isArray(node) ? itemOf(node, JSON.parse(segment.slice(2))) : undefined;
  }
  const last = path.at(-1)?.slice(2);
  if (isJson(node) && last !== undefined) delete node[last];
  pruneEmptyItems(root, path);
}

/** A list item goes when nobody owns anything of it but its key, and so does the list with its last item. */
function pruneEmptyItems(root: Json, path: readonly string[]): void {
  let node: unknown = root;
  for (const [index, segment] of path.entries()) {
    if (segment.startsWith('f:')) {
      const field = segment.slice(2);
      const child = isJson(node) ? node[field] : undefined;
      const itemKey = path[index + 1];
      if (Array.isArray(child) && itemKey?.startsWith('k:') === true) {
        const at = child.findIndex((item) => isDeepStrictEqual(item, {}));
        if (at >= 0) child.splice(at, 1);
        if (child.length === 0 && isJson(node)) delete node[field];
        return;
      }
      node = child;
    }
  }
}

function itemOf(list: readonly unknown[], key: Json): Json | undefined {
  return list.filter(isJson).find((item) => Object.entries(key).every(([field, value]) => item[field] === value));
}
