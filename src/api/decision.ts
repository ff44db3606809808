import * as z from 'zod';
import * as c from './common.ts';
import { conditions } from './conditions.ts';
import { type ApiObject, defineKind } from './kind.ts';

/** Also the names of the virtual subresources of `upgraderuns`, in lower case. */
export const decisionChoices = [
  'SignOff',
  'Approve',
  'Waive',
  'Attest',
  'Resume',
  'Restart',
  'Retry',
  'Rollback',
  'Rebuild',
  'Abort',
] as const;

/** What an attested reference may be: it reaches Jobs. */
const referencePattern = '^[A-Za-z0-9][A-Za-z0-9._:/@+=,#%~-]{0,511}$';

export const decisionSpec = c.object(
  'spec is what was decided. It is immutable: to change your mind, create another Decision.',
  {
    run: c.objectName('run is the UpgradeRun it is for.'),
    planHash: c.planHash('planHash is spec.planHash of that run; the Decision is void for any other plan.'),
    choice: z.enum(decisionChoices).meta({
      description:
        'choice is what is decided, out of status.choices of the run. SignOff: the release is accepted. Approve: a start or a joint step may go on. Waive: an unmet check is overridden. Attest: a check is met, or what a step asks of people is done, seen by a person. Resume: go on at the failed step. Restart: everything back, then again from step 1. Retry: another run after one that ended. Rollback: everything back. Rebuild: one server from scratch. Abort: end the run. Further choices will be added.',
    }),
    verdict: z
      .enum(['Approved', 'Denied'])
      .meta({ description: 'verdict is Approved or Denied. Default Approved.' })
      .default('Approved'),
    method: z
      .string()
      .min(1)
      .max(63)
      .regex(/^[A-Z][A-Za-z]*$/)
      .meta({
        description:
          'method is how to roll back, out of status.choices of the run; for Rollback only. Snapshots: servers go back to the volumes and templates before. DatabaseAndSnapshots: the database goes back to its backup too. PreviousTemplate: no volume is touched.',
      })
      .optional(),
    data: z
      .enum(['Discard', 'Keep'])
      .meta({
        description:
          'data is what happens to data written since the snapshot: Discard or Keep; for Rollback and Restart only.',
      })
      .optional(),
    check: c
      .nonEmpty(
        'check is the check of status.preflight of the run, such as "Contacts"; for Waive and Attest only. Excludes step.',
        127,
      )
      .optional(),
    step: c
      .entryName(
        'step is the id of the step that may go on, or that asked people for something; for Approve and Attest only. Default for Approve: the start.',
        128,
      )
      .optional(),
    group: c.objectName('group is the ServerGroup of the server; for Rebuild only.').optional(),
    server: c.entryName('server is the server that is made anew; for Rebuild only.').optional(),
    as: z
      .enum(['Engineer', 'Administrator'])
      .meta({
        description:
          'as is in which role it is decided: Engineer or Administrator; for joint steps that need both. It takes a right of its own.',
      })
      .optional(),
    reason: c.nonEmpty('reason is why, in your own words.').optional(),
    evidence: c
      .text(
        'evidence is a link to a ticket or a record. Required with Attest of a step: there it is the reference by which what was done is found again, such as "s3://vault/portal-1205".',
        2048,
      )
      .optional(),
    decidedBy: c
      .nonEmpty('decidedBy is the user who decided; filled in and checked at admission where the cluster can.', 256)
      .optional(),
    expires: c.instant('expires is when it becomes void if it was not used. Default: never.').optional(),
  },
  [
    {
      rule: 'self == oldSelf',
      message: 'a Decision is immutable: create another one to change your mind',
      reason: 'FieldValueForbidden',
    },
    {
      rule: "(self.choice == 'Rollback') == has(self.method)",
      message:
        "method is required for the choice Rollback and excluded for all others: copy it from the run's status.choices",
      fieldPath: '.method',
      check: ({ choice, method }) => (choice === 'Rollback') === (method !== undefined),
    },
    {
      rule: "self.choice in ['Rollback', 'Restart'] || !has(self.data)",
      message: 'data is only for the choices Rollback and Restart: remove it',
      fieldPath: '.data',
      check: ({ choice, data }) => choice === 'Rollback' || choice === 'Restart' || data === undefined,
    },
    {
      rule: "self.choice == 'Attest' ? has(self.check) != has(self.step) : (self.choice == 'Waive') == has(self.check)",
      message:
        "check is required for the choices Waive and Attest and excluded for all others: copy it from the run's status.preflight, or, for Attest, step from its status.choices instead",
      fieldPath: '.check',
      check: ({ choice, check, step }) =>
        choice === 'Attest'
          ? (check !== undefined) !== (step !== undefined)
          : (choice === 'Waive') === (check !== undefined),
    },
    {
      rule: "!(self.choice in ['Waive', 'Attest', 'Rebuild']) || has(self.reason)",
      message: 'reason is required for the choices Waive, Attest and Rebuild: say why',
      fieldPath: '.reason',
      check: ({ choice, reason }) =>
        !(choice === 'Waive' || choice === 'Attest' || choice === 'Rebuild') || reason !== undefined,
    },
    {
      rule: "self.choice in ['Approve', 'Attest'] || !has(self.step)",
      message: 'step is only for the choices Approve and Attest: remove it',
      fieldPath: '.step',
      check: ({ choice, step }) => choice === 'Approve' || choice === 'Attest' || step === undefined,
    },
    {
      // It becomes a variable and, in some Jobs, a word of a shell's command line.
      rule: `self.choice != 'Attest' || !has(self.step) || self.verdict == 'Denied' || (has(self.evidence) && self.evidence.matches('${referencePattern}'))`,
      message:
        'evidence is required for the choice Attest with a step: the reference of what was done, in one word of at most 512 letters, digits and ._:/@+=,#%~-',
      fieldPath: '.evidence',
      check: ({ choice, step, verdict, evidence }) =>
        choice !== 'Attest' ||
        step === undefined ||
        verdict === 'Denied' ||
        (evidence !== undefined && new RegExp(referencePattern).test(evidence)),
    },
    {
      rule: "self.choice == 'Rebuild' ? has(self.group) && has(self.server) : !has(self.group) && !has(self.server)",
      message: 'group and server are required together for the choice Rebuild and excluded for all others',
      fieldPath: '.server',
      check: ({ choice, group, server }) =>
        choice === 'Rebuild'
          ? group !== undefined && server !== undefined
          : group === undefined && server === undefined,
    },
  ],
);

