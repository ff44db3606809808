import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeError } from '../../kube/kube-error.ts';
import type { Job } from '../../kube/objects.ts';
import { jobs, pods, secrets } from '../../kube/resources.ts';
import type { DatabaseJob, DatabaseVerb } from '../../planner/effects.ts';
import type { DatabaseJobObservation } from '../../planner/observed.ts';
import { silentLogger } from '../../shared/logger.ts';
import {
  database,
  exited,
  password,
  type PodStatus,
  seedCredentials,
  seedJobPod,
  setCondition,
} from '../../../test/conformance/database-harness.ts';
import { cluster, context, namespace, never, operation, type Cluster } from '../../../test/conformance/scene.ts';
import type { DatabaseDriver } from '../contract.ts';
import { createDatabaseDriver } from './driver.ts';

const jobOf = (verb: DatabaseVerb): DatabaseJob => ({ id: `uid-run-1/${verb}/1/${verb}`, verb, parameters: {} });

interface Play {
  readonly scene: Cluster;
  readonly driver: DatabaseDriver;
  readonly wanted: DatabaseJob;
  readonly job: Job;
}

/** The Job is there; its pod is not. */
async function begun(verb: DatabaseVerb = 'migrate'): Promise<Play> {
  const scene = cluster();
  seedCredentials(scene);
  const driver = createDatabaseDriver({ ...scene, logger: silentLogger });
  const wanted = jobOf(verb);
  await driver.request(operation(), { kind: 'RunDatabaseJob', job: wanted }, database(), never);
  const [job] = scene.client.all(jobs);
  assert.ok(job !== undefined);
  return { scene, driver, wanted, job };
}

/** With names that do not change. */
async function see({ driver, wanted, job }: Play): Promise<Omit<DatabaseJobObservation, 'id'>> {
  const { id: _, message, ...rest } = await driver.observe(context(), wanted, never);
  return { ...rest, message: message.replaceAll(job.metadata.name, 'JOB') };
}

async function tell(play: Play): Promise<string> {
  const { state, exitCode, message } = await see(play);
  return `${state}${exitCode === undefined ? '' : ` ${exitCode}`}${message === '' ? '' : `; ${message}`}`;
}

const disrupted = (reason: string, message: string): PodStatus => ({
  ...exited(137),
  conditions: [{ type: 'DisruptionTarget', status: 'True', reason, message }],
});
const waiting = (reason: string, message: string, phase: 'Pending' | 'Failed' = 'Pending'): PodStatus => ({
  phase,
  containerStatuses: [{ name: 'database', ready: false, restartCount: 0, state: { waiting: { reason, message } } }],
});
const runs: PodStatus = {
  phase: 'Running',
  containerStatuses: [{ name: 'database', ready: true, restartCount: 0, state: { running: {} } }],
};

interface Case {
  readonly pods: readonly PodStatus[];
  readonly job?: readonly ['Complete' | 'Failed', string?];
  readonly verb?: DatabaseVerb;
  readonly log?: string;
  readonly want: string;
}

const backoff = ['Failed', 'BackoffLimitExceeded'] as const;
const late = ['Failed', 'DeadlineExceeded'] as const;

