import { expand } from '../../api/variables.ts';
import type { Pool } from '../../api/pool.ts';
import type { Pod } from '../../kube/objects.ts';
import type { Known } from '../../planner/observed.ts';
import type { Clock } from '../../shared/clock.ts';
import { RetryError } from '../access.ts';
import { jsonPathProblem, parseJson, selectJson } from '../json-path.ts';
import { sendHttp } from '../send-http.ts';

/** Calls to a pool's members: the hook that makes them let go, and the count of who is left. */
export interface MemberCaller {
  /** @throws RetryError the member did not take it */
  hook(
    pool: Pool,
    target: Target,
    direction: 'drain' | 'undrain',
    options: { operation: string; signal: AbortSignal },
  ): Promise<void>;
  count(pool: Pool, targets: readonly Target[], signal: AbortSignal): Promise<Known<number>>;
}

/** One pod of a member, or a member without pods of its own. */
export interface Target {
  readonly member: string;
  readonly server: string;
  readonly address: string;
  readonly pod: string;
}

export function targetOf(member: string, server: string, pod: Pod): Target {
  return { member, server, address: pod.status?.podIP ?? '', pod: pod.metadata.name };
}

const hookTimeoutMs = 4_000;
const countTimeoutMs = 2_000;
const maxBodyBytes = 64 * 1024;

export function createMemberCaller(clock: Clock): MemberCaller {
  return {
    async hook(pool, target, direction, { operation, signal }) {
      const hook = pool.spec.drain.hook?.http;
      if (hook === undefined || target.address === '') return;
      const method = direction === 'drain' ? hook.method : hook.undrainMethod;
      const headers = [['idempotency-key', `${operation}/${target.pod}/${direction}`]] as const;
      const request = { ...placeOf(hook.url, target), method, headers, timeoutMs: hookTimeoutMs, maxBodyBytes, signal };
      const answer = await reach(`drain hook of ${target.pod}`, signal, () => sendHttp(clock, request));
      if (answer.status < 200 || answer.status > 299) {
        throw new RetryError(
          'DrainHookFailed',
          `drain hook of ${target.pod} answered ${method} with status ${answer.status}, want 200 to 299`,
        );
      }
    },
    async count(pool, targets, signal) {
      const source = pool.spec.drain.connections?.http;
      if (source === undefined) return { known: false, why: 'nothing counts the connections' };
      const counts = await Promise.all(targets.map((target) => countOne(clock, source, target, signal)));
      const unknown = counts.find((count) => !count.known);
      if (unknown !== undefined) return unknown;
      return { known: true, value: counts.reduce((sum, count) => sum + (count.known ? count.value : 0), 0) };
    },
  };
}

async function reach<T>(what: string, signal: AbortSignal, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    signal.throwIfAborted();
    throw new RetryError('DrainHookFailed', `${what}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

async function countOne(
  clock: Clock,
  source: { url: string; json: string },
  target: Target,
  signal: AbortSignal,
): Promise<Known<number>> {
  // A pod without an address has never been connected to.
  if (target.address === '') return { known: true, value: 0 };
  const unknown = (why: string): Known<number> => ({ known: false, why: `connections of ${target.pod}: ${why}` });
  const problem = jsonPathProblem(source.json);
  if (problem !== '') return unknown(problem);
  try {
    const answer = await sendHttp(clock, {
      ...placeOf(source.url, target),
      method: 'GET',
      timeoutMs: countTimeoutMs,
      maxBodyBytes,
      signal,
    });
    if (answer.status !== 200) return unknown(`status ${answer.status}`);
    const [first] = selectJson(parseJson(answer.body), source.json);
    const value = first?.value;
    return typeof value === 'number' && value >= 0 ? { known: true, value } : unknown(`${source.json} is not a count`);
  } catch (error) {
    signal.throwIfAborted();
    return unknown(error instanceof Error ? error.message : String(error));
  }
}

/** A URL whose host is the member goes to the pod itself, at the URL's port; any other goes where it says. */
function placeOf(
  template: string,
  { member, server, address }: Target,
): { url: URL; connectTo?: { host: string; port: number } } {
  const url = new URL(expand(template, { MEMBER: member, SERVER: server }).text);
  if (!/^https?:\/\/[^/]*\$\{(?:MEMBER|SERVER)\}/.test(template)) return { url };
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return { url, connectTo: { host: address, port } };
}
