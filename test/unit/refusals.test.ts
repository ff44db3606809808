/** Bad input that one object cannot show: what the planner, the checks and the controllers say to it, word for word. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ProbeSuite } from '../../src/api/probe-suite.ts';
import type { Contact, UpgradeRunSpec } from '../../src/api/upgrade-run.ts';
import type { UpgradeSet } from '../../src/api/upgrade-set.ts';
import type { Finding } from '../../src/planner/preflight/check.ts';
import { checkBackups } from '../../src/planner/preflight/backups.ts';
import { checkChannel, checkContacts, checkTestAccount } from '../../src/planner/preflight/people.ts';
import type { PlanInput } from '../../src/planner/plan.ts';
import { findProblems } from '../../src/planner/validate.ts';
import { planInput, planRun } from '../../src/simulation/set-controller.ts';
import { must } from '../../src/simulation/world.ts';
import { parseInstant } from '../../src/shared/instant.ts';
import { database, probeSuite } from '../builders/objects.ts';
import { majorSetting } from '../simulation/major.ts';
import { setting } from '../simulation/story.ts';

const now = parseInstant('2026-12-05T20:00:00Z');

/** What is said to this change of a set that could be planned, with these suites beside those of its groups. */
function problems(change: Partial<UpgradeSet['spec']>, suites: readonly ProbeSuite[] = []): string[] {
  const told = setting();
  told.objects.suites.push(...suites);
  const set = must(told.objects.sets[0], 'set');
  const input = planInput(told, { ...set, spec: { ...set.spec, ...change } });
  return said({ ...input, now });
}

function said(input: PlanInput): string[] {
  return findProblems(input).map(({ reason, object, field, message }) => `${reason} ${object} ${field}: ${message}`);
}

const repository = (url: string, parameters: { name: string; default?: string }[] = []): ProbeSuite =>
  probeSuite('repository', { probes: [{ name: 'complete', http: { url } }], parameters });

describe('the planner refuses', () => {
  const asks = { preflight: { require: [], checks: ['repository'] } };
  const cases: Readonly<Record<string, readonly [got: readonly string[], want: readonly string[]]>> = {
    'nothing where the agreed window is still open': [problems({ schedule: { until: '2026-12-05T20:00:01Z' } }), []],
    'a package that is asked for when the agreed window has ended': [
      problems({ schedule: { until: '2026-12-05T20:00:00Z' } }),
      [
        'WindowEnded upgradeset/portal spec.schedule.until: the agreed window ended 2026-12-05T20:00:00Z, and nothing was begun: name the end of the next one, or take the field out',
      ],
    ],
    'the same in another time zone': [
      problems({ schedule: { until: '2026-12-05T21:30:00+02:00' } }),
      [
        'WindowEnded upgradeset/portal spec.schedule.until: the agreed window ended 2026-12-05T21:30:00+02:00, and nothing was begun: name the end of the next one, or take the field out',
      ],
    ],
    'nothing where it is only rehearsed after the window': [
      problems({ schedule: { until: '2026-12-05T19:00:00Z' }, dryRun: true }),
      [],
    ],
    'nothing of a suite of checks that brings what it needs': [
      problems(asks, [repository('${BASE}/${TO_VERSION}', [{ name: 'BASE', default: 'https://repo.example' }])]),
      [],
    ],
    'a suite of checks with a parameter that no group sets': [
      problems(asks, [repository('${BASE}/missing', [{ name: 'BASE' }])]),
      [
        'VariableNotSet probesuite/repository spec.probes: nobody sets ${BASE} where spec.preflight.checks of UpgradeSet portal runs it: give it a default in spec.parameters of the suite, or take one of RUN, FROM_VERSION, TO_VERSION, EXPECTED_VERSION',
      ],
    ],
    'a suite of checks that asks a server, of which it has none': [
      problems(asks, [repository('http://${SERVER}/missing')]),
      [
        'VariableNotSet probesuite/repository spec.probes: nobody sets ${SERVER} where spec.preflight.checks of UpgradeSet portal runs it: give it a default in spec.parameters of the suite, or take one of RUN, FROM_VERSION, TO_VERSION, EXPECTED_VERSION',
      ],
    ],
  };
  for (const [name, [got, want]] of Object.entries(cases)) it(name, () => assert.deepEqual(got, want));

  it('design 5: a schema that is changed under servers nobody stops', () => {
    const told = majorSetting();
    const set = must(told.objects.sets[0], 'set');
    const input = planInput(told, { ...set, spec: { ...set.spec, serverGroups: ['group-1'] } });
    assert.deepEqual(said(input), [
      'DatabaseShared servergroup/group-2 spec.database: it uses Database "portal-db", whose schema is changed, and is not in the set: add it to spec.serverGroups of UpgradeSet portal, or it would run on a schema that is not its own',
    ]);
  });

  it('another schema that nobody makes', () => {
    const told = majorSetting();
    const input = planInput(told, must(told.objects.sets[0], 'set'));
    const { spec } = input.package;
    const schema = { ...must(spec.schema, 'schema'), change: 'None' as const };
    const old = { ...input.package, spec: { ...spec, schema: { ...schema, version: '41' } } };
    const installedPackages = new Map([['group-1', { ...old, metadata: { name: 'portal-1.1.0' } }]]);
    const unchanged = { ...input.package, spec: { ...spec, schema } };
    assert.deepEqual(said({ ...input, package: unchanged, installedPackages }), [
      `SchemaChangeNotDeclared package/${unchanged.metadata.name} spec.schema.change: it needs schema 42, portal-1.1.0 runs on 41, and change is None: write Migrate, or the version of the schema as it is`,
    ]);
  });

  it('two servers that are one member', () => {
    const told = setting();
    const input = planInput(told, must(told.objects.sets[0], 'set'));
    const groups = input.groups.map((group) => ({
      ...group,
      spec: {
        ...group.spec,
        servers: group.spec.servers.map((server) => ({ ...server, pools: [{ name: 'web', member: 'web-1' }] })),
      },
    }));
    assert.deepEqual(said({ ...input, groups }), [
      'MemberShared servergroup/group-2 spec.servers[web-2].pools[web].member: group-1/web-1 is member "web-1" of Pool web already: name the member that this server is',
    ]);
  });

  it('nothing that is half done: what was begun comes to its end after the window too', () => {
    const told = setting();
    const set = must(told.objects.sets[0], 'set');
    const input = planInput(told, { ...set, spec: { ...set.spec, schedule: { until: '2026-12-05T19:00:00Z' } } });
    const versions = new Map([
      ['group-1', '1.2.0'],
      ['group-2', '1.1.0'],
    ]);
    assert.deepEqual(findProblems({ ...input, now, versions }), []);
  });
});

