import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { renderCrds } from '../../scripts/generate/crds.ts';
import * as decoders from '../../src/api/decode.ts';
import { kinds } from '../../src/api/kinds.ts';
import { controlPlaneTools, ensureTools } from '../cluster/build-tools.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { waitFor } from '../cluster/poll.ts';
import { type Plain, badObjects, validObjects, withValues } from './bad-objects.ts';

interface Answer {
  status: number;
  body: Plain;
  warnings: string[];
}

type Send = (method: string, path: string, body?: Plain) => Promise<Answer>;

/** Plain HTTPS, so that nothing of ours stands between the test and the API server's own words. */
function connect(plane: ControlPlane): { send: Send; close(): void } {
  const ca = readFileSync(join(plane.kubeconfig, '..', 'ca.crt'));
  const agent = new Agent({ keepAlive: true, ca });
  const send: Send = (method, path, body) => {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const headers = { authorization: `Bearer ${plane.token}`, 'content-type': 'application/json' };
    const call = request(`${plane.server}${path}`, { method, agent, headers, timeout: 30_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const warnings = response.headersDistinct['warning'] ?? [];
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()), warnings });
      });
    });
    call.on('error', reject);
    call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer within 30 s`)));
    call.end(body === undefined ? undefined : JSON.stringify(body));
    return promise;
  };
  return { send, close: () => agent.destroy() };
}

const definitionsPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

function pathOf(kind: string, name = ''): string {
  const plural = kinds.find((candidate) => candidate.kind === kind)?.plural ?? '';
  return `/apis/belay.dev/v1alpha1/namespaces/default/${plural}${name === '' ? '' : `/${name}`}`;
}

function nameOf(object: Plain): string {
  const { metadata } = object;
  return typeof metadata === 'object' && metadata !== null && 'name' in metadata ? String(metadata.name) : '';
}

const dryRun = '?dryRun=All&fieldValidation=Strict';

describe('definitions of the kinds in a real API server', () => {
  let plane: ControlPlane;
  let send: Send;
  let close = (): void => {};

  before(async () => {
    const tools = await ensureTools({ log: (line) => console.error(line), only: controlPlaneTools });
    plane = await startControlPlane({
      dir: mkdtempSync(join(tmpdir(), 'belay-crds-')),
      tools,
      controllerManager: false,
    });
    ({ send, close } = connect(plane));
    for (const yaml of renderCrds().values()) {
      const answer = await send('POST', definitionsPath, parse(yaml));
      assert.equal(answer.status, 201, JSON.stringify(answer.body));
      assert.deepEqual(answer.warnings, []);
    }
    for (const { kind } of kinds) {
      await waitFor({
        what: `${kind} to be served`,
        timeoutMs: 30_000,
        check: async () => ((await send('GET', pathOf(kind))).status === 200 ? true : undefined),
      });
    }
  });

  after(async () => {
    close();
    await plane.stop();
  });

  it('are established and structural', async () => {
    for (const { plural } of kinds) {
      const { body } = await send('GET', `${definitionsPath}/${plural}.belay.dev`);
      const conditions = conditionsOf(body);
      assert.equal(conditions.get('Established'), 'True', plural);
      assert.equal(conditions.get('NonStructuralSchema') ?? 'False', 'False', plural);
    }
  });

  for (const { kind, example } of kinds) {
    if (example !== '') it(`take the example of ${kind}`, () => takes(parse(example)));
  }
  for (const [kind, object] of Object.entries(validObjects)) {
    it(`take a ${kind} with nearly every field, and fill in the defaults the decoder does`, () => takes(object));
  }

  async function takes(object: Plain): Promise<void> {
    const kind = String(object['kind']);
    const { status, body, warnings } = await send('POST', pathOf(kind) + dryRun, object);
    assert.equal(status, 201, JSON.stringify(body));
    assert.deepEqual(warnings, []);
    assert.deepEqual(body['spec'], decode(kind, object));
  }

  for (const bad of badObjects.filter((candidate) => candidate.isUpdate !== true)) {
    it(`refuse a ${bad.kind} that ${bad.why}`, async () => {
      const object = withValues(validObjects[bad.kind] ?? {}, bad.set);
      const { status, body } = await send('POST', pathOf(bad.kind) + dryRun, object);
      assert.equal(status, 422, JSON.stringify(body));
      assert.ok(String(body['message']).includes(bad.says), `${String(body['message'])}\nshould say: ${bad.says}`);
    });
  }

  for (const [kind, object] of Object.entries(validObjects)) {
    const updates = badObjects.filter((candidate) => candidate.kind === kind && candidate.isUpdate === true);
    if (updates.length === 0) continue;
    it(`refuse changes of what is immutable in a ${kind}: ${updates.map(({ why }) => why).join(', ')}`, async () => {
      const { body: stored } = await send('POST', pathOf(kind), object);
      for (const { set, says } of updates) {
        const { status, body } = await send('PUT', pathOf(kind, nameOf(object)) + dryRun, withValues(stored, set));
        assert.equal(status, 422, `${says}: ${JSON.stringify(body)}`);
        assert.ok(String(body['message']).includes(says), String(body['message']));
      }
      const label = withValues(stored, { 'metadata.labels': { a: 'b' } });
      assert.equal((await send('PUT', pathOf(kind, nameOf(object)) + dryRun, label)).status, 200);
    });
  }

  it('refuse a field that is not in the schema', async () => {
    const object = withValues(validObjects['UpgradeSet'] ?? {}, { 'spec.serverGroup': 'group-1' });
    const { status, body } = await send('POST', pathOf('UpgradeSet') + dryRun, object);
    assert.equal(status, 400);
    assert.match(String(body['message']), /unknown field "spec\.serverGroup"/);
  });

  it('let a Package be withdrawn and its notes be written later', async () => {
    const object = withValues(validObjects['Package'] ?? {}, { 'metadata.name': 'portal-1.3.0' });
    const { body: stored } = await send('POST', pathOf('Package'), object);
    const changed = withValues(stored, { 'spec.withdrawn': true, 'spec.notes': { fixes: ['one'] } });
    assert.equal((await send('PUT', pathOf('Package', 'portal-1.3.0'), changed)).status, 200);
  });

  it('store a run of 512 steps with its journal', async () => {
    const step = {
      number: '1',
      title: 'Stop group-1',
      action: 'Stop',
      actor: 'Engineer',
      requires: [],
      timeout: '15m',
      estimate: '2m',
    };
    const steps = Array.from({ length: 512 }, (_, i) => ({ ...step, id: `step-${i}` }));
    const object = withValues(validObjects['UpgradeRun'] ?? {}, { 'metadata.name': 'big', 'spec.steps': steps });
    const { status, body: stored } = await send('POST', pathOf('UpgradeRun'), object);
    assert.equal(status, 201);
    const journal = steps.map(({ id }) => ({
      id,
      state: 'Succeeded',
      attempt: 1,
      operation: `u/${id}/1`,
      message: 'x'.repeat(200),
      handles: { a: 'b' },
    }));
    const change = withValues(stored, { status: { phase: 'Running', epoch: 1, steps: journal } });
    const answer = await send('PUT', `${pathOf('UpgradeRun', 'big')}/status`, change);
    assert.equal(answer.status, 200, JSON.stringify(answer.body).slice(0, 500));
    assert.equal(decoders.decodeUpgradeRun(answer.body).status?.steps.length, 512);
  });

  it('filter Decisions by run', async () => {
    const { body } = await send('GET', `${pathOf('Decision')}?fieldSelector=spec.run%3Dportal-1`);
    assert.equal(Array.isArray(body['items']) ? body['items'].length : -1, 1);
  });

  it('show columns that end with Age, and all kinds in category belay', async () => {
    const { stdout } = await plane.kubectl(['get', 'belay', '-A']);
    assert.match(stdout, /NAMESPACE +NAME +RUN +CHOICE +VERDICT +BY +PHASE +AGE/);
    assert.match(stdout, /package\.belay\.dev\/portal-1\.2\.0 +portal +1\.2\.0 +Minor/);
  });
});

function decode(kind: string, object: Plain): unknown {
  const decoded = [
    ['Package', decoders.decodePackage],
    ['Pool', decoders.decodePool],
    ['ProbeSuite', decoders.decodeProbeSuite],
    ['Database', decoders.decodeDatabase],
    ['ServerGroup', decoders.decodeServerGroup],
    ['UpgradeSet', decoders.decodeUpgradeSet],
    ['UpgradeRun', decoders.decodeUpgradeRun],
    ['Decision', decoders.decodeDecision],
  ] as const;
  for (const [name, decoder] of decoded) if (name === kind) return decoder(object).spec;
  throw new Error(`no decoder for ${kind}`);
}

function conditionsOf(definition: Plain): Map<string, string> {
  const { status } = definition;
  const found = new Map<string, string>();
  if (typeof status !== 'object' || status === null || !('conditions' in status) || !Array.isArray(status.conditions))
    return found;
  for (const condition of status.conditions) found.set(String(condition.type), String(condition.status));
  return found;
}
