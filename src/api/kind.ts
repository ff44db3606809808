import type * as z from 'zod';

export const apiGroup = 'belay.dev';
export const apiVersion = 'v1alpha1';

/** Metadata of an object, as the API server sends it. The same shape as the runtime's own, which this folder may not import. */
export interface ObjectMeta {
  name: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  creationTimestamp?: string;
  deletionTimestamp?: string;
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** One object of ours. `status` is absent until the controller has looked at it once. */
export interface ApiObject<Spec, Status> {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec: Spec;
  status?: Status;
}

/**
 * A rule in the Common Expression Language that the API server enforces on every write.
 * @typeParam T the value at which the rule stands
 */
export interface Rule<T = unknown> {
  rule: string;
  /** One line: which field is wrong and what to do about it. */
  message: string;
  /** Where the error points, such as ".upgradeType". */
  fieldPath?: string;
  /** FieldValueDuplicate is not offered: the API server leaves out the message with it. */
  reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired';
  /** The same question in TypeScript, asked when an object is decoded: for a cluster whose definitions are older. */
  check?(value: T): boolean;
}

/** One column of `kubectl get`. */
export interface Column {
  name: string;
  type: 'string' | 'integer' | 'date' | 'boolean';
  jsonPath: string;
  description: string;
  /** 0 is shown always, 1 only with `-o wide`. */
  priority?: 0 | 1;
}

/** Everything the generator, the decoder and the documentation need to know about a kind. */
export interface KindDefinition<Spec extends z.ZodType = z.ZodType, Status extends z.ZodType = z.ZodType> {
  kind: string;
  plural: string;
  shortNames: readonly string[];
  /** What one object of this kind is, for `kubectl explain` and the reference. */
  description: string;
  /** Who writes the spec: shown in the reference. */
  writtenBy: string;
  spec: Spec;
  status: Status;
  columns: readonly Column[];
  /** Longest name in characters, because other names derive from it. */
  maxNameLength: number;
  /**
   * Leaves out the rules below the top of the spec: copies of objects whose own definitions have enforced them,
   * so many that checking again would exceed what the API server allows rules to cost.
   */
  topRulesOnly?: boolean;
  /** Fields of the spec that lists can be filtered by. */
  selectableFields?: readonly string[];
  /** A valid object in YAML, shown in the reference and checked by the tests; empty for kinds nobody writes by hand. */
  example: string;
}

/** Keeps the exact schema types of a definition. */
export function defineKind<Spec extends z.ZodType, Status extends z.ZodType>(
  definition: KindDefinition<Spec, Status>,
): KindDefinition<Spec, Status> {
  return definition;
}