const person = (name: string, role: Contact['role'], available: Contact['available'] = 'WholeWindow'): Contact => ({
  name,
  role,
  available,
  via: `#${name}`,
});
const others = [person('ben', 'ApplicationAdministrator'), person('cem', 'LoadBalancerAdministrator')];
const onCall = (
  ['ServerAdministrator', 'DatabaseAdministrator', 'NetworkAdministrator', 'DirectoryAdministrator'] as const
).map((role, index) => person(`on-call-${index}`, role, 'OnCall'));

function planned(): UpgradeRunSpec {
  const told = setting();
  return planRun(told, must(told.objects.sets[0], 'set'));
}

describe('a check before the start says', () => {
  const said = ({ verdict, evidence, remedy }: Finding): string => `${verdict}: ${evidence} -> ${remedy}`;
  const { suites } = planned();
  const cases: Readonly<Record<string, readonly [got: Finding, want: string]>> = {
    '001-41 S-36: that there is no lead': [
      checkContacts({ contacts: [...others, ...onCall] }),
      'Fail: nobody is named for the whole window as Lead -> add a contact with role Lead and available WholeWindow to spec.contacts of the UpgradeSet',
    ],
    '001-41: that a lead on call is not there for the whole upgrade': [
      checkContacts({ contacts: [person('ana', 'Lead', 'OnCall'), ...others, ...onCall] }),
      'Fail: nobody is named for the whole window as Lead -> add a contact with role Lead and available WholeWindow to spec.contacts of the UpgradeSet',
    ],
    '001-43 S-36: that two administrators are missing': [
      checkContacts({ contacts: [person('ana', 'Lead'), ...onCall] }),
      'Fail: nobody is named for the whole window as ApplicationAdministrator, LoadBalancerAdministrator -> add contacts with role ApplicationAdministrator, LoadBalancerAdministrator and available WholeWindow to spec.contacts of the UpgradeSet',
    ],
    '001-44: who is not named for trouble, and holds nothing for it': [
      checkContacts({ contacts: [person('ana', 'Lead'), ...others, ...onCall.slice(0, 2)] }),
      'Pass: Lead ana, ApplicationAdministrator ben, LoadBalancerAdministrator cem; nobody is named as NetworkAdministrator, DirectoryAdministrator -> ',
    ],
    '001-42: whom to reach, and that only a person can tell': [
      checkChannel({ contacts: [person('ana', 'Lead')] }),
      'Fail: nobody has said yet that the line works -> reach ana (#ana), then create a Decision Attest',
    ],
    '001-42: that there is nobody to reach': [
      checkChannel({}),
      'Fail: nobody has said yet that the line works -> reach the lead, then create a Decision Attest',
    ],
    '001-48: that no probe logs in as a test user': [
      checkTestAccount({ suites }),
      'Fail: no probe uses a Secret, so none logs in as a test user -> add a probe with env.secretKeyRef to the ProbeSuite, with the password of a test account',
    ],
    '001-48: which probe does': [
      checkTestAccount({ suites: suites.map(withPassword) }),
      'Pass: probe web-functions/login logs in with a Secret -> ',
    ],
    '001-52 001-60: that a Major has a database nobody backs up': [
      checkBackups(withoutBackup(), []),
      'Fail: Database portal-db has no backup: a Major never starts without one -> fill in spec.backup of Database portal-db, then ask for another run',
    ],
    '001-52: that nothing would bring the data of a Minor back': [
      checkBackups({ ...withoutBackup(), procedure: 'rolling' }, []),
      'Fail: Database portal-db has no backup: nothing brings its data back -> fill in spec.backup of Database portal-db, then ask for another run',
    ],
  };
  for (const [name, [got, want]] of Object.entries(cases)) it(name, () => assert.equal(said(got), want));
});

function withPassword(suite: UpgradeRunSpec['suites'][number]): UpgradeRunSpec['suites'][number] {
  const secretKeyRef = { name: 'probe-user', key: 'password' };
  const probes = suite.spec.probes.map((probe) =>
    probe.http === undefined ? probe : { ...probe, http: { ...probe.http, env: [{ name: 'PASSWORD', secretKeyRef }] } },
  );
  return { ...suite, spec: { ...suite.spec, probes } };
}

function withoutBackup(): UpgradeRunSpec {
  const told = majorSetting();
  const spec = planRun(told, must(told.objects.sets[0], 'set'));
  const { backup: _backup, restore: _restore, drill: _drill, ...rest } = database().spec;
  return { ...spec, database: { name: 'portal-db', uid: 'db', spec: rest } };
}