const cases: Readonly<Record<string, Case>> = {
  'runs before it has a pod': { pods: [], want: 'running; Job JOB has no pod yet' },
  runs: { pods: [runs], want: 'running' },
  'runs until the Job says how it went, whatever its pod says': { pods: [exited(0)], want: 'running' },
  'names the image that cannot be pulled while it waits for its deadline (S-24)': {
    pods: [waiting('ImagePullBackOff', 'no such image')],
    want: 'running; container cannot start: ImagePullBackOff: no such image',
  },
  'names what keeps its pod from being placed': {
    pods: [
      {
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' }],
      },
    ],
    want: 'running; pod cannot be placed: 0/3 nodes',
  },
  'has succeeded when the Job is complete': { pods: [exited(0)], job: ['Complete'], want: 'succeeded 0; exit 0' },
  'has failed with its exit status and the end of its log (001-120)': {
    pods: [exited(3)],
    job: backoff,
    log: 'applying 42\nERROR: relation exists\n',
    want: 'failed 3; exit 3: applying 42\nERROR: relation exists',
  },
  'takes the word of the program before its log': {
    pods: [exited(3, 'relation exists\n')],
    job: backoff,
    log: 'noise',
    want: 'failed 3; exit 3: relation exists',
  },
  'names a lack of memory': {
    pods: [
      {
        phase: 'Failed',
        containerStatuses: [
          {
            name: 'database',
            ready: false,
            restartCount: 0,
            state: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
          },
        ],
      },
    ],
    job: backoff,
    want: 'failed 137; exit 137, out of memory',
  },
  'has failed without an exit status when its pod was evicted (S-24)': {
    pods: [{ ...exited(137), reason: 'Evicted', message: 'node is low on memory' }],
    job: backoff,
    want: 'failed; pod JOB-a was evicted: node is low on memory',
  },
  'has failed without an exit status when its pod was preempted (S-24)': {
    pods: [disrupted('PreemptionByScheduler', 'to make room')],
    job: backoff,
    want: 'failed; pod JOB-a was preempted: to make room',
  },
  'has failed without an exit status when its node went away': {
    pods: [{ ...runs, phase: 'Failed' }],
    job: backoff,
    want: 'failed; pod JOB-a was lost before its end was seen',
  },
  'has failed without an exit status when its pod is gone': {
    pods: [],
    job: backoff,
    want: 'failed; the pod of Job JOB is gone, and nobody saw its end: it was deleted, or its node was lost',
  },
  'has failed past its deadline, with what kept it from beginning (S-24)': {
    pods: [waiting('ImagePullBackOff', 'no such image', 'Failed')],
    job: late,
    want: 'failed; did not end within 30m: pod JOB-a never began its work: container cannot start: ImagePullBackOff: no such image',
  },
  'has failed past its deadline when the server has removed its pod (S-24)': {
    pods: [],
    job: late,
    want: 'failed; did not end within 30m',
  },
  'keeps the exit status of a program that was stopped at its deadline': {
    pods: [exited(75)],
    job: late,
    want: 'failed 75; did not end within 30m: exit 75',
  },
  'has failed without an exit status when only an init container ran': {
    pods: [
      {
        phase: 'Failed',
        initContainerStatuses: [
          { name: 'wait', ready: false, restartCount: 0, state: { terminated: { exitCode: 2 } } },
        ],
      },
    ],
    job: backoff,
    want: 'failed; pod JOB-a never began its work: init container wait ended with exit 2',
  },
  'two pods that ended alike are one (S-24)': {
    pods: [exited(0, '{"schemaVersion":"42"}'), exited(0)],
    job: ['Complete'],
    want: 'succeeded 0; exit 0',
  },
  'two pods that ended differently cannot be told, though the Job is complete (S-24)': {
    pods: [exited(0), exited(3)],
    job: ['Complete'],
    want: 'unknown; its pods ended differently: pod JOB-a exit 0; pod JOB-b exit 3',
  },
  'two pods of which one was evicted cannot be told (S-24)': {
    pods: [exited(3), disrupted('EvictionByEvictionAPI', 'drained')],
    job: backoff,
    want: 'unknown; its pods ended differently: pod JOB-a exit 3; pod JOB-b was evicted: drained',
  },
  'a second pod that never began changes nothing (S-24)': {
    pods: [exited(0), waiting('ContainerCreating', '', 'Failed')],
    job: ['Complete'],
    want: 'succeeded 0; exit 0',
  },
  'two different answers are none (S-24)': {
    verb: 'backup',
    pods: [exited(0, '{"handle":"a"}'), exited(0, '{"handle":"b"}')],
    job: ['Complete'],
    want: 'unknown; its pods answered differently: pod JOB-a exit 0; pod JOB-b exit 0',
  },
  'a Job that failed although its program ended well cannot be told': {
    pods: [exited(0)],
    job: late,
    want: 'unknown; Job JOB failed (DeadlineExceeded), but exit 0',
  },
  'a Job that is complete although its program failed cannot be told': {
    pods: [exited(3)],
    job: ['Complete'],
    want: 'unknown; Job JOB is complete, but exit 3',
  },
  'is not over while one of its pods still works': {
    pods: [exited(0), runs],
    job: ['Complete'],
    want: 'running; pod JOB-b has not ended yet',
  },
  'a complete migration needs no pod to be believed (001-82)': {
    pods: [],
    job: ['Complete'],
    want: 'succeeded 0; Job JOB is complete, and its pod is gone with what it answered',
  },
  'a backup whose name went with its pod cannot be told (001-60)': {
    verb: 'backup',
    pods: [],
    job: ['Complete'],
    want: 'unknown; Job JOB is complete, and its pod is gone with what it answered',
  },
};

