/** What every driver of databases and its fake promise: one Job for each id, nothing written by looking, no answer made up. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DatabaseJob } from '../../src/planner/effects.ts';
import type { DatabaseJobObservation } from '../../src/planner/observed.ts';
import { type DatabaseHarness, database } from './database-harness.ts';
import { context, never, operation } from './scene.ts';

const migrate: DatabaseJob = {
  id: 'uid-run-1/migrate/1/migrate',
  verb: 'migrate',
  parameters: { OPERATION: 'uid-run-1/migrate/1', FROM_SCHEMA: '41', TO_SCHEMA: '42' },
};
const readSchema: DatabaseJob = { id: 'uid-run-1/migrate/1/after', verb: 'schemaVersion', parameters: {} };

export interface DatabaseHarnessOptions {
  readonly name: string;
  make(): Promise<DatabaseHarness>;
}

export function describeDatabases({ name, make }: DatabaseHarnessOptions): void {
  describe(`databases: ${name}`, () => {
    const see = ({ drivers }: DatabaseHarness, job = migrate): Promise<DatabaseJobObservation> =>
      drivers.databases.observe(context(), job, never);
    const ask = ({ drivers }: DatabaseHarness, job = migrate, signal = never): Promise<void> =>
      drivers.databases.request(operation('migrate'), { kind: 'RunDatabaseJob', job }, database(), signal);
    const stateOf = async (harness: DatabaseHarness, job = migrate): Promise<string> => (await see(harness, job)).state;

    it('observing writes nothing, and what was never asked for is absent', async () => {
      const harness = await make();
      const { message: _, ...seen } = await see(harness);
      assert.deepEqual(seen, { id: migrate.id, state: 'absent', exitCode: undefined, output: {} });
      assert.equal(await stateOf(harness), 'absent');
      assert.equal(harness.changes(), 0);
    });
    it('one id is one Job, asked for twice, while it runs and when it is over (001-82)', async () => {
      const harness = await make();
      await ask(harness);
      assert.equal(await stateOf(harness), 'running');
      const changes = harness.changes();
      await ask(harness);
      await harness.end(1);
      await ask(harness);
      assert.equal(await stateOf(harness), 'failed');
      assert.equal(harness.changes(), changes, 'asked three times, begun once');
    });
    it('Jobs of other ids are other Jobs', async () => {
      const harness = await make();
      await ask(harness);
      await harness.end(0);
      assert.deepEqual([await stateOf(harness), await stateOf(harness, readSchema)], ['succeeded', 'absent']);
      await ask(harness, readSchema);
      assert.equal(await stateOf(harness, readSchema), 'running');
    });
    it('exit status and answer come back as they were given', async () => {
      const harness = await make();
      await ask(harness, readSchema);
      await harness.end(0, '{"schemaVersion":"42","operation":"done"}');
      const { message: _, ...seen } = await see(harness, readSchema);
      const output = { schemaVersion: '42', operation: 'done' };
      assert.deepEqual(seen, { id: readSchema.id, state: 'succeeded', exitCode: 0, output });
    });
    it('exit status 75 is told as such, for the caller to judge (001-82)', async () => {
      const harness = await make();
      await ask(harness);
      await harness.end(75);
      const seen = await see(harness);
      assert.deepEqual([seen.state, seen.exitCode], ['failed', 75]);
      assert.match(seen.message, /75/);
    });
    it('a Job that was deleted is absent, whatever it had done', async () => {
      const harness = await make();
      await ask(harness);
      await harness.end(0);
      await harness.remove();
      assert.equal(await stateOf(harness), 'absent');
    });
    it('an aborted signal ends every call before it changes anything', async () => {
      const harness = await make();
      if (!harness.abortable) return;
      const stopped = AbortSignal.abort(new Error('stopped'));
      await assert.rejects(ask(harness, migrate, stopped), /stopped/);
      await assert.rejects(harness.drivers.databases.observe(context(), migrate, stopped), /stopped/);
      assert.equal(harness.changes(), 0);
    });
  });
}
