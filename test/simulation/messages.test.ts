/** What people hear of whole runs: every message that falls due while a story is played, over one line that tells everything. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Channel, UpgradeRun } from '../../src/api/upgrade-run.ts';
import type { Message } from '../../src/planner/message.ts';
import type { Simulation, StoryEvent } from '../../src/simulation/simulation.ts';
import { messagesOf, type DueMessage, type Told } from '../../src/status/messages.ts';
import { play, setting, signsOff, whenAsked, type Told as Story } from './story.ts';

const everything: Channel['events'] = ['Start', 'Step', 'Issue', 'End'];

/** Asks of every state of the runs what is due, as the controller does on every change. */
class Listener {
  readonly heard: Message[] = [];
  readonly #marks = new Map<string, Told>();
  readonly #forgets: (id: string) => boolean;

  /** @param forgets whether the process is stopped between sending this message and writing that down */
  constructor(forgets: (id: string) => boolean = () => false) {
    this.#forgets = forgets;
  }

  listen(states: readonly UpgradeRun[]): this {
    for (const run of states) {
      const { name } = run.metadata;
      for (let due = this.#due(run); due !== undefined; due = this.#due(run)) {
        this.heard.push(due.message);
        if (!this.#forgets(due.message.id)) this.#marks.set(name, { ...this.#marks.get(name), ...due.marks });
      }
    }
    return this;
  }

  #due(run: UpgradeRun): DueMessage | undefined {
    return messagesOf(this.#marks.get(run.metadata.name) ?? {}, run, everything)[0];
  }

  ids(): string[] {
    return this.heard.map(({ id }) => id);
  }

  firstLines(type?: Message['type']): string[] {
    const wanted = this.heard.filter((message) => type === undefined || message.type === type);
    return wanted.map(({ text }) => text.split('\n')[0] ?? '');
  }
}

/** Every state the runs of a story were in, as far as somebody who looks on every tick sees them. */
async function watch(told: Story): Promise<{ states: UpgradeRun[]; runs: readonly UpgradeRun[] }> {
  const states: UpgradeRun[] = [];
  const seen = new Set<string>();
  const look = ({ store }: Simulation): void => {
    for (const run of store.runs) {
      const version = `${run.metadata.name} ${run.metadata.resourceVersion}`;
      if (!seen.has(version)) states.push(run);
      seen.add(version);
    }
  };
  const watcher: StoryEvent = {
    what: 'people listen',
    when: (simulation) => {
      look(simulation);
      return false;
    },
    act() {},
  };
  const { simulation } = await play({ tell: () => ({ ...told, events: [...(told.events ?? []), watcher] }) });
  look(simulation);
  return { states, runs: simulation.store.runs };
}

const asks = { set: { rollback: { policy: 'RequireApproval' as const } } };
const goesBack = whenAsked('ana goes back', { choice: 'Rollback', method: 'Snapshots', data: 'Keep' });
const failing = (): Story => ({ ...setting(asks), fail: ['probe:login@group-2'], events: [goesBack] });

/** "portal-1 g1-stop Succeeded": what the journals say in the end. */
function journalled(runs: readonly UpgradeRun[]): string[] {
  return runs.flatMap(({ metadata, status }) =>
    (status?.steps ?? [])
      .filter(({ state }) => state === 'Succeeded' || state === 'Failed')
      .map(({ id, state }) => `${metadata.name} ${id} ${state}`),
  );
}

describe('what people hear of a run', () => {
  it('001-67: every step of an upgrade that ended, once, between its start and its end', async () => {
    const { states, runs } = await watch({ ...setting(), events: [signsOff] });
    const listener = new Listener().listen(states);
    const ended = listener.heard.flatMap(({ type, data }) => {
      if (type !== 'step') return [];
      const { run, step } = data as { run: string; step: { id: string; state: string } };
      return step.state === 'Running' ? [] : [`${run} ${step.id} ${step.state}`];
    });
    assert.deepEqual(ended.toSorted(), journalled(runs).toSorted());
    assert.equal(new Set(listener.ids()).size, listener.heard.length);
    const about = listener.heard.filter(({ type }) => type !== 'step').map(({ type }) => type);
    assert.deepEqual(about, ['start', 'issue', 'end'], 'the issue is the sign-off, which a person is asked for');
    assert.deepEqual([listener.heard.at(0)?.type, listener.heard.at(-1)?.type], ['start', 'end']);
  });

  it('001-118: an issue with what serves and what may be chosen, then the way back, then how both ended', async () => {
    const { heard } = new Listener().listen((await watch(failing())).states);
    assert.deepEqual(
      heard.filter(({ type }) => type !== 'step').map(({ type, data }) => `${String(data['run'])} ${type}`),
      [
        'portal-1 start',
        // The failure at once; what is open when whoever is whole has been seen to.
        'portal-1 issue',
        'portal-1 issue',
        'portal-1-back start',
        'portal-1-back end',
        'portal-1 end',
      ],
    );
    const asked = heard.filter(({ type }) => type === 'issue').at(-1)?.text ?? '';
    assert.match(asked, /9b Test group-2 in isolation, version 1\.2\.0 failed: web-functions: login: status 500/);
    assert.match(asked, /^Service: group-1 serves; at stake: writes to group-1 since /m);
    assert.match(asked, /^- Rollback Snapshots Discard \(.*loses writes of group-1 since /m);
  });

  it('001-67 001-118: stopped before a message is written down, the next process repeats that one, and loses none', async () => {
    const { states } = await watch(failing());
    const whole = new Listener().listen(states).ids();
    assert.ok(whole.length > 50);
    for (const [index, stopped] of whole.entries()) {
      let left = 1;
      const repeating = new Listener((id) => id === stopped && left-- > 0).listen(states);
      assert.deepEqual(repeating.ids(), whole.toSpliced(index, 0, stopped));
    }
  });

  it('001-67: who looks only when it is over hears of its start, of each step, and of its end', async () => {
    const { states, runs } = await watch({ ...setting(), events: [signsOff] });
    const [all, late] = [new Listener().listen(states), new Listener().listen(runs)];
    assert.deepEqual(late.firstLines('start'), all.firstLines('start'));
    assert.deepEqual(late.firstLines('end'), all.firstLines('end'));
    assert.equal(late.firstLines('step').length, journalled(runs).length);
  });
});
