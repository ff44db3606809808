import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Contact, UpgradeRunSpec } from '../../api/upgrade-run.ts';
import { database, probeSuite } from '../../../test/builders/objects.ts';
import { majorSetting } from '../../../test/simulation/major.ts';
import { setting } from '../../../test/simulation/story.ts';
import { must } from '../../simulation/world.ts';
import { planRun } from '../../simulation/set-controller.ts';
import { notKnown, notMet, pass, pending } from './check.ts';
import { checkBackups } from './backups.ts';
import { definitionsOf } from './definitions.ts';
import { isOutdated, preflightOf } from './gate.ts';
import { checkChannel, checkContacts, checkTestAccount, checkTopology } from './people.ts';
import { beginRound, roundOf, taskId } from './rounds.ts';
import { waiveProblem } from './waivers.ts';
import { worstOf } from './world.ts';

type SetSpec = NonNullable<Parameters<typeof setting>[0]>['set'];

function planOf(set: SetSpec = {}): UpgradeRunSpec {
  const told = setting({ set });
  const [first] = told.objects.sets;
  assert.ok(first !== undefined);
  return planRun(told, first);
}

function majorPlan(change: (told: ReturnType<typeof majorSetting>) => void = () => {}): UpgradeRunSpec {
  const told = majorSetting();
  change(told);
  const [first] = told.objects.sets;
  assert.ok(first !== undefined);
  return planRun(told, first);
}

const runOf = (spec: UpgradeRunSpec) => ({ metadata: { name: 'portal-1' }, spec });

const all: Contact[] = [
  { name: 'ana', role: 'Lead', available: 'WholeWindow', via: '+359 2 555 0100' },
  { name: 'ben', role: 'ApplicationAdministrator', available: 'WholeWindow', via: '+359 2 555 0100' },
  { name: 'cem', role: 'LoadBalancerAdministrator', available: 'WholeWindow', via: '+359 2 555 0100' },
];

describe('people of the preflight', () => {
  for (const { role } of all) {
    it(`001-41 001-43: without a ${role} for the whole window the contacts are not met, and the role is named`, () => {
      const contacts = all.map((one): Contact => (one.role === role ? { ...one, available: 'OnCall' } : one));
      const finding = checkContacts({ contacts });
      assert.equal(finding.verdict, 'Fail');
      assert.match(finding.evidence, new RegExp(`for the whole window as ${role};`));
      assert.match(
        finding.remedy,
        new RegExp(`add a contact with role ${role} and available WholeWindow to spec\\.contacts`),
      );
    });
  }

  it('001-44: administrators who are only to be reachable are missed in the evidence, and hold nothing', () => {
    const finding = checkContacts({ contacts: all });
    assert.equal(finding.verdict, 'Pass');
    assert.match(
      finding.evidence,
      /nobody is named as ServerAdministrator, DatabaseAdministrator, NetworkAdministrator/,
    );
  });

  it('001-42: nobody but a person can say that the line works', () => {
    assert.equal(checkChannel({ contacts: all }).verdict, 'Fail');
    assert.match(
      checkChannel({ contacts: all }).remedy,
      /reach ana \(\+359 2 555 0100\), then create a Decision Attest/,
    );
    const channel = definitionsOf(planOf({ preflight: { require: ['Channel'] } })).find(
      ({ name }) => name === 'Channel',
    );
    assert.equal(channel?.isAttestable, true);
  });

  it('001-48: a probe that logs in with a Secret is the test account', () => {
    const env = [{ name: 'PASSWORD', secretKeyRef: { name: 'probe-user', key: 'password' } }];
    const plain = probeSuite('plain', { probes: [{ name: 'front', http: { url: 'https://x.example/' } }] });
    const login = probeSuite('login', { probes: [{ name: 'login', http: { url: 'https://x.example/', env } }] });
    const suites = (one: typeof plain) => ({ suites: [{ name: one.metadata.name, spec: one.spec }] });
    assert.equal(checkTestAccount(suites(plain)).verdict, 'Fail');
    assert.deepEqual(checkTestAccount(suites(login)), pass('probe login/login logs in with a Secret'));
  });

  it('001-31: a single group is reported with what users will notice, and holds nothing', () => {
    const told = setting({ groups: 1 });
    const [first] = told.objects.sets;
    assert.ok(first !== undefined);
    const spec = planRun(told, first);
    assert.equal(checkTopology(spec).verdict, 'Fail');
    assert.match(checkTopology(spec).evidence, /1 servers: Intermittent/);
    const severities = definitionsOf(spec).map(({ name, severity }) => `${name} ${severity}`);
    assert.ok(severities.includes('Topology Warn') && severities.includes('Capacity Warn'));
  });
});