export const decisionStatus = c.object('status is what became of it.', {
  observedGeneration: c.observedGeneration,
  conditions,
  phase: z
    .enum(['Pending', 'Accepted', 'Void'])
    .meta({ description: 'phase is Pending, Accepted (the run acts on it) or Void.' })
    .optional(),
  message: c.text('message says why.').optional(),
});

export type DecisionSpec = z.output<typeof decisionSpec>;
export type DecisionStatus = z.output<typeof decisionStatus>;
export interface Decision extends ApiObject<DecisionSpec, DecisionStatus> {}
export type DecisionChoice = DecisionSpec['choice'];

export const decisionKind = defineKind({
  kind: 'Decision',
  plural: 'decisions',
  shortNames: ['dec'],
  description: 'Decision is what a person decided about one run, such as sign-off, a waiver, rollback or abort.',
  writtenBy: 'people',
  spec: decisionSpec,
  status: decisionStatus,
  maxNameLength: 63,
  selectableFields: ['.spec.run'],
  columns: [
    { name: 'Run', type: 'string', jsonPath: '.spec.run', description: 'Run it is for' },
    { name: 'Choice', type: 'string', jsonPath: '.spec.choice', description: 'What was chosen' },
    { name: 'Verdict', type: 'string', jsonPath: '.spec.verdict', description: 'Approved or Denied' },
    { name: 'By', type: 'string', jsonPath: '.spec.decidedBy', description: 'Who decided' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Pending, Accepted or Void' },
  ],
  example: `apiVersion: belay.dev/v1alpha1
kind: Decision
metadata:
  name: portal-7-done
spec:
  run: portal-7
  planHash: sha256:${'4be1'.repeat(16)}
  choice: SignOff
  reason: service desk agrees
`,
});