describe('state of a Job on a database', () => {
  for (const [name, tc] of Object.entries(cases)) {
    it(name, async () => {
      const play = await begun(tc.verb);
      const { scene, job } = play;
      for (const [index, status] of tc.pods.entries()) {
        const pod = seedJobPod(scene, job, status, index === 0 ? 'a' : 'b');
        scene.client.server.logs.set(`${namespace}/${pod.metadata.name}`, tc.log ?? '');
      }
      if (tc.job !== undefined) setCondition(scene, job, ...tc.job);
      assert.equal(await tell(play), tc.want);
    });
  }

  it('says that it is suspended, or being deleted', async () => {
    const play = await begun();
    const { scene, job } = play;
    scene.client.seed(jobs, { ...job, spec: { ...job.spec, suspend: true } });
    assert.equal(await tell(play), 'running; Job JOB is suspended: somebody set spec.suspend');
    scene.client.seed(jobs, { ...job, metadata: { ...job.metadata, deletionTimestamp: '2026-12-05T20:00:00Z' } });
    assert.equal(await tell(play), 'running; Job JOB is being deleted');
  });

  it('is not absent while the pod of a deleted Job still works (001-82)', async () => {
    const play = await begun();
    const { scene, job } = play;
    seedJobPod(scene, job, runs);
    await scene.client.delete(jobs, { namespace, name: job.metadata.name }, { propagation: 'Orphan' });
    assert.equal(await tell(play), 'running; Job JOB was deleted, and its pod JOB-x has not ended yet');
    await scene.client.delete(pods, { namespace, name: `${job.metadata.name}-x` });
    assert.equal(await tell(play), 'absent');
  });

  it('does not read the pods of an earlier Job of its name', async () => {
    const play = await begun();
    const { scene, job } = play;
    seedJobPod(scene, { ...job, metadata: { ...job.metadata, uid: 'uid-before' } }, exited(3), 'before');
    seedJobPod(scene, job, exited(0), 'now');
    setCondition(scene, job, 'Complete');
    assert.equal(await tell(play), 'succeeded 0; exit 0');
  });

  it('reads the container that does the work, wherever it stands in the pod', async () => {
    const play = await begun();
    const { scene, job } = play;
    const pod = seedJobPod(scene, job, {
      phase: 'Failed',
      containerStatuses: [
        { name: 'proxy', ready: false, restartCount: 0, state: { terminated: { exitCode: 0 } } },
        { name: 'database', ready: false, restartCount: 0, state: { terminated: { exitCode: 4 } } },
      ],
    });
    scene.client.seed(pods, { ...pod, spec: { containers: [{ name: 'proxy' }, ...pod.spec.containers] } });
    setCondition(scene, job, ...backoff);
    assert.equal(await tell(play), 'failed 4; exit 4');
  });
});

describe('answer of a Job on a database', () => {
  const outputs: Readonly<Record<string, readonly [string, Readonly<Record<string, string>>]>> = {
    'texts, numbers as written and truth values': [
      '{"schemaVersion": 41.10, "operation": "done", "clean": true}',
      { schemaVersion: '41.10', operation: 'done', clean: 'true' },
    ],
    'nothing that is nested, and no null': [
      '{"handle": "a", "tables": [1], "more": {"b": 2}, "none": null}',
      { handle: 'a' },
    ],
    'nothing where it is no object': ['["a"]', {}],
    'nothing where it is cut short': ['{"handle": "a', {}],
  };
  for (const [name, [message, want]] of Object.entries(outputs)) {
    it(`is ${name}`, async () => {
      const play = await begun('backup');
      seedJobPod(play.scene, play.job, exited(0, message));
      setCondition(play.scene, play.job, 'Complete');
      assert.deepEqual((await see(play)).output, want);
    });
  }
});

