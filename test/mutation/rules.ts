/** One rule of the product, broken on purpose. */
export interface Mutation {
  /** What the product does when this is broken. */
  readonly name: string;
  /** File of the source, from the root of the repository. */
  readonly file: string;
  /** Must occur exactly once, or the mutation no longer applies. */
  readonly find: string;
  readonly replace: string;
  readonly test: {
    readonly file: string;
    /** Name of the test that must turn red. */
    readonly name: string;
  };
}

const database = (name: string) => ({ file: 'test/unit/database-rules.test.ts', name });
const issue = (name: string) => ({ file: 'test/unit/issue-rules.test.ts', name });
const peoples = (name: string) => ({ file: 'src/planner/steps/by-people.test.ts', name });
const story = (name: string) => ({ file: 'test/simulation/golden.test.ts', name });
const rebuild = (name: string) => ({ file: 'src/planner/rebuild.test.ts', name });
const rules = (name: string) => ({ file: 'test/unit/planner-rules.test.ts', name });

export const mutations: readonly Mutation[] = [
  {
    name: 'the capacity check is always true',
    file: 'src/planner/members.ts',
    find: 'if (serving < pool.minServing)',
    replace: 'if (serving < 0)',
    test: rules('no member leaves while its pool would fall below minServing'),
  },
  {
    name: 'tests without an answer count as passed',
    file: 'src/planner/steps/probe.ts',
    find: `if (seen?.state === 'passed') continue;`,
    replace: `if (seen?.state === 'passed' || seen?.state === 'unknown') continue;`,
    test: rules('tests without an answer have not passed'),
  },
  {
    name: 'a snapshot is never verified before the change',
    file: 'src/planner/steps/snapshot.ts',
    find: 'else if (!seen.verified) waiting',
    replace: 'else if (!seen.exists) waiting',
    test: rules('a snapshot that is ready but not verified is waited for'),
  },
  {
    name: 'a snapshot is never verified before the restore',
    file: 'src/planner/steps/restore-snapshot.ts',
    find: '&& seen.verified ? []',
    replace: '? []',
    test: rules('nothing is restored from a snapshot that is not verified'),
  },
  {
    name: 'the undrain is not checked',
    file: 'src/planner/steps/undrain.ts',
    find: 'if (away.length > 0)',
    replace: 'if (away.length < 0)',
    test: rules('a group has joined only when its members serve'),
  },
  {
    name: 'a member that a person took out is put back',
    file: 'src/planner/steps/undrain.ts',
    find: `context.handles[drainedKey(member)] !== 'person'`,
    replace: `context.handles[drainedKey(member)] !== 'nobody'`,
    test: rules('a member that a person took out stays out'),
  },
  {
    name: 'a member leaves rotation without a hold',
    file: 'src/planner/steps/drain.ts',
    find: 'member.pool.canHold && !member.seen.held)',
    replace: 'member.pool.canHold && member.seen.held)',
    test: rules('a member is held before it leaves rotation'),
  },
  {
    name: 'an unknown count of connections is zero',
    file: 'src/planner/steps/drain.ts',
    find: 'return !member.seen.connections.known || member.seen.connections.value > 0;',
    replace: 'return member.seen.connections.known && member.seen.connections.value > 0;',
    test: rules('an unknown count of connections is not zero'),
  },
  {
    name: 'what serves is stopped',
    file: 'src/planner/steps/stop.ts',
    find: 'if (serving !== undefined) return serving;',
    replace: '',
    test: rules('nothing that serves is stopped'),
  },
  {
    name: 'the lock of another run is ignored',
    file: 'src/planner/steps/preflight.ts',
    find: `return lockedBy !== '' && lockedBy !== run.spec.handles[previousUIDKey];`,
    replace: `return lockedBy === 'nobody';`,
    test: rules('a group that another run has locked is waited for'),
  },
  {
    name: 'the deadline of a step is ignored',
    file: 'src/planner/verdict.ts',
    find: 'if (context.consumedMs >= context.timeoutMs) {',
    replace: 'if (context.consumedMs < 0) {',
    test: rules('a step fails when its time is used up'),
  },
  {
    name: 'a foreign change of a template is ignored',
    file: 'src/planner/decide.ts',
    find: '?? foreignChange(context) ??',
    replace: '??',
    test: rules('a template that somebody changed during the run is named, and not fought over'),
  },
  {
    name: 'a member that came back is left in the pool',
    file: 'src/planner/decide.ts',
    find: 'return assertedInTime(context, assertHeld(context, held)) ??',
    replace: 'return',
    test: rules('a member that came back into the pool by itself is put out again'),
  },
  {
    name: 'volumes that served are restored although their writes are to be kept',
    file: 'src/planner/procedures/rollback.ts',
    find: `record.servedSince !== '' && input.order.data === 'Keep'`,
    replace: `record.servedSince === 'never' && input.order.data === 'Keep'`,
    test: rules('volumes of a group that has served users keep their writes unless told otherwise'),
  },
  {
    name: 'the order of the way back is reversed',
    file: 'src/planner/procedures/rollback.ts',
    find: '[...broken, ...serving]',
    replace: '[...serving, ...broken]',
    test: rules('the broken group goes back before the one that still serves'),
  },
  {
    name: 'the driver takes the lock of another run',
    file: 'src/drivers/workloads/locks.ts',
    find: `if (holder !== '' && holder !== effect.takeFrom)`,
    replace: `if (holder === 'nobody')`,
    test: {
      file: 'src/drivers/workloads/driver.test.ts',
      name: 'locks once, refuses another run and takes over from the one it is told',
    },
  },
  {
    name: 'two that saw a workload free both lock it',
    file: 'src/drivers/workloads/locks.ts',
    find: 'metadata: { resourceVersion, annotations }',
    replace: 'metadata: { annotations }',
    test: {
      file: 'src/drivers/workloads/driver.test.ts',
      name: 'lets the later of two locks fail when both saw the workload free',
    },
  },
  {
    name: 'a snapshot without a handle in the storage is taken for verified',
    file: 'src/drivers/snapshots/observe.ts',
    find: `verified: ready && unverifiedBecause(found, content, claim) === ''`,
    replace: 'verified: ready',
    test: {
      file: 'src/drivers/snapshots/csi.test.ts',
      name: 'is verified only when the bound content has a handle, a size and the right source',
    },
  },
  {
    name: `a claim of somebody else is restored over`,
    file: 'src/drivers/snapshots/restore.ts',
    find: `if (place.state === 'blocked') throw new RetryError('ClaimTaken'`,
    replace: `if (place.message === '') throw new RetryError('ClaimTaken'`,
    test: {
      file: 'src/drivers/snapshots/csi.test.ts',
      name: 'is blocked by a claim of that name that is not ours, empty or not',
    },
  },
  {
    name: 'a drain ends although the nodes may not have heard of it',
    file: 'src/planner/steps/drain.ts',
    find: 'if (lagMs > 0) {',
    replace: 'if (lagMs < 0) {',
    test: {
      file: 'test/unit/planner-rules.test.ts',
      name: 'S-38: nobody counts as drained while nodes may not have heard of it',
    },
  },
  {
    name: 'a hold is relied on without having been seen to work',
    file: 'src/drivers/pools/hold.ts',
    find: 'return made.metadata.labels?.[poolLabel] === undefined',
    replace: `return made.metadata.name !== ''`,
    test: {
      file: 'src/drivers/pools/service.test.ts',
      name: 'relies on a hold only when a dry-run pod comes without the label',
    },
  },
  {
    name: 'a migration is begun again without evidence',
    file: 'src/planner/steps/migrate-database.ts',
    find: `if (found === 'none' && job !== undefined) return`,
    replace: 'if (job !== undefined) return',
    test: database('001-82: begun without evidence it is not begun again'),
  },
  {
    name: 'a migration whose Job is gone is begun again at once',
    file: 'src/planner/steps/migrate-database.ts',
    find: 'return timesBegun(context) === 0 ?',
    replace: 'return timesBegun(context) >= 0 ?',
    test: database('001-82: evidence is asked for before anything is begun again'),
  },
  {
    name: 'that the schema may have changed is written down afterwards only',
    file: 'src/planner/steps/migrate-database.ts',
    find: '...(isMinor(context) ? {} : { [schemaChangedKey]: operation }),',
    replace: '',
    test: database('design 5.4: that the schema may have changed is written down before the migration begins'),
  },
  {
    name: 'a minor release may change the schema',
    file: 'src/planner/steps/migrate-database.ts',
    find: 'if (now === schema) return done(',
    replace: `if (now !== '') return done(`,
    test: database('001-102: and stopped'),
  },
  {
    name: 'a backup counts before it is verified',
    file: 'src/planner/steps/backup-database.ts',
    find: `if (verified !== undefined && 'verdict' in verified) return verified.verdict;`,
    replace: '',
    test: database('001-60: a backup that is not verified is not a way back'),
  },
  {
    name: 'a backup of people counts without its reference',
    file: 'src/planner/steps/by-people.ts',
    find: `!approved || evidence !== ''`,
    replace: 'true',
    test: peoples('a word without a reference is none'),
  },
  {
    name: 'a word given before people were asked counts',
    file: 'src/planner/agreement.ts',
    find: 'formatInstant(word.createdAt + 999) >= since &&',
    replace: 'since !== undefined &&',
    test: peoples('a word given before this attempt is none'),
  },
  {
    name: 'people are believed that the database is back',
    file: 'src/planner/steps/restore-database.ts',
    find: 'if (now !== before) return fail(',
    replace: `if (now === 'x') return fail(`,
    test: peoples('a word is not enough: the schema must be the one from before'),
  },
  {
    name: 'a reference that a Job has refused counts',
    file: 'src/planner/steps/backup-database.ts',
    find: 'return !isByPeople(step) || run.spec.database?.spec.backup?.verify !== undefined;',
    replace: 'return !isByPeople(step) || run.spec.database === undefined;',
    test: peoples('is proven by a Job where there is one that can look at it'),
  },
  {
    name: 'the database is restored under running servers',
    file: 'src/planner/steps/restore-database.ts',
    find: 'if (pods.length > 0)',
    replace: 'if (pods.length > 99)',
    test: database('001-130: nothing is restored while pods use the database'),
  },
  {
    name: 'old code is started on the new schema',
    file: 'src/planner/steps/start.ts',
    find: `if (wrong !== '') return fail(`,
    replace: `if (wrong === 'x') return fail(`,
    test: database('001-133: old code is not started on the new schema'),
  },
  {
    name: 'the way back leaves the database as it is',
    file: 'src/planner/procedures/rollback.ts',
    find: 'if (isSchemaChanged(handles)) return withDatabase',
    replace: 'if (list.steps.length === 0) return withDatabase',
    test: story(
      'S-29 001-130 001-133: the migration fails: the database is restored, then the old servers start, and no write is lost',
    ),
  },
  {
    name: 'writes after a migration are thrown away without a word',
    file: 'src/planner/stake.ts',
    find: `return onServed !== 'DiscardWrites';`,
    replace: 'return false;',
    test: story(
      'S-29: the second group fails after users have written on the new schema: it holds, and the loss is stated',
    ),
  },
  {
    name: 'an outcome that nobody knows is rolled back by itself',
    file: 'src/planner/failure.ts',
    find: `current.entry.reason !== 'OutcomeUnknown' &&`,
    replace: '',
    test: story('design 5.4: nobody knows what became of the migration: a person is asked, whatever the policy'),
  },
  {
    name: 'a way back that is not offered counts',
    file: 'src/planner/decisions/subject.ts',
    find: 'offered.length > 0 && !isOffered',
    replace: 'offered.length > 99 && !isOffered',
    test: database('001-126: a way back that is not offered does not count'),
  },
  {
    name: 'read-only is believed without a write that was refused',
    file: 'src/planner/steps/guards.ts',
    find: 'return after.writable\n',
    replace: 'return after === undefined\n',
    test: story(
      'design 1.7: the database takes writes all the same: nothing is migrated, and the old release serves again',
    ),
  },
  {
    name: 'the read-only mode of somebody else is cleared',
    file: 'src/planner/steps/guards.ts',
    find: "before.writable ? 'ours' : 'somebody'",
    replace: "before.writable ? 'ours' : 'ours'",
    test: story('design 1.8: somebody had made it read-only before: that is neither ours to set nor to clear'),
  },
  {
    name: 'a way back leaves the database read-only',
    file: 'src/planner/procedures/rollback.ts',
    find: 'if (!isGuarded(handles)) return;',
    replace: 'if (isGuarded(handles)) return;',
    test: story(
      'design 1.7 S-29: the migration fails: the database is restored and writable before the old release starts',
    ),
  },
  {
    name: 'a server is made anew for a schema that is not there',
    file: 'src/planner/steps/rebuild.ts',
    find: 'if (now === needed) return undefined;',
    replace: 'if (now !== needed) return undefined;',
    test: rebuild('001-140: asks the database first, and takes nothing off for a schema it was not planned for'),
  },
  {
    name: 'any word makes any server anew',
    file: 'src/planner/rebuild.ts',
    find: 'group === decision.group && server === decision.server',
    replace: "group !== '' && server !== ''",
    test: rebuild('001-135: is not taken by a word for a server of another group'),
  },
  {
    name: 'a volume is made anew before it is written down',
    file: 'src/planner/steps/rebuild.ts',
    find: 'if (unkept !== undefined) return act',
    replace: "if (unkept === '') return act",
    test: rebuild('001-136: makes volumes anew only after all of them are written down'),
  },
  {
    name: 'a check that holds is not waited for',
    file: 'src/planner/preflight/gate.ts',
    find: "return definition.severity === 'Warn' || finding.verdict === 'Pass' || override !== undefined;",
    replace: 'return true;',
    test: {
      file: 'test/simulation/preflight.test.ts',
      name: 'S-36 001-41 001-43 001-45: a missing contact holds the run, which names the remedy and touches nothing',
    },
  },
  {
    name: 'the backup before a Major may be waived',
    file: 'src/planner/preflight/definitions.ts',
    find: 'isWaivable: !isMandatory,',
    replace: 'isWaivable: true,',
    test: {
      file: 'src/planner/preflight/checks.test.ts',
      name: '001-60 A-13: a Major without a backup of its database is held, and neither waived nor attested',
    },
  },
  {
    name: 'exactly an hour counts as less',
    file: 'src/planner/question.ts',
    find: 'now > window.border',
    replace: 'now >= window.border',
    test: issue('001-125 A-16: exactly 60:00 left is not less'),
  },
  {
    name: 'a restart takes no word to give up what users wrote',
    file: 'src/planner/failure.ts',
    find: `choice === 'Rollback' || choice === 'Restart'`,
    replace: `choice === 'Rollback'`,
    test: issue('001-123 S-29: is not heard where it would lose writes and does not say so'),
  },
  {
    name: 'everything begins again although the way back failed',
    file: 'src/planner/follow-up.ts',
    find: `last.status?.phase === 'RolledBack' &&`,
    replace: '',
    test: issue('001-123: a restart whose way back failed begins nothing'),
  },
  {
    name: 'one word makes two runs',
    file: 'src/planner/follow-up.ts',
    find: '[followsAnnotation] === follows)',
    replace: `[followsAnnotation] === '')`,
    test: issue('S-08: one word, one run, whatever has become of that one'),
  },
];
