/**
 * Every reason that stands in a condition, a blocker, an event or a thrown error: what it means and what to do.
 * Append only: people search for these words and alert on them. `docs/reasons.md` is generated from this list.
 */
interface ReasonEntry {
  /** What is the matter. */
  readonly meaning: string;
  /** What to do; "Nothing" where time alone helps. */
  readonly remedy: string;
}

export const reasons = {
  // Objects
  UpToDate: {
    meaning: 'The object was read and everything it asks for holds.',
    remedy: 'Nothing.',
  },
  InvalidObject: {
    meaning: 'The object does not fit its schema or breaks one of its rules; the message names the field.',
    remedy: 'Mend the field and apply the object again.',
  },
  UnsupportedFormat: {
    meaning: 'The UpgradeRun was made by a controller whose plans this one cannot read.',
    remedy: 'Run the controller version that made the run until it is finished, or abort it with that version.',
  },
  ReferenceNotFound: {
    meaning: 'An object named by this one does not exist in the namespace.',
    remedy: 'Create the object, or correct the name.',
  },
  NotObserved: {
    meaning: 'The controller has not looked at the object yet.',
    remedy: 'Nothing; when it lasts, see whether the controller runs and watches this namespace.',
  },

  // Versions and plans
  InvalidVersion: {
    meaning: 'A version or a range cannot be read.',
    remedy: 'Write one to six numbers separated by dots, an optional leading v and an optional -suffix.',
  },
  UpgradeTypeMismatch: {
    meaning: 'The Package says Minor and the first number of the version grows, or it says Major and it does not.',
    remedy: 'Correct upgradeType in a new Package, or choose the Package that fits.',
  },
  SourceVersionTooOld: {
    meaning: 'What runs now is below the range the Package can be installed over.',
    remedy: 'Install a release in between first, or correct upgradesFrom in a new Package.',
  },
  SourceVersionUnsupported: {
    meaning: 'What runs now is outside the range the Package can be installed over.',
    remedy: 'Choose a Package whose upgradesFrom holds the running version.',
  },
  NotNewer: {
    meaning: 'The Package is the version that runs, or an older one.',
    remedy: 'To go back, create a Decision for a Rollback; to go forward, choose a newer Package.',
  },
  PackageWithdrawn: {
    meaning: 'The Package has been withdrawn.',
    remedy: 'Choose another Package.',
  },
  PrerequisiteMissing: {
    meaning: 'A product the Package requires is missing or in a version outside the range.',
    remedy: 'Upgrade that product first; the message names it.',
  },
  PlanTooLarge: {
    meaning: 'The plan has more than 512 steps.',
    remedy: 'Divide the groups over several UpgradeSets.',
  },
  VariableUnset: {
    meaning: 'A text uses a variable that has no value.',
    remedy: 'Give the value in vars, probeParameters or parameters, or write $${NAME} to mean the text itself.',
  },
  PlanChanged: {
    meaning: 'What the plan rests on has changed since it was made.',
    remedy: 'Nothing; a new plan is made. Decisions for the old one are void.',
  },
  Superseded: {
    meaning: 'The UpgradeSet was edited and a newer run has taken over.',
    remedy: 'Look at the newer run.',
  },
  Unsupported: {
    meaning: 'The spec asks for something that this version of the controller cannot do.',
    remedy: 'Take the field out, or upgrade the controller.',
  },

  // Locks and owners
  GroupLocked: {
    meaning: 'Another run works on the group.',
    remedy: 'Wait for that run, or abort it; the message names it.',
  },
  WorkloadLocked: {
    meaning: 'Another run works on the workload.',
    remedy: 'Wait for that run, or abort it. Two groups must not name the same workload.',
  },
  ReconciledByOther: {
    meaning: 'A tool such as Argo CD or Flux keeps writing the fields the run must change.',
    remedy: 'Tell that tool to leave images and replicas alone, or set takeOwnership on the ServerGroup.',
  },
  ForeignChange: {
    meaning: 'Somebody changed an object in the middle of the run.',
    remedy: 'See who wrote it; put it back, or abort the run. Then create a Decision to resume.',
  },

  // Pools
  PoolUnobservable: {
    meaning: 'The load balancer does not answer, or its answer cannot be read.',
    remedy: 'See whether it runs and whether the controller may reach it; the message names the process.',
  },
  ForeignPoolState: {
    meaning: 'A member is in a state that this run did not set.',
    remedy: 'A person has probably taken it out. Put it back, or leave it out and create a Decision to resume.',
  },
  CapacityTooLow: {
    meaning: 'Taking this group out would leave fewer members serving than Pool.spec.minServing.',
    remedy: 'Mend the members that do not serve, or lower minServing.',
  },
  NobodyServes: {
    meaning: 'No member of the pool serves.',
    remedy: 'Find out why; until one serves, no group is taken out.',
  },
  Draining: {
    meaning: 'Members were taken out of rotation and still have users.',
    remedy: 'Nothing until drain.timeout; then onTimeout decides.',
  },
  DrainDeadlineExceeded: {
    meaning: 'Users were still connected when drain.timeout was over.',
    remedy: 'Wait longer and resume, set onTimeout to Force, or abort.',
  },
  Settling: {
    meaning: 'Nothing counts the users of the pool, so a fixed time is waited after the last member left rotation.',
    remedy: 'Nothing.',
  },
  StillServing: {
    meaning: 'A member that should be out of rotation still serves.',
    remedy: 'Nothing at first; when it lasts, look at the load balancer.',
  },
  NotServingYet: {
    meaning: 'A member was put back and does not serve yet.',
    remedy: 'Nothing at first; when it lasts, look at the health check of the load balancer.',
  },

  // Workloads
  Stopping: {
    meaning: 'Servers were scaled to zero and pods are still there.',
    remedy: 'Nothing at first; when it lasts, see what the pods wait for.',
  },
  NotReadyYet: {
    meaning: 'Servers were started and are not ready yet.',
    remedy: 'Nothing until the timeout of the step; the message names the pod and its trouble.',
  },
  StopUnsafe: {
    meaning: 'Scaling the workload to zero would lose data or would not work; the message says why.',
    remedy: 'Change the workload as the message says.',
  },
  DisruptionBudgetExhausted: {
    meaning: 'A PodDisruptionBudget allows no disruption.',
    remedy: 'Mend the pods it counts, or change it.',
  },
  UpdateNotTaken: {
    meaning: 'The workload does not run the images that were written.',
    remedy: 'See the events of its pods; the message has the last one.',
  },

  // Snapshots and restores
  SnapshotNotReady: {
    meaning: 'A volume snapshot was asked for and is not ready yet.',
    remedy: 'Nothing until the timeout of the step; then look at the CSI driver.',
  },
  SnapshotUnusable: {
    meaning: 'A volume snapshot failed, has gone, or is of another claim.',
    remedy: 'Look at the VolumeSnapshot named in the message; resume to take another one.',
  },
  ClaimTaken: {
    meaning: 'A claim of that name exists that this run did not make.',
    remedy: 'See who made it. Delete it when it is empty, then resume.',
  },
  RestoreFailed: {
    meaning: 'A volume could not be made from its snapshot.',
    remedy: 'The old volume is kept; see the message, then resume or choose another method.',
  },
  RollbackFailed: {
    meaning: 'The way back failed.',
    remedy: 'Nothing else is touched. See handedOver in the run for what to do by hand.',
  },

  // Probes and settings
  ProbeRunning: {
    meaning: 'The probes have not reached a verdict yet.',
    remedy: 'Nothing until the deadline of the suite.',
  },
  ProbeFailed: {
    meaning: 'A probe failed as often in a row as the suite allows.',
    remedy: 'Read the message and the remedy of the probe; mend the cause, then resume or roll back.',
  },
  ProbeUnknown: {
    meaning: 'A probe got no answer as often in a row as the suite allows; this is neither a pass nor a failure of the release.',
    remedy: 'See whether what the probe asks can be reached from the controller.',
  },
  BaselineFailed: {
    meaning: 'The probes fail on the version that runs now, before anything was touched.',
    remedy: 'Mend the system or the probes first; the upgrade is not begun.',
  },
  SettingsUnobservable: {
    meaning: 'A document with settings cannot be read.',
    remedy: 'See whether the ConfigMap or Secret exists and has the format the ServerGroup says.',
  },

  // People
  AwaitingSignOff: {
    meaning: 'The upgrade is done; the way back is kept until somebody signs off.',
    remedy: 'Test, then create a Decision with the choice SignOff, or Rollback.',
  },
  AwaitingDecision: {
    meaning: 'A person has to choose how to go on.',
    remedy: 'Create a Decision with one of status.choices of the run.',
  },
  DecisionVoid: {
    meaning: 'The Decision is for another plan, has expired, or came after a different one.',
    remedy: 'Create a new one with the present planHash of the run.',
  },
  Paused: {
    meaning: 'The UpgradeSet is paused.',
    remedy: 'Set spec.paused to false.',
  },

  // Steps and runs
  StepTimeout: {
    meaning: 'A step did not finish within its timeout.',
    remedy: 'Read the message of the step; mend the cause, then resume or roll back.',
  },
  StepFailed: {
    meaning: 'A step failed.',
    remedy: 'Read the message of the step; mend the cause, then resume or roll back.',
  },
  OutcomeUnknown: {
    meaning: 'Something that may happen only once was begun and left no evidence of its end.',
    remedy: 'Find out whether it happened, then create a Decision.',
  },
  JournalLost: {
    meaning: 'Objects carry the mark of a run whose journal is empty or older, as after a restore of the cluster.',
    remedy: 'Compare the objects with the journal by hand; then abort the run or resume it.',
  },
  Forbidden: {
    meaning: 'The account that effects are made as may not do something; the message says what.',
    remedy: 'Give the ServiceAccount the permission that the message names.',
  },
  ApiServerError: {
    meaning: 'The API server refused or failed a request; it will be tried again.',
    remedy: 'Nothing at first; when it lasts, read the message.',
  },
  Running: {
    meaning: 'The run is under way.',
    remedy: 'Nothing.',
  },
  Completed: {
    meaning: 'The upgrade is done.',
    remedy: 'Nothing.',
  },
  RolledBack: {
    meaning: 'The old release runs again.',
    remedy: 'Read why in the history; edit the UpgradeSet to try again.',
  },
  Aborted: {
    meaning: 'A person aborted the run.',
    remedy: 'Edit the UpgradeSet to start a new one; nothing is retried by itself.',
  },
  HandedOver: {
    meaning: 'Something was left as it is because it is broken or could not be reached.',
    remedy: 'Do what handedOver in the run says.',
  },
} as const satisfies Record<string, ReasonEntry>;

export type Reason = keyof typeof reasons;