describe('backups of the preflight', () => {
  it('001-60 A-13: a Major without a backup of its database is held, and neither waived nor attested', () => {
    const spec = majorPlan((told) => {
      told.objects.databases = told.objects.databases.map((one) => {
        const { backup: _, ...rest } = one.spec;
        return { ...one, spec: rest };
      });
    });
    const backups = definitionsOf(spec).find(({ name }) => name === 'Backups');
    assert.deepEqual([backups?.severity, backups?.isWaivable, backups?.isAttestable], ['Hold', false, false]);
    assert.equal(checkBackups(spec, []).verdict, 'Fail');
    assert.match(waiveProblem(runOf(spec), 'Backups'), /^Backups cannot be waived/);
    assert.match(waiveProblem(runOf(spec), 'Backups', 'Attest'), /not a matter of a person's word/);
  });

  it('001-61: says who takes the backup of a Major and that time for it is needed, and who puts it back', () => {
    const findingOf = (change: Partial<Parameters<typeof database>[1]> = {}): string => {
      const spec = majorPlan((told) => {
        const backup = { takenBy: 'People', estimate: '40m' } as const;
        told.objects.databases = [database('portal-db', { backup, ...change })];
      });
      const { verdict, evidence } = checkBackups(spec, []);
      return `${verdict}: ${evidence}`;
    };
    const asked = 'Pass: Database portal-db: people take the backup in row 5a, while nobody is served: have them ready';
    assert.ok(findingOf().startsWith(`${asked}, for about 40m; its restore Job puts it back`), findingOf());
    assert.ok(findingOf({ restore: undefined }).startsWith(`${asked}, for about 40m; people put it back too`));
  });

  it('001-52: volumes without a snapshot class are reported, and hold where Backups are required', () => {
    const bare = [notMet('1 claims have no snapshot class: data', 'name a class')];
    assert.equal(checkBackups(planOf(), bare).verdict, 'Fail');
    const severityOf = (spec: UpgradeRunSpec) => definitionsOf(spec).find(({ name }) => name === 'Backups')?.severity;
    assert.equal(severityOf(planOf()), 'Warn');
    assert.equal(severityOf(planOf({ preflight: { require: ['Backups'] } })), 'Hold');
  });
});

describe('what a release asks of declared facts', () => {
  it('001-39 001-40: is a check of the run with the facts as they were declared, and says what to do', () => {
    const told = setting();
    const [wanted, first] = [told.objects.packages.at(-1), told.objects.sets[0]];
    assert.ok(wanted !== undefined && first !== undefined);
    wanted.spec.checks = [
      {
        name: 'tls',
        severity: 'Hold',
        expression: 'pools.all(p, p.facts.minTLS >= "1.2")',
        message: 'switch TLS 1.0 off',
      },
    ];
    told.objects.pools = told.objects.pools.map((one) => ({ ...one, spec: { ...one.spec, facts: { minTLS: '1.0' } } }));
    const spec = planRun(told, first);
    const definition = definitionsOf(spec).find(({ name }) => name === 'package/tls');
    const place = {
      run: { name: 'portal-1', uid: 'u', spec },
      entry: { id: 'preflight', state: 'Running', attempt: 1, operation: 'o' } as const,
      handles: {},
    };
    const [request] = definition?.scope(place).checks ?? [];
    assert.ok(request?.kind === 'Expression');
    assert.deepEqual(JSON.parse(request.facts), {
      pools: [{ name: 'web', driver: 'haproxy', facts: { minTLS: '1.0' } }],
      package: { name: 'portal-1.2.0', version: '1.2.0' },
      from: { package: 'portal-1.1.0', version: '1.1.0' },
    });
    const seen = { id: request.id, state: 'failed', message: 'it does not hold', remedy: '' } as const;
    const observed = { checks: new Map([[request.id, seen]]) } as never;
    assert.deepEqual(definition?.evaluate({ ...place, observed }), notMet('it does not hold', 'switch TLS 1.0 off'));
  });
});

describe('waivers', () => {
  const spec = planOf({ preflight: { require: ['Contacts'] } });

  it('A-13: a check is waived by its name; one that the run does not have is refused with those it has', () => {
    assert.equal(waiveProblem(runOf(spec), 'Contacts'), '');
    assert.match(waiveProblem(runOf(spec), 'Contact'), /^run portal-1 has no check Contact: name one of Contacts, /);
  });

  it('a word cannot stand for what can be seen', () => {
    assert.match(
      waiveProblem(runOf(spec), 'Capacity', 'Attest'),
      /^Capacity is not a matter of a person's word: .*, or waive it$/,
    );
  });

  it('capacity looks at no workload where no group is in a pool, and at all of them where one is', () => {
    const looked = (spec: UpgradeRunSpec) => {
      const place = {
        run: { name: 'portal-1', uid: 'u', spec },
        entry: { id: 'preflight', state: 'Running', attempt: 1, operation: 'o' },
        handles: {},
      } as const;
      const { workloads = [], pools = [] } = must(
        definitionsOf(spec).find(({ name }) => name === 'Capacity'),
        'capacity',
      ).scope(place);
      return [workloads.length, pools.length];
    };
    const spec = planOf();
    const alone = spec.groups.map((group) => ({
      ...group,
      servers: group.servers.map((server) => ({ ...server, pools: [] })),
    }));
    assert.deepEqual(
      [looked(spec), looked({ ...spec, groups: alone })],
      [
        [2, 1],
        [0, 0],
      ],
    );
  });

  it('only an upgrade has checks: nothing keeps a way back waiting', () => {
    assert.deepEqual(definitionsOf({ ...spec, purpose: 'Rollback' }), []);
  });
});

describe('the worst of several findings', () => {
  it('is a failure before an unknown, with everything that is wrong', () => {
    const finding = worstOf([pass('a'), notKnown('b', 'do b'), notMet('c', 'do c'), notMet('d', 'do d')], '');
    assert.deepEqual(finding, notMet('c; d', 'do c; do d'));
  });

  it('is pending while one of them is, and goes on with what that one needs', () => {
    const request = { id: 'x', kind: 'Pull', image: 'i', workload: { kind: 'Deployment', name: 'w' } } as const;
    const finding = worstOf([notMet('c', ''), pending('runs', { kind: 'RunCheck', request })], '');
    assert.equal(finding.isPending, true);
    assert.deepEqual(finding.effect, { kind: 'RunCheck', request });
  });
});

describe('rounds', () => {
  it('are counted in the journal, and each names another question', () => {
    const first = beginRound({}, 'run/preflight/1', 'Staging', 0);
    assert.equal(taskId(first, 'run/preflight/1', 'Staging'), 'run/preflight/1/Staging/1');
    const second = { ...first, ...beginRound(first, 'run/preflight/1', 'Staging', 60_000) };
    assert.deepEqual(roundOf(second, 'run/preflight/1', 'Staging'), { number: 2, since: 60_000 });
    assert.equal(taskId({}, 'run/preflight/1', 'Staging'), undefined);
  });
});

describe('a run that is held', () => {
  const asked = { require: ['Contacts' as const] };
  const spec = planOf({ preflight: asked, contacts: all });

  it('is outdated once the set asks for other people or checks, and never after it has begun', () => {
    assert.equal(isOutdated({ spec }, { preflight: asked, contacts: all }), false);
    assert.equal(isOutdated({ spec }, { preflight: asked, contacts: all.slice(1) }), true);
    assert.equal(isOutdated({ spec }, { preflight: { require: [] }, contacts: all }), true);
    const entry = {
      id: 'preflight',
      state: 'Running',
      attempt: 1,
      operation: 'o',
      handles: { 'opened/o': 'now' },
    } as const;
    const status = { observedGeneration: 1, conditions: [], phase: 'Running', epoch: 1, steps: [entry] } as const;
    assert.equal(
      isOutdated(
        { spec, status: { ...status, conditions: [], steps: [{ ...entry, handles: { ...entry.handles } }] } },
        {},
      ),
      false,
    );
  });

  it('keeps what was asked with every field filled in', () => {
    assert.deepEqual(preflightOf({}), { require: [], checks: [] });
    assert.deepEqual(preflightOf({ require: ['Staging'] }), { require: ['Staging'], checks: [] });
  });
});
