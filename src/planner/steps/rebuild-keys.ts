/** Keys of the handles of a Rebuild run. Those that begin with `rebuild/` are of one run and pass to no other. */
import type { WorkloadRef } from '../effects.ts';

export const rebuildPrefix = 'rebuild/';

/** Members that are out by our hand when the plan begins, as "pool/member", comma-separated. */
export const heldMembersKey = 'held/members';

/** Other servers that are broken, as "group/server", comma-separated. */
export const othersKey = `${rebuildPrefix}others`;

/** Claims to be made empty again, comma-separated. */
export const replacedClaimsKey = `${rebuildPrefix}claims`;

/** The claim before it was made empty, as JSON, written by the engine with the effect that keeps its volume. */
export const replacedManifestKey = (claim: string): string => `${rebuildPrefix}manifest/${claim}`;

/** Notes of earlier runs are off the workload. */
export const workloadResetKey = `${rebuildPrefix}workload`;

/** The saved settings are back. */
export const settingsResetKey = `${rebuildPrefix}settings`;

/** Boot ID of the node before this very reboot. */
export const bootKey = (operation: string, node: string): string => `${rebuildPrefix}boot/${operation}/${node}`;

/** RFC 3339: when the Job of this very reboot was seen to have failed. */
export const rebootFailedKey = (operation: string, node: string): string =>
  `${rebuildPrefix}reboot-failed/${operation}/${node}`;

/** Nodes on which the server ran when it was last stopped, comma-separated. */
export const nodesKey = (workload: WorkloadRef): string => `nodes/${workload.kind}/${workload.name}`;

/** The items of a comma-separated list. */
export function listOf(text: string | undefined): string[] {
  return (text ?? '').split(',').filter((item) => item !== '');
}