describe('what a Job on a database wrote (001-119, 001-120)', () => {
  async function failedWith(log: string, values: Readonly<Record<string, string>> = {}): Promise<Play> {
    const play = await begun();
    seedCredentials(play.scene, values);
    seedJobPod(play.scene, play.job, exited(1));
    setCondition(play.scene, play.job, ...backoff);
    play.scene.client.server.logs.set(`${namespace}/${play.job.metadata.name}-x`, log);
    return play;
  }
  const read = async ({ driver, wanted }: Play): Promise<string> =>
    (await driver.readLog(context(), wanted, never))?.output ?? '';

  it('is shown without the values of its Secret, in any of their forms', async () => {
    const key = 'first-line-of-a-key\nsecond-line-of-a-key\n';
    const forms = [
      password,
      Buffer.from(password).toString('base64'),
      encodeURIComponent('a/b c'),
      'second-line-of-a-key',
    ];
    const play = await failedWith(forms.join(' | '), { KEY: key, TOKEN: 'a/b c' });
    assert.equal(await read(play), '*** | *** | *** | ***');
    assert.equal(await tell(play), 'failed 1; exit 1: *** | *** | *** | ***');
  });

  it('is not shown where the Secret is gone or may not be read (S-42)', async () => {
    const want = 'what it wrote is not shown: Secret portal-db cannot be read, so its values could not be taken out';
    const play = await failedWith(`password ${password}`);
    const { server } = play.scene.client;
    server.interceptors.push(({ resource }) => {
      if (resource === 'secrets') throw new KubeError({ status: 403, reason: 'Forbidden', message: 'no' });
    });
    assert.deepEqual([await read(play), await tell(play)], [want, `failed 1; exit 1: ${want}`]);
    server.interceptors.pop();
    await play.scene.client.delete(secrets, { namespace, name: 'portal-db' });
    assert.deepEqual([await read(play), await tell(play)], [want, `failed 1; exit 1: ${want}`]);
  });

  it('keeps the end: 512 characters in a message, 16 KiB of a log from a whole line on', async () => {
    const lines = Array.from({ length: 2_000 }, (_, index) => `line ${index} ${'é'.repeat(20)}`).join('\n');
    const play = await failedWith(lines);
    const { message } = await see(play);
    assert.match(message, /^exit 1: ….*line 1999 é+$/s);
    const seen = await play.driver.observe(context(), play.wanted, never);
    assert.ok(seen.message.length <= 512);
    const log = await read(play);
    assert.ok(Buffer.byteLength(log) <= 16_384 && Buffer.byteLength(log) > 16_000);
    assert.match(log, /^line \d+ é+\n/);
    assert.ok(lines.endsWith(log));
  });

  it('sends no control characters to terminals', async () => {
    const play = await failedWith('\u001b[31mERROR\u001b[0m\tno\u0007\r\n');
    assert.equal(await tell(play), 'failed 1; exit 1: [31mERROR[0m no');
  });

  it('of two pods each stands under its name', async () => {
    const play = await failedWith('first');
    const { name } = seedJobPod(play.scene, play.job, exited(1), 'y').metadata;
    play.scene.client.server.logs.set(`${namespace}/${name}`, 'second');
    assert.equal((await read(play)).replaceAll(play.job.metadata.name, 'JOB'), 'pod JOB-x:\nfirst\npod JOB-y:\nsecond');
  });

  it('is nothing where there is no Job, and its absence does not hide the verdict', async () => {
    const play = await failedWith('log');
    play.scene.client.server.interceptors.push(({ verb }) => {
      if (verb === 'log') throw new KubeError({ status: 500, reason: 'InternalError', message: 'node is away' });
    });
    assert.deepEqual([await read(play), await tell(play)], ['', 'failed 1; exit 1']);
    await play.scene.client.delete(jobs, { namespace, name: play.job.metadata.name });
    assert.equal(await read(play), '');
  });

  it('says which permission its log needs', async () => {
    const play = await failedWith('log');
    play.scene.client.server.interceptors.push(({ verb }) => {
      if (verb === 'log') throw new KubeError({ status: 403, reason: 'Forbidden', message: 'no' });
    });
    assert.equal(await tell(play), 'failed 1; exit 1: its log cannot be read: grant get on pods/log');
  });
});
