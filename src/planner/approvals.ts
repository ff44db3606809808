/** Who has to say yes, by the policy that a run was made with. Source: 001-03, 001-26, 001-96, 001-115. */
import type { Step, UpgradeRunSpec } from '../api/upgrade-run.ts';
import { parseDuration } from '../shared/duration.ts';

/** In which somebody decides; empty: whoever is entitled. */
export type Role = 'Engineer' | 'Administrator' | '';

const bothRoles: readonly Role[] = ['Engineer', 'Administrator'];
const defaultExpireAfter = '72h';

/** Roles in which somebody has to agree before this step is over; none where its tests alone decide. */
export function rolesFor(spec: UpgradeRunSpec, step: Step): readonly Role[] {
  // The way back is never held up for a second opinion.
  if (spec.purpose !== 'Upgrade' || step.actor !== 'Joint' || step.skip !== undefined) return [];
  const { jointSteps = 'Automatic' } = spec.policy.approvals ?? {};
  if (jointSteps === 'Both') return bothRoles;
  return jointSteps === 'One' || step.action === 'AwaitDecision' ? [''] : [];
}

export function mustApproveStart(spec: UpgradeRunSpec): boolean {
  return spec.purpose === 'Upgrade' && spec.policy.approvals?.start === 'Required';
}

/** How long a decision that was not used counts, as written and in milliseconds. */
export function expireAfterOf(spec: UpgradeRunSpec): { readonly text: string; readonly ms: number } {
  const text = spec.policy.approvals?.expireAfter ?? defaultExpireAfter;
  return { text, ms: parseDuration(text) };
}
