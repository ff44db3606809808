import * as z from 'zod';
import { instant, mapList, object } from './common.ts';

const conditionSchema = object('One condition, as defined by the Kubernetes API conventions.', {
  type: z
    .string()
    .min(1)
    .max(63)
    .regex(/^[A-Z][A-Za-z0-9]*$/)
    .meta({ description: 'type is the kind of the condition, such as "Ready".' }),
  status: z.enum(['True', 'False', 'Unknown']).meta({ description: 'status is True, False or Unknown.' }),
  observedGeneration: z
    .int()
    .min(0)
    .meta({ description: 'observedGeneration is the metadata.generation the condition speaks about.' })
    .optional(),
  lastTransitionTime: instant('lastTransitionTime is when status last changed.'),
  reason: z
    .string()
    .min(1)
    .max(128)
    .regex(/^[A-Z][A-Za-z0-9]*$/)
    .meta({ description: 'reason is the machine-readable cause, from docs/reasons.md.' }),
  message: z
    .string()
    .max(1024)
    .meta({ description: 'message says what is the matter and, if something is to be done, what.' }),
});

export type Condition = z.output<typeof conditionSchema>;
export type ConditionStatus = Condition['status'];

/** `status.conditions` of every kind. */
export const conditions = mapList(
  'conditions are what is known about the object now. Ready, Reconciling and Stalled follow the kstatus rules.',
  'type',
  conditionSchema,
  { max: 32 },
).optional();

const maxMessageLength = 1024;

/** What a condition should say now; the time of its last change is kept by `mergeConditions`. */
export type WantedCondition = Omit<Condition, 'lastTransitionTime'>;

/**
 * The conditions to write: `wanted` in its order, then those of `previous` that are not spoken about.
 * `lastTransitionTime` moves only when the status of a condition does, so that writing twice is no change.
 * @param now RFC 3339
 */
export function mergeConditions(
  previous: readonly Condition[] | undefined,
  wanted: readonly WantedCondition[],
  now: string,
): Condition[] {
  const before = new Map((previous ?? []).map((condition) => [condition.type, condition]));
  const merged = wanted.map((condition) => {
    const old = before.get(condition.type);
    before.delete(condition.type);
    const lastTransitionTime = old?.status === condition.status ? old.lastTransitionTime : now;
    return { ...condition, message: shorten(condition.message), lastTransitionTime };
  });
  return [...merged, ...before.values()];
}

export function findCondition(list: readonly Condition[] | undefined, type: string): Condition | undefined {
  return list?.find((condition) => condition.type === type);
}

/** Whether the condition is there and True; Unknown is not. */
export function isTrue(list: readonly Condition[] | undefined, type: string): boolean {
  return findCondition(list, type)?.status === 'True';
}

function shorten(message: string): string {
  return message.length <= maxMessageLength ? message : `${message.slice(0, maxMessageLength - 1)}…`;
}
