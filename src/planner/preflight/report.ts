import type { Choice, PreflightCheck } from '../../api/upgrade-run.ts';

/** What people see of the gate; it goes with whatever the run does meanwhile. */
export interface PreflightReport {
  readonly checks: readonly (PreflightCheck & { readonly isPending: boolean })[];
  readonly choices: readonly Choice[];
  /** What holds the run, each with the next move. */
  readonly unmet: readonly { readonly check: string; readonly message: string }[];
}
