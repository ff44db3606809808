/** By hand: ID | what, in a few words | fields and behaviour that carry it | what of it is not built. */
export const requirements = `
# Releases and types
001-01 | A catalogue of releases, the newest offered | \`Package.spec.notes\`, \`UpgradeSet.status.available\` |
001-02 | Products are upgraded one apart from another | \`Package.spec.product\`, \`ServerGroup.spec.product\` |
001-03 | Engineer and administrator are different people | \`UpgradeRun.spec.steps.actor\`, \`Decision.spec.as\`, ClusterRoles \`belay-engineer\` and \`belay-administrator\` |
001-04 | A hint where the version is old | \`UpgradeSet.status.available.message\`, \`Package.spec.notes.released\` |
001-05 | A release says its type; none is skipped unseen | \`Package.spec.upgradeType\`, \`Package.spec.upgradesFrom\`, \`UpgradeSet.status.available.path\` |
001-06 | Patches at any time | \`Package.spec.upgradeType\`, \`Package.spec.settings\` |
001-07 | Two types, major and minor | \`Package.spec.upgradeType\` |
001-08 | Downtime follows from the real topology | \`UpgradeRun.spec.facts\`, \`UpgradeRun.status.clocks.downtime.planned\` |
001-09 | Downtime is announced before the start | \`UpgradeRun.spec.facts\` (\`interruption\`), \`UpgradeSet.spec.dryRun\` |
001-10 | One group after another | \`UpgradeSet.spec.serverGroups\` |
001-11 | A group has one server per role | \`ServerGroup.spec.servers.role\` |
001-12 | First number changes: major | \`UpgradeTypeMismatch\` |
001-13 | Major: another schema, and downtime until the first group | \`Package.spec.schema.change\`, \`UpgradeRun.spec.steps.marker\` |
001-14 | A major changes files and components too | \`Package.spec.images\`, \`Package.spec.settings\`, \`Package.spec.components\` |
001-15 | A longer time at risk keeps the downtime short | \`UpgradeRun.status.clocks.atRisk\` |
001-16 | Second number and patches: minor | \`UpgradeTypeMismatch\` |
001-17 | No downtime: a balanced pool that checks health | \`Pool.spec.healthChecked\`, \`UpgradeRun.spec.facts\` (\`loadBalanced\`) |
001-18 | A minor leaves the schema alone | \`Package.spec.schema.change\`, \`NotAMinorRelease\` |
001-19 | Enough servers of each service are left | \`Pool.spec.minServing\`, \`UpgradeRun.spec.facts\` (\`loadBalanced\`) |
001-20 | The type must fit the versions | \`UpgradeTypeMismatch\` |
# Schedule and notice
001-21 | Owners hear of a new release | | no notices
001-22 | A customer may ask for an upgrade | \`UpgradeSet.spec.package\` |
001-23 | Restrictions of the organisation | | no windows, no blackouts
001-24 | Least busy time is recommended | | no windows
001-25 | Support hours by default | | no windows
001-26 | Out of hours on request | \`UpgradeSet.spec.approvals.start\`, \`Decision.spec.choice\` \`Approve\` | no windows: nobody knows what is out of hours
001-27 | Major notice: ten minutes at risk per server | \`UpgradeSet.status.notice\`, \`UpgradeRun.status.clocks.atRisk.planned\` | no times of day without windows
001-28 | Major notice: begin and length of the downtime | \`UpgradeSet.status.notice\`, \`UpgradeRun.status.clocks.downtime.planned\` | no times of day without windows
001-29 | Major without balancing: down the whole time | \`UpgradeSet.status.notice\`, \`UpgradeRun.spec.facts\` (\`interruption\`) |
001-30 | Minor notice: at risk, no downtime | \`UpgradeSet.status.notice\`, \`UpgradeRun.status.clocks.atRisk.planned\` | no times of day without windows
001-31 | Minor without balancing: intermittent | \`UpgradeSet.status.notice\`, \`UpgradeRun.spec.facts\` (\`interruption\`) |
001-32 | Text for the users of the service | \`UpgradeSet.status.notice.text\` | sent to nobody, no template
001-33 | Servers are counted, not groups | \`UpgradeRun.status.clocks.atRisk.planned\` |
# Prerequisites
001-34 | Three components per server, each with its version | \`Package.spec.components\`, \`ProbeSuite.spec.probes.http.components\`, \`UpgradeRun.status.steps.components\`, \`ServerGroup.status.servers.components\`, \`ServerGroup.status.servers.answered\` |
001-35 | Smallest balanced topology | \`UpgradeRun.spec.facts\` (\`loadBalanced\`), \`Pool.spec.minServing\` |
001-36 | A group without a role is reported | \`UpgradeRun.spec.facts\` (\`topology\`), condition \`LoadBalanced\` |
001-37 | Too few servers: advice, not refusal | \`UpgradeRun.spec.facts\` (\`interruption\`), condition \`LoadBalanced\` |
001-38 | Guidance on balancing is linked | condition \`LoadBalanced\` |
001-39 | Known trouble with a load balancer | \`Pool.spec.facts\`, \`Package.spec.checks\` |
001-40 | Old ciphers are declared and acknowledged | \`Pool.spec.facts\`, \`Package.spec.checks\`, waived by name |
001-41 | A lead contact for the whole upgrade | \`UpgradeSet.spec.contacts\`, check \`Contacts\` |
001-42 | A tested line to that contact | \`UpgradeSet.spec.notify\`, \`UpgradeSet.spec.contacts.via\`, check \`Channel\`, \`Decision.spec.choice\` \`Attest\` |
001-43 | Who must be available | \`UpgradeSet.spec.contacts.role\`, \`UpgradeSet.spec.contacts.available\`, check \`Contacts\` |
001-44 | Who must be contactable | evidence of the check \`Contacts\` in \`UpgradeRun.status.preflight.evidence\` |
001-45 | Something is missing: no start, unless waived | \`UpgradeSet.spec.preflight.require\`, \`UpgradeRun.status.preflight\`, \`PreflightFailed\`, \`Decision.spec.check\` |
001-46 | Access is checked beforehand | check \`RemoteAccess\`; \`UpgradeSet.spec.serviceAccountName\`, reason \`Forbidden\` in preflight |
001-47 | No access yet: wait, do not fail | check \`RemoteAccess\` holds the run (\`Preflight\`), or is attested; \`UpgradeSet.status.blockers\` |
001-48 | A test user and a test machine | checks \`TestAccount\` and \`TestMachine\`; \`ProbeSuite.spec.probes.http.env\`, \`ProbeSuite.spec.probes.job\` |
001-49 | People may stage installers: helpful, not required | check \`Staging\`: warns where the images are not on the nodes, holds where \`UpgradeSet.spec.preflight.require\` names it |
001-50 | Where to download | \`Package.spec.notes.download\`, \`UpgradeSet.status.available.download\` |
001-51 | Staged, or reachable | check \`Staging\`: on the nodes, or a Job can pull it |
001-52 | A means of backup before it begins | check \`Backups\`; \`Database.spec.backup\`, \`ServerGroup.spec.snapshot\` |
001-53 | Each way back is usable or not | check \`RestoreDrill\`; \`Database.spec.drill\`, \`Database.spec.backup.verify\`, \`UpgradeRun.status.choices\` |
001-54 | Republish applications afterwards | \`ServerGroup.spec.hooks\` at \`AfterRun\`, \`HookFailed\`, \`UpgradeRun.status.steps.message\` |
001-55 | Misplaced packages are found before | \`UpgradeSet.spec.preflight.checks\`: a suite of yours holds the start |
001-56 | Users learn why | \`ProbeSuite.spec.probes.remedy\` in \`UpgradeRun.status.preflight.remedy\` |
001-57 | Everything published is in the repository | \`UpgradeSet.spec.preflight.checks\`: a suite of yours holds the start |
001-58 | Snapshots right before the change | \`ServerGroup.spec.snapshot.maxAge\` |
001-59 | Snapshots stay until the sign-off | \`ServerGroup.spec.snapshot.retain\`, \`UpgradeRun.status.retained\` |
001-60 | Major: no start without a database backup | \`Database.spec.backup.verify\`, \`DatabaseIncomplete\`, \`BackupNotVerified\` |
001-61 | Backup by the operator, or by the customer | \`Database.spec.backup.job\` or \`Database.spec.backup.takenBy\`; \`Decision.spec.choice\` \`Attest\` with \`Decision.spec.step\` and \`Decision.spec.evidence\`; \`Database.status.lastBackup.by\` |
001-62 | Copies of directories on each server | \`ServerGroup.spec.hooks\` at \`BeforeRun\`; \`ServerGroup.spec.snapshot\`, previous template and settings |
# Architecture and tests
001-63 | Capacity that is left after a drain | \`Pool.spec.minServing\` |
001-64 | Servers are independent of each other | \`ServerGroup.spec.servers\` |
001-65 | Little downtime, or none | \`UpgradeRun.spec.procedure\` |
001-66 | Trouble: mend it or go back | \`UpgradeRun.status.choices\` |
001-67 | Progress is told all the way | \`UpgradeSet.status.progress\`, \`UpgradeRun.status.stepTitle\`, events, \`UpgradeSet.spec.notify.events\` |
001-68 | Tests before and in between | \`ServerGroup.spec.probes\` |
001-69 | Test 1: requirements are met | step \`Preflight\`, \`UpgradeRun.status.preflight\` |
001-70 | Test 2: it works from the test machine | \`ProbeSuite.spec.probes.job\` |
001-71 | Test 3: login | \`ProbeSuite.spec.probes.http\` |
001-72 | Test 4: navigation | \`ProbeSuite.spec.probes.http.capture\` |
001-73 | Test 5: applications start | \`ProbeSuite.spec.probes.job\` |
001-74 | Test 6: administration shows the right version | \`UpgradeRun.spec.steps.expect\`, \`Package.spec.reportedAs\` |
001-75 | Through the load balancer, against one group | \`UpgradeRun.spec.steps.scope\`, \`UpgradeRun.spec.steps.groups\` |
# Major procedure
001-76 | Marker: at risk | \`UpgradeRun.spec.steps.marker\` \`AtRiskBegins\` |
001-77 | 1: group 1 leaves and stops | steps \`1\`, \`2a\` |
001-78 | 2: tests against the others | step \`2\` |
001-79 | 3: upgrade group 1 | step \`3\` |
001-80 | 4: configure group 1 | step \`4\` |
001-81 | Marker: downtime | \`UpgradeRun.spec.steps.marker\` \`DowntimeBegins\` |
001-82 | 5: database command, once | step \`5\`, \`Database.spec.migrate\` |
001-83 | 6: the others stop | steps \`6\`, \`6a\`, before 5 (ADR 3) |
001-84 | Group 1 starts | steps \`6b\` to \`6d\` |
001-85 | 7: tests against group 1 | step \`7\` |
001-86 | Marker: limited service | \`UpgradeRun.spec.steps.marker\` \`LimitedServiceRestored\` |
001-87 | 8: upgrade group 2 | step \`8\` |
001-88 | 9: configure group 2 | step \`9\` |
001-89 | 10: start group 2 | steps \`10\` to \`10b\` |
001-90 | 11: group 1 is out | step \`11\`, drained and not stopped |
001-91 | 12: tests against group 2 | step \`12\` |
001-92 | 13: group 1 is back | step \`13\` |
001-93 | 14: final tests | step \`14\` |
001-94 | 15: sign-off | step \`15\`, \`UpgradeSet.spec.signOff\`, \`Decision.spec.choice\` |
001-95 | Marker: full service | \`UpgradeRun.spec.steps.marker\` \`FullServiceRestored\` |
001-96 | Who does which row, major | \`UpgradeRun.spec.steps.actor\` |
# Minor procedure
001-97 | Marker: at risk | \`UpgradeRun.spec.steps.marker\` \`AtRiskBegins\` |
001-98 | 1: group 1 leaves and stops | step \`1\` and the one after it |
001-99 | 2: tests against the others | step \`2\` |
001-100 | 3: upgrade group 1 | step \`3\` |
001-101 | 4: configure group 1 | step \`4\`, \`Package.spec.settings\` |
001-102 | 5: database command, which changes nothing | step \`5\`, \`NotAMinorRelease\` |
001-103 | Group 1 starts before the next leaves | step \`5a\` |
001-104 | 6: group 2 leaves | step \`6\` |
001-105 | 7: tests against group 1 | step \`7\` |
001-106 | 8: upgrade group 2 | step \`8\` |
001-107 | 9: configure group 2 | step \`9\` |
001-108 | Group 2 starts before row 10 | step \`9a\` |
001-109 | 10: group 1 is out | step \`10\`, drained and not stopped |
001-110 | 11: tests against group 2 | step \`11\` |
001-111 | 12: group 1 is back | step \`12\` |
001-112 | 13: final tests | step \`13\` |
001-113 | 14: sign-off | step \`14\`, \`UpgradeSet.spec.signOff\` |
001-114 | Marker: no longer at risk; no other markers | \`UpgradeRun.spec.steps.marker\` \`AtRiskEnds\` |
001-115 | Who does which row, minor | \`UpgradeRun.spec.steps.actor\` |
001-116 | When somebody serves, and when nobody may | \`Pool.spec.minServing\`, \`UpgradeRun.spec.steps.interrupts\` |
001-117 | More than two groups | \`UpgradeSet.spec.serverGroups\` |
# Trouble
001-118 | People are told of trouble | \`UpgradeRun.status.failure\`, \`UpgradeRun.status.service\`, \`UpgradeRun.status.blockers\`, events, \`UpgradeSet.spec.notify.events\` |
001-119 | First look: the log of the step | \`UpgradeRun.status.steps.log\`, \`belay logs\` |
001-120 | Logs that explain a failure | the deployment log: step, command, exit status, last lines, server |
001-121 | Show the errors | \`UpgradeRun.status.failure.message\` |
001-122 | Mend the cause while the run waits | \`UpgradeRun.status.phase\` (\`AwaitingDecision\`) |
001-123 | Begin again, or go on | \`Decision.spec.choice\` \`Resume\` or \`Restart\`, \`UpgradeRun.status.choices\` |
001-124 | Go back and try again in the window | \`Restart\` and \`Retry\`, as long as \`UpgradeSet.spec.schedule.until\` leaves time |
# Going back
001-125 | Little time left: ask for authorisation | \`UpgradeSet.spec.schedule.until\`, \`UpgradeSet.spec.rollback.authorizeBelow\`, \`AwaitingRollbackAuthorization\` |
001-126 | A person authorises one way back by name | \`Decision.spec.method\`, \`Decision.spec.decidedBy\` |
001-127 | Advice to go back when time is short | order and words of \`UpgradeRun.status.choices\` |
001-128 | Tests fail afterwards: go back | \`UpgradeSet.spec.rollback\` |
001-129 | Last known good configuration | \`ServerGroup.status.lastKnownGood\`, saved templates and settings, \`UpgradeRun.spec.from\` |
001-130 | Database back only if the schema was changed | \`UpgradeRun.status.schemaChanged\`, \`RestoreDatabase\` |
001-131 | Snapshots back where there are some | \`RestoreSnapshot\`, \`UpgradeRun.status.retained\` |
001-132 | Otherwise the previous version on its data | \`Decision.spec.method\` \`PreviousTemplate\`, \`Reinstall\` |
001-133 | Database first, then servers; old version tested | order of the run with \`UpgradeRun.spec.purpose\` \`Rollback\` |
001-134 | Rebuild only after a failed rollback | \`RebuildOffered\`, \`UpgradeRun.status.choices\` |
001-135 | Rebuild per server, approved | \`Decision.spec.choice\` \`Rebuild\`, \`Decision.spec.group\`, \`Decision.spec.server\`, \`UpgradeRun.spec.rebuild\` |
001-136 | Rebuild loses no data | \`ServerGroup.spec.rebuild.volumes\`; old volumes are kept |
001-137 | Rebuild 1: remove components | steps \`1\` to \`1b\` of a run with \`UpgradeRun.spec.purpose\` \`Rebuild\` |
001-138 | Rebuild 2: reboot | step \`Reboot\`, \`ServerGroup.spec.rebuild.reboot\` |
001-139 | Rebuild 3: install again | step \`Reinstall\` |
001-140 | Rebuild 4: the same database | the release that fits the schema that is there |
001-141 | Rebuild ends clean | its tests, alone and through the pool; back into its pools |
001-142 | A record of each upgrade | \`UpgradeRun.status.steps\`, \`UpgradeSet.status.history\`, \`Decision.spec.decidedBy\` |
001-143 | A path for the hub: a hook only | \`ServerGroup.spec.hooks\`: a Job of yours before the first row, or after the last |
# Readings
A-10 | Minor: the command runs and must change nothing | \`NotAMinorRelease\` |
A-11 | Time at risk is an estimate, by servers | \`UpgradeRun.status.clocks.atRisk\` |
A-12 | Unequal numbers per role | groups as you write them in \`ServerGroup.spec.servers\`, \`UpgradeRun.spec.facts\` (\`topology\`) |
A-13 | Blocked by default, waived by name | \`UpgradeRun.status.preflight.waivable\`, \`UpgradeRun.status.preflight.waivedBy\`, \`Decision.spec.check\` |
A-14 | Implicit starts, each tested in isolation first | \`UpgradeRun.spec.steps.scope\` \`Isolated\` |
A-15 | N groups | steps \`11\` to \`13\` with two groups only |
A-16 | Agreed window and estimate are two things | \`UpgradeSet.spec.schedule.until\`, \`UpgradeRun.status.clocks.atRisk.planned\`, \`WindowEnded\` |
A-17 | Trying again needs enough time | \`Restart\` and \`Retry\` are refused with the numbers |
A-18 | The clock goes by the markers | \`UpgradeRun.status.clocks.downtime.actual\` |
A-19 | Ask, or go back as authorised before | \`UpgradeSet.spec.rollback.policy\` |
# Scenarios: the walk
S-01 | Two, three and seven groups go well | \`UpgradeSet.spec.serverGroups\` |
S-02 | Killed in mid-step | journal in \`UpgradeRun.status.steps\` |
S-03 | Another leader in mid-step | \`UpgradeRun.status.epoch\` |
S-04 | A newer package in mid-run | \`UpgradeRun.status.phase\` \`Superseded\` |
S-05 | The old package again in mid-run | \`UpgradeRun.status.phase\` \`Superseded\` |
S-06 | A server never gets ready | \`UpgradeSet.spec.timeouts\`, \`UpgradeRun.status.steps.consumed\` |
S-07 | Abort at each step | \`Decision.spec.choice\` \`Abort\` |
S-08 | Again from the failed step | \`Decision.spec.choice\` \`Resume\` |
S-09 | Already at the target | \`UpgradeSet.status.conditions\` |
S-10 | A spec that is mended | \`UpgradeSet.status.blockers\` |
S-11 | Two sets, one group | \`ServerGroup.status.lock\` |
S-12 | Deleted in mid-run | \`UpgradeSet.spec.finalizeTimeout\`, \`UpgradeRun.status.handedOver\` |
S-13 | Edited in mid-run | \`UpgradeRun.spec.planHash\` |
S-14 | The operator itself changes in mid-run | \`UpgradeRun.spec.format\` |
# Scenarios: pools
S-15 | Long connections at a drain | \`ServerGroup.spec.drain.onTimeout\` |
S-16 | A person's drain stays | \`Pool.status.members.drainedBy\` |
S-17 | The data plane lags | reasons \`NotVerified\`, \`StillServing\` |
S-18 | One HAProxy of two is down or forgets | \`Pool.status.instances\` |
S-19 | Back into the pool after its tests only | order of a way back |
S-20 | A disruption budget of zero | check \`PodDisruptionBudgets\` of \`UpgradeRun.status.preflight\` |
# Scenarios: probes
S-21 | Flapping | \`ProbeSuite.spec.attempts\` |
S-22 | Answers of every kind | \`ProbeSuite.spec.probes.http.expect\`; no answer is neither yes nor no |
S-23 | No answer has its own budget | \`ProbeSuite.spec.attempts.errors\` |
S-24 | Jobs in trouble | \`ProbeSuite.spec.probes.job\` |
S-25 | The old version fails its tests | step \`0a\`, reason \`BaselineFailed\` |
# Scenarios: data
S-26 | A snapshot never gets ready | reason \`SnapshotNotReady\` |
S-27 | A snapshot is gone | reason \`SnapshotLost\` |
S-28 | Restored data is the data before | \`RestoreSnapshot\` |
S-29 | The migration fails, before or after the point of no return | \`UpgradeRun.status.choices.loss\` |
S-30 | The restore fails | reasons \`RestoreFailed\`, \`RollbackFailed\` |
S-31 | The way back is killed | journal of the way back |
S-32 | Storage is full, the class is gone, the claim grew | reason \`SnapshotClassMissing\`; restored at least as large |
# Scenarios: time and people
S-33 | The window closes | | no windows
S-34 | Midnight, summer time, zones | | no windows
S-35 | Decisions for another plan, expired, by oneself | \`Decision.spec.planHash\`, \`Decision.spec.expires\`, \`UpgradeSet.spec.approvals.expireAfter\`, \`UpgradeSet.spec.approvals.fourEyes\` |
S-36 | Contact or approver is missing | check \`Contacts\`, \`AwaitingApproval\` |
S-37 | Nobody takes the notices | | no notices
# Scenarios: the cluster
S-38 | The API server is slow, refuses, or is away | repeated with a growing pause; nothing is begun blindly |
S-39 | Metrics of deleted sets; health rules agree | \`UpgradeSet.status.conditions\` |
S-40 | Ten thousand objects, no write at rest | benches |
S-41 | No webhooks and policies | the controller checks the same |
S-42 | Secrets change or disappear | \`secretKeyRef\` of probes and Jobs |
S-43 | Trouble of one set leaves others alone | one queue entry per object |
`;
