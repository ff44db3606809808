/**
 * Keys of the journal's handles. Names, counts and hashes that the world cannot tell again, each written by one
 * step and read by later ones and by the rollback.
 */
import type { MemberRef, WorkloadRef } from '../effects.ts';

/** "ours" or "person": by whose hand the member is out of its pool. */
export const drainedKey = (member: MemberRef): string => `drained/${member.pool}/${member.member}`;

/** On an intact member that its pool did not take back before the run went on. */
export const leftOutKey = (member: MemberRef): string => `left-out/${member.pool}/${member.member}`;

/** RFC 3339: when a run that ends in this attempt of a step has begun to ask the pools to take the intact back. */
export const returningKey = (step: string, attempt: number): string => `returning/${step}/${attempt}`;

/** Who is to be cut off in this very drain, with the count: evidence, written before. */
export const cutKey = (operation: string, member: MemberRef): string =>
  `cut/${operation}/${member.pool}/${member.member}`;

/** The connection count at which this very drain was forced: what an earlier one saw says nothing about it. */
export const forcedKey = (operation: string, member: MemberRef): string =>
  `forced/${operation}/${member.pool}/${member.member}`;

/** What is missing in a pool after this very drain, and who has waived that. */
export const thinKey = (operation: string): string => `thin/${operation}`;

/** RFC 3339: when the last member left rotation in this very drain. */
export const outKey = (operation: string): string => `out/${operation}`;

/** Replica count before the stop. */
export const replicasKey = (workload: WorkloadRef): string => `replicas/${workload.kind}/${workload.name}`;

/** ControllerRevision with the template before. */
export const revisionKey = (workload: WorkloadRef): string => `revision/${workload.kind}/${workload.name}`;

/** Hash of the template before our change. */
export const beforeKey = (workload: WorkloadRef): string => `before/${workload.kind}/${workload.name}`;

/** Hash of the template after our change: anything else later is somebody's. */
export const templateKey = (workload: WorkloadRef): string => `template/${workload.kind}/${workload.name}`;

/** Secret with the settings before. */
export const settingsKey = (group: string): string => `settings/${group}`;

/** Claims of the group, comma-separated. */
export const claimsKey = (group: string): string => `claims/${group}`;

export const snapshotKey = (claim: string): string => `snapshot/${claim}`;

/** A snapshot of the claim that an earlier attempt gave up waiting for: released with the others, never restored. */
export const abandonedKey = (claim: string, snapshot: string): string => `abandoned/${claim}/${snapshot}`;

export function isAbandoned(handles: Readonly<Record<string, string>>, snapshot: string): boolean {
  return Object.keys(handles).some((key) => key.startsWith('abandoned/') && key.endsWith(`/${snapshot}`));
}

/** The claim as it was, as JSON, written by the engine with the snapshot. */
export const manifestKey = (claim: string): string => `manifest/${claim}`;

/** RFC 3339: when the group first met users after its change. */
export const servedKey = (group: string): string => `served/${group}`;

/** Tells a rollback to put back the volumes that a failed restore moved aside. */
export const reattachKey = (group: string): string => `reattach/${group}`;

/** Name of the upgrade a rollback belongs to; in a plan's handles. */
export const originKey = 'origin/run';

/** UID of the run that hands its locks over; in a plan's handles. */
export const previousUIDKey = 'previous/uid';

/** Step that a Decision resumed: it counts once. */
export const resumedKey = (decision: string): string => `resumed/${decision}`;

/** Decision to put everything back and begin again, written down before anything follows from it. */
export const restartKey = 'restart/decision';

/** Fact of a rollback's plan: what follows when it has ended well. */
export const nextFact = 'next';

/** Who signed off: from then on snapshots need not be kept. */
export const signedOffKey = 'signed-off';

/** Who approved the start. */
export const startApprovedKey = 'start-approved';

/** Who approved the result of this very attempt of a joint step, in which role; the role is empty where any will do. */
export const approvedKey = (operation: string, role: string): string =>
  `approved/${operation}${role === '' ? '' : `/${role}`}`;

/** The operation in which a word on a joint step or the sign-off was heard: a refusal counts for that one alone. */
export const heardKey = (decision: string): string => `heard/${decision}`;

/** The kept object was deleted. */
export const releasedKey = (name: string): string => `released/${name}`;

/** How many locks this very attempt has taken, and given back: see `locks.ts`. */
export const lockedKey = (operation: string): string => `locked/${operation}`;
export const unlockedKey = (operation: string): string => `unlocked/${operation}`;

/** Name of the newest backup that was verified, and RFC 3339 when. */
export const backupKey = 'backup/handle';
export const backupAtKey = 'backup/at';

/** Who attests it; absent where its Job made it. */
export const backupByKey = 'backup/by';

/** By which what people have done in this very attempt is found again. */
export const referenceKey = (operation: string): string => `reference/${operation}`;

/** Version of the schema before the run. */
export const schemaBeforeKey = 'schema/before';

/** Version of the schema as the last step that changed it has read it. */
export const schemaNowKey = 'schema/now';

/** Operation of the migration that may have changed the schema, written down before it begins. */
export const schemaChangedKey = 'schema/changed';

/** Whose the read-only mode of the database is: "ours" from before it is set, "somebody" where it was set already, "cleared". */
export const readOnlyKey = 'guard/read-only';

/** How often this very migration was begun: its evidence is asked for anew each time. */
export const migrationKey = (operation: string): string => `migration/${operation}`;
