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
  VersionUnreadable: {
    meaning: 'A version cannot be read.',
    remedy: 'Write one to six numbers separated by dots, an optional leading v and an optional -suffix.',
  },
  NotAnUpgrade: {
    meaning: 'The Package is the version that runs, or an older one.',
    remedy: 'Name a newer Package; to go back, create a Decision for a Rollback.',
  },
  SourceVersionNotAccepted: {
    meaning: 'What runs now is outside the range the Package can be installed over.',
    remedy: 'Install a release in between first, or correct upgradesFrom in a new Package.',
  },
  SourceVersionUnknown: {
    meaning: 'Nothing tells which version runs now.',
    remedy: 'Apply the Package that was installed, or label the workloads with app.kubernetes.io/version.',
  },
  ProductMismatch: {
    meaning: 'The group runs another product than the Package is a release of.',
    remedy: 'Name a Package of the same product.',
  },
  ProcedureNotAvailable: {
    meaning: 'The upgrade needs a procedure that this version of the controller does not have.',
    remedy: 'Choose a Package that needs another one, or upgrade the controller.',
  },
  NoImageForServer: {
    meaning: 'The Package has no image for any container of a server.',
    remedy: 'Add the container to Package.spec.images of a new Package, or take the server out of the group.',
  },
  WorkloadShared: {
    meaning: 'Two groups name the same workload.',
    remedy: 'Give every workload to one group.',
  },
  ConfigNotDeclared: {
    meaning: 'The Package sets values in a document that the group does not have.',
    remedy: 'Declare the document in ServerGroup.spec.configs.',
  },
  VariableNotSet: {
    meaning: 'A text uses a variable that has no value.',
    remedy: 'Give the value in vars, probeParameters or parameters, or write $${NAME} to mean the text itself.',
  },
  Planned: {
    meaning: 'The plan is made and about to begin.',
    remedy: 'Nothing.',
  },
  UpgradeTypeMismatch: {
    meaning: 'The Package says Minor and the first number of the version grows, or it says Major and it does not.',
    remedy: 'Correct upgradeType in a new Package, or choose the Package that fits.',
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
  Superseded: {
    meaning: 'The UpgradeSet was edited and a newer run has taken over.',
    remedy: 'Look at the newer run.',
  },
  Unsupported: {
    meaning: 'The spec asks for something that this version of the controller cannot do.',
    remedy: 'Take the field out, or upgrade the controller.',
  },

  // Locks and owners
  GroupTaken: {
    meaning: 'Two UpgradeSets name the same group; the older one has it.',
    remedy: 'Take the group out of one of the sets; the message names both.',
  },
  ServiceAccountRequired: {
    meaning: 'This installation lets no UpgradeSet borrow the rights of the operator, and the set names no account.',
    remedy: 'Name an account in spec.serviceAccountName that may change the workloads.',
  },
  Locked: {
    meaning: 'Another run works on the group or the workload.',
    remedy: 'Wait for that run, or abort it; the message names it.',
  },
  WindowEnded: {
    meaning: 'The agreed window was over before anything was begun.',
    remedy: 'Set spec.schedule.until of the UpgradeSet to the end of the next window, or take it out.',
  },
  PreflightFailed: {
    meaning: 'A check before the start is not met; nothing was locked or changed.',
    remedy:
      'See status.preflight of the run: mend what it names, or decide Attest or Waive with the name of the check.',
  },
  PreflightRunning: {
    meaning: 'Checks before the start are still on their way.',
    remedy: 'Nothing.',
  },
  DryRun: {
    meaning: 'The plan is made and checked, and spec.dryRun keeps it from starting.',
    remedy: 'Set spec.dryRun to false to start it.',
  },
  LockHeld: {
    meaning: 'Another run has taken the lock in the meantime.',
    remedy: 'Wait for that run, or abort it; the message names it.',
  },
  ManagedByOther: {
    meaning: 'A tool that reconciles owns a field the run must write.',
    remedy: 'Suspend it for the run, let it ignore images and replicas, or set takeOwnership on the ServerGroup.',
  },
  NameTaken: {
    meaning: 'An object of the name the run needs exists and was not made by it.',
    remedy: 'Delete or rename that object, then resume.',
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
  PoolMissing: {
    meaning: 'The Pool is gone or names no load balancer.',
    remedy: 'Put it back, then resume.',
  },
  PoolMisconfigured: {
    meaning: 'The Service of the Pool is gone or does not select by the label belay.dev/pool.',
    remedy: 'Put that back, then resume.',
  },
  DrainHookFailed: {
    meaning: 'The drain hook of a member did not answer with a status from 200 to 299.',
    remedy: 'See whether the member runs and whether the URL is right; it is called again.',
  },
  DrainHeld: {
    meaning:
      'When drain.timeout was over, users were still connected, or the pool had not let go of a member; the policy is Hold.',
    remedy: 'End their connections, or mend the pool: it is asked on. Or abort the run.',
  },
  DrainTimeout: {
    meaning: 'Users were still connected when drain.timeout was over, and the policy is Fail.',
    remedy: 'Resume to wait again, set onTimeout to Hold or Force, or roll back.',
  },
  PoolNotFollowing: {
    meaning: 'The load balancer accepted to keep a member out, and let it in again and again.',
    remedy: 'Look at the load balancer and at what else configures it, then resume or roll back.',
  },
  NotServing: {
    meaning: 'A member that was put back did not serve in time.',
    remedy: 'Look at the health check of the load balancer, then resume or roll back.',
  },
  NotVerified: {
    meaning: 'A member did not pass its tests and is kept out of its pool.',
    remedy: 'Mend it, then put it back by hand.',
  },
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
  WorkloadNotFound: {
    meaning: 'A workload of the run is gone.',
    remedy: 'Create it again, or abort the run.',
  },
  GroupNotFound: {
    meaning: 'A ServerGroup of the run is gone.',
    remedy: 'Create it again, or abort the run.',
  },
  GroupMissing: {
    meaning: 'A ServerGroup of the run is gone.',
    remedy: 'Create it again and resume, or abort the run.',
  },
  ContainerMissing: {
    meaning: 'The Package names a container that the workload does not have.',
    remedy: 'Correct the images in a new Package.',
  },
  NotStopped: {
    meaning: 'Pods still use the volumes or the database that is about to be replaced, or backed up by people.',
    remedy: 'See why the pods do not end, then resume.',
  },
  StopTimeout: {
    meaning: 'Pods did not end in time.',
    remedy: 'See what the pods wait for, then resume or roll back.',
  },
  StartTimeout: {
    meaning: 'Servers were not ready in time.',
    remedy: 'The message names the pod and its trouble; mend it, then resume or roll back.',
  },
  RevisionMissing: {
    meaning: 'The ControllerRevision with the template before is gone.',
    remedy: 'Put the template back by hand, then resume.',
  },
  RevisionLost: {
    meaning: 'The ControllerRevision with the template before was deleted during the run.',
    remedy: 'Put the template back by hand, then resume.',
  },
  RevisionForeign: {
    meaning: 'The ControllerRevision the journal names is of another workload.',
    remedy: 'Put the template back by hand; see who changed the journal.',
  },
  RevisionUnreadable: {
    meaning: 'The ControllerRevision holds no template of ours.',
    remedy: 'Put the template back by hand, then resume.',
  },
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

  // Snapshots and restores
  SnapshotClassMissing: {
    meaning: 'A step needs a volume snapshot and the group names no class.',
    remedy: 'Fill in snapshot.volumeSnapshotClassName of the ServerGroup.',
  },
  SnapshotLost: {
    meaning: 'A volume snapshot of the run was deleted.',
    remedy: 'Resume to take another one where nothing was changed yet; else choose another way back.',
  },
  ClaimInUse: {
    meaning: 'A claim that is to be replaced is still used by pods.',
    remedy: 'Nothing at first; when it lasts, see why the pods do not end.',
  },
  RestoreTimeout: {
    meaning: 'A volume was not made from its snapshot in time.',
    remedy: 'Look at the CSI driver; the old volume is kept. Then resume.',
  },
  ReattachTimeout: {
    meaning: 'The volume from before could not be put back in time.',
    remedy: 'The volume is kept; see the message, then resume.',
  },
  VolumeMissing: {
    meaning: 'The volume of a claim that is to be replaced is gone.',
    remedy: 'Decide by hand whether the restore may go on.',
  },
  VolumeNotKept: {
    meaning: 'The volume did not take the reclaim policy Retain, so nothing was deleted.',
    remedy: 'See what the storage driver says about it, then resume.',
  },
  VolumeTaken: {
    meaning: 'The volume belongs to another claim than the journal says, so nothing was deleted.',
    remedy: 'See who took it, then resume or finish by hand.',
  },
  ManifestUnreadable: {
    meaning: 'The journal holds no usable description of a claim.',
    remedy: 'Restore the claim by hand.',
  },
  SnapshotNotReady: {
    meaning: 'A volume snapshot was asked for and is not ready yet.',
    remedy: 'Nothing until the timeout of the step; then mend the CSI driver and resume: another snapshot is taken.',
  },
  SnapshotUnusable: {
    meaning: 'A volume snapshot failed, has gone, or is of another claim.',
    remedy: 'Look at the VolumeSnapshot named in the message; resume to take another one.',
  },
  ClaimTaken: {
    meaning: 'A claim of that name exists that this run did not make.',
    remedy: 'See who made it. Delete it when it is empty, then resume.',
  },
  NamespaceTerminating: {
    meaning: 'The namespace is being deleted, so no rollback can be made in it.',
    remedy: 'Nothing to do; what the run held goes with the namespace. Look at the load balancer outside it.',
  },
  RestoreFailed: {
    meaning: 'A volume could not be made from its snapshot, or the database not put back from its backup.',
    remedy: 'Old volumes and backups are kept; see the message, then resume or choose another method.',
  },
  RollbackFailed: {
    meaning: 'The way back failed.',
    remedy: 'Nothing else is touched. See handedOver in the run for what to do by hand.',
  },

  // Databases
  DatabaseDiffers: {
    meaning: 'The groups of the UpgradeSet name different Databases.',
    remedy: 'Name the same Database in spec.database of every ServerGroup of the set, or make a set of each.',
  },
  DatabaseShared: {
    meaning: 'The Package changes the schema under a ServerGroup that is not in the UpgradeSet.',
    remedy: 'Add every ServerGroup that names the Database to spec.serverGroups of the set.',
  },
  SchemaChangeNotDeclared: {
    meaning: 'The Package needs another version of the schema than the one before, and says that nothing changes it.',
    remedy: 'Write Migrate into spec.schema.change, or the version of the schema as it is.',
  },
  MemberShared: {
    meaning: 'Two servers name the same member of a Pool.',
    remedy: 'Name for each server the member that it is.',
  },
  DatabaseRequired: {
    meaning: 'The Package changes the schema, and the groups name no Database.',
    remedy: 'Name the Database under the servers in spec.database of every ServerGroup.',
  },
  DatabaseIncomplete: {
    meaning: 'The Package changes the schema, and the Database does not say how it is backed up, migrated or restored.',
    remedy: 'Fill in spec.backup, spec.migrate and spec.restore of the Database.',
  },
  ImageNotByDigest: {
    meaning: 'A PodTemplate for Jobs on the database names its image by a tag, which can change under a run.',
    remedy: 'Name the image by digest: replace the tag by @sha256: and 64 hexadecimal digits.',
  },
  PodTemplateEmpty: {
    meaning: 'A PodTemplate for Jobs on the database has no container.',
    remedy: 'Give it one: the first container is the one that the Job runs.',
  },
  DatabaseJobRunning: {
    meaning: 'A Job on the database is under way.',
    remedy: 'Nothing until the timeout of the step; the message names the Job and its trouble.',
  },
  DatabaseTimeout: {
    meaning: 'A Job on the database did not end in time.',
    remedy: 'See the log of the Job. When it has ended, resume or roll back.',
  },
  BackupFailed: {
    meaning: 'The database could not be backed up; it has not been changed.',
    remedy: 'Read the message and the log of the Job; mend the cause, then resume.',
  },
  BackupNotVerified: {
    meaning: 'The backup was made and did not prove that it can be restored; the database has not been changed.',
    remedy: 'See the log of the verify Job; mend the cause, then resume: another backup is made.',
  },
  SchemaUnknown: {
    meaning: 'The Job that reads the version of the schema failed, or did not say it.',
    remedy: 'Let it write {"schemaVersion": "41"} as its termination message; then resume.',
  },
  SchemaMismatch: {
    meaning: 'The schema is not the one that the release, or the way back, needs.',
    remedy: 'Compare the schema with Package.spec.schema; then resume, or roll back.',
  },
  ReadOnlyFailed: {
    meaning: 'The database could not be made read-only, or writable again, or its write probe did not tell.',
    remedy: 'Read the message and the log of the Job; mend spec.readOnly of the Database, then resume.',
  },
  ReadOnly: {
    meaning: 'The run has ended, and the database still refuses writes.',
    remedy: 'Do by hand what spec.readOnly.clear of the Database does.',
  },
  MigrationFailed: {
    meaning: 'The database upgrade command failed.',
    remedy: 'Read the message and the log of the Job. Roll back to restore the backup, or mend the cause and resume.',
  },
  NotAMinorRelease: {
    meaning: 'The upgrade is Minor, and the database upgrade command changed the schema.',
    remedy: 'Roll back, and ask the vendor; a release that changes the schema is installed as a Major one.',
  },
  NoBackup: {
    meaning: 'The schema was changed and there is no verified backup to put back.',
    remedy: 'Put the schema back by hand, then resume.',
  },

  // Probes and settings
  ProbeTimeout: {
    meaning: 'The probes reached no verdict in time.',
    remedy: 'Shorten the suite or raise timeouts.Probe, then resume.',
  },
  ProbeUnanswered: {
    meaning: 'A probe got no answer as often in a row as the suite allows; this says nothing about the release.',
    remedy: 'See whether what the probe asks can be reached from the controller, then resume.',
  },
  SettingNotFound: {
    meaning: 'A place whose value is to be changed is not in the document.',
    remedy: 'Correct the path in a new Package, or put the entry into the document.',
  },
  ConfigUnreadable: {
    meaning: 'A document with settings does not have the format the ServerGroup says.',
    remedy: 'Mend the document or correct its format.',
  },
  ConfigImmutable: {
    meaning: 'A ConfigMap or Secret with settings is immutable.',
    remedy: 'Name one that can be changed.',
  },
  SettingsMissing: {
    meaning: 'The Secret with the settings before is gone.',
    remedy: 'Put the settings back by hand, then resume.',
  },
  SettingsUnreadable: {
    meaning: 'The Secret with the settings before holds none of ours.',
    remedy: 'Put the settings back by hand, then resume.',
  },
  ProbeRunning: {
    meaning: 'The probes have not reached a verdict yet.',
    remedy: 'Nothing until the deadline of the suite.',
  },
  ProbeFailed: {
    meaning: 'A probe failed as often in a row as the suite allows.',
    remedy: 'Read the message and the remedy of the probe; mend the cause, then resume or roll back.',
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
  SignOffDenied: {
    meaning: 'A person refused the sign-off.',
    remedy: 'Read the reason of the Decision; choose how to go on.',
  },
  WritesAtStake: {
    meaning: 'Going back to the snapshots would lose what users have written since.',
    remedy: 'Create a Decision that says whether to keep or discard it; the message has the interval.',
  },
  AwaitingApproval: {
    meaning: 'The start, or the result of a joint step, waits for the Decision Approve of those who have to agree.',
    remedy: 'Look at the plan or the result, then create what the message says; status.choices has the values.',
  },
  Denied: {
    meaning: 'A person refused the start, the result of a joint step, or the backup that was asked for.',
    remedy: 'Read the reason of the Decision; choose how to go on.',
  },
  AwaitingBackup: {
    meaning: 'The database is backed up by people, and the run waits for their word that it is done.',
    remedy: 'Take a full backup, then create what the message says, with its reference as evidence.',
  },
  AwaitingRestore: {
    meaning: 'The database is put back by people, and the run waits for their word that it is done.',
    remedy: 'Put back the backup that the message names, then create what it says; the schema is read afterwards.',
  },
  Resumed: {
    meaning: 'A person chose to go on with the step that failed.',
    remedy: 'Nothing.',
  },
  AwaitingSignOff: {
    meaning: 'The upgrade is done; the way back is kept until somebody signs off.',
    remedy: 'Test, then create a Decision with the choice SignOff, or Rollback.',
  },
  AwaitingDecision: {
    meaning: 'A person has to choose how to go on.',
    remedy: 'Create a Decision with one of status.choices of the run.',
  },
  IssueReview: {
    meaning: 'A step failed, and enough of the agreed window is left to find and mend the cause.',
    remedy: 'Look at the log of the step, mend the cause, then decide Resume, Restart or Rollback.',
  },
  AwaitingRollbackAuthorization: {
    meaning:
      'A step failed, and a rollback needs a word: spec.rollback.policy is RequireApproval, and little of the agreed window is left, or no end was agreed.',
    remedy: 'Create a Decision with one of the ways back in status.choices of the run, or mend the cause and Resume.',
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
  PlannedSkip: {
    meaning: 'The plan says why the step is not needed.',
    remedy: 'Nothing.',
  },
  NothingToDo: {
    meaning: 'What the step is for was so already.',
    remedy: 'Nothing.',
  },
  StepUnknown: {
    meaning: 'The plan has a step that this version of the controller cannot do.',
    remedy: 'Run the controller version that made the plan.',
  },
  NotLeader: {
    meaning: 'Another controller leads now.',
    remedy: 'Nothing; the leader goes on.',
  },
  Conflict: {
    meaning: 'Somebody wrote the object at the same moment; it is read and tried again.',
    remedy: 'Nothing at first; when it lasts, see who keeps writing it.',
  },
  ObjectMissing: {
    meaning: 'An object the run works on does not exist.',
    remedy: 'Create it again, or abort the run.',
  },
  CallFailed: {
    meaning: 'A call failed in a way nobody foresaw; it is made again.',
    remedy: 'Nothing at first; when it lasts, read the message and report it.',
  },
  RefusedByServer: {
    meaning: 'The API server refuses what the run wants to write.',
    remedy: 'Read the message; mend what it names, then resume.',
  },
  ApiRefused: {
    meaning: 'The API server asks to wait or does not take the credentials; the call is made again.',
    remedy: 'Nothing at first; when it lasts, see the ServiceAccount and the load of the API server.',
  },
  ApiUnavailable: {
    meaning: 'The API server does not answer or fails; the call is made again.',
    remedy: 'Nothing at first; when it lasts, look at the API server.',
  },
  Rebuilt: {
    meaning: 'The server was built anew.',
    remedy: 'Nothing.',
  },
  RebuildOffered: {
    meaning: 'No way back is left, and servers are out: each can be made anew on the database as it is.',
    remedy: 'Mend the cause and resume, or create a Decision Rebuild with group and server from status.choices.',
  },
  RebuildFailed: {
    meaning: 'A server could not be made anew.',
    remedy: 'Mend what the message names and resume, or abort: the server is then yours to repair.',
  },
  NotRebuilt: {
    meaning: 'A broken server was left as it is, because nobody asked for it to be rebuilt.',
    remedy: 'Repair it, then put it back into its pools.',
  },
  ReplaceTimeout: {
    meaning: 'A volume could not be made anew in time.',
    remedy: 'See the events of the claim; the old volume is kept. Mend the cause, then resume.',
  },
  HookRunning: {
    meaning: 'A Job of `ServerGroup.spec.hooks` runs.',
    remedy: 'Nothing at first; when it lasts, look at the Job belay-hook-….',
  },
  HookFailed: {
    meaning: 'A Job of `ServerGroup.spec.hooks` failed, or could not be run.',
    remedy: 'See the log of the step, mend the cause, then resume; or set onFailure: Warn for the next run.',
  },
  Rebooting: {
    meaning: 'What a server runs on is restarted, and its node is waited for.',
    remedy: 'Nothing at first; when it lasts, look at the Job belay-reboot-… and at the node.',
  },
  RebootFailed: {
    meaning: 'The Job that restarts what a server runs on failed.',
    remedy: 'See the log of the Job, mend it, then resume.',
  },
  RebootTimeout: {
    meaning: 'A reboot did not end in time.',
    remedy: 'Bring the node back, then resume.',
  },
  NodeShared: {
    meaning: 'The node that is to be rebooted also runs other servers of the run.',
    remedy: 'Move them to another node, or resume after you have rebooted it yourself without the hook.',
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
  ScalingDeletesData: {
    meaning: 'The StatefulSet deletes its claims when it is scaled down, and stopping it would delete the data.',
    remedy: 'Set persistentVolumeClaimRetentionPolicy.whenScaled to Retain.',
  },
  UpdateStrategyUnsupported: {
    meaning: 'The update strategy of the workload keeps pods from getting the new template.',
    remedy: 'Use RollingUpdate without a partition.',
  },
  WorkloadPaused: {
    meaning: 'The rollout of the Deployment is paused, so a change would not reach its pods.',
    remedy: 'Resume the rollout of the Deployment.',
  },
  ClaimShared: {
    meaning: 'Two workloads use the same claim; stopping one would not stop writes to it.',
    remedy: 'Give every workload claims of its own.',
  },
  ClaimMissing: {
    meaning: 'A claim that the workload uses does not exist.',
    remedy: 'Create the claim, or start the workload once so that it is made.',
  },
  VolumeCannotSnapshot: {
    meaning: 'The volume does not come from a CSI driver and cannot be snapshotted.',
    remedy: 'Use a CSI volume, or take spec.snapshot out of the group to go without the way back.',
  },
  SnapshotDriverMismatch: {
    meaning: 'The VolumeSnapshotClass belongs to another driver than the volume.',
    remedy: 'Name a VolumeSnapshotClass of the driver of the volume.',
  },
  PoolRefused: {
    meaning: 'The load balancer understood the call and refused it.',
    remedy: 'Read the message; the Runtime API needs level admin.',
  },
  PoolLabelInSelector: {
    meaning: 'The selector of the workload uses the pool label, so taking it off would orphan the pod.',
    remedy: 'Take belay.dev/pool out of the selector of the workload.',
  },
  PoolLabelMissing: {
    meaning: 'The pod template or the Service does not carry the pool label, so the pool cannot be driven.',
    remedy: 'Add belay.dev/pool to the selector of the Service and to the pod template.',
  },
  PoolAliased: {
    meaning:
      'Two Pools name the same Service, or the same backend of the same HAProxy: each would undo what the other sets.',
    remedy: 'Name one of the two Pools in the ServerGroups, and delete the other.',
  },
  PoolLabelConflict: {
    meaning: 'A pod can carry one pool label only, and the server is in two Service pools.',
    remedy: 'Put the server into one Service pool, or let both Services select the same label value.',
  },
  DeploymentLogNotWritten: {
    meaning: 'A step ended and its deployment log could not be kept; the run goes on.',
    remedy:
      'Read the message: grant create and patch on configmaps, or raise the quota. Jobs keep their logs for a day.',
  },
  LogsFull: {
    meaning: 'The deployment logs of a run have reached their limit of 1 MiB.',
    remedy: 'Read and delete ConfigMaps with the labels belay.dev/run and belay.dev/log that are no longer needed.',
  },
  NotifyFailed: {
    meaning: 'A message to people did not get through and was given up; the run goes on.',
    remedy: 'Mend what the message says in the Secret it names; the next message is tried again.',
  },
  MessagesDelivered: {
    meaning: 'The last message to people got through.',
    remedy: 'Nothing.',
  },
} as const satisfies Record<string, ReasonEntry>;

export type Reason = keyof typeof reasons;
