/** Sends one message to people over one line. */
import { apiGroup, apiVersion } from '../api/kind.ts';
import type { KubeClient } from '../kube/types.ts';
import type { Message } from '../planner/message.ts';
import type { Clock } from '../shared/clock.ts';
import { readLine } from './channel.ts';
import type { RunContext } from './contract.ts';
import type { Line, Trouble } from './line.ts';
import { resultOf } from './probes/network.ts';
import { defaultTls, sendHttp, type HttpAnswer } from './send-http.ts';

export type Delivery = { readonly kind: 'delivered' } | ({ readonly kind: 'failed' } & Trouble);

/** Never throws for what the line does, never repeats anything, and gives the receiver five seconds. */
export type Send = (
  context: Pick<RunContext, 'namespace' | 'run' | 'upgradeSet' | 'user'>,
  secret: string,
  message: Message,
  signal: AbortSignal,
) => Promise<Delivery>;

/** Of one request, from connecting to the last byte. */
const limitMs = 5_000;
/** Of an answer; what it says is quoted when it refuses. */
const maxBodyBytes = 4_096;

export function createSend({ client, clock }: { readonly client: KubeClient; readonly clock: Clock }): Send {
  return async (context, secret, message, signal) => {
    const line = await readLine(client, context, secret, signal);
    if ('why' in line) return failed(secret, line);
    try {
      return judge(secret, line, await post(clock, line, bodyOf(line, context, message), signal));
    } catch (error) {
      if (signal.aborted) throw error;
      const { message: why, answer, final } = resultOf(error, `${limitMs / 1_000} s`);
      const isFinal = answer === 'fail' && final === true;
      const remedy = `see that the url in Secret ${secret} answers`;
      return failed(secret, { why: line.redactor.redact(why), remedy, isFinal });
    }
  };
}

function failed(secret: string, { why, remedy, isFinal }: Trouble): Delivery {
  return { kind: 'failed', why: `Secret ${secret}: ${why}`, remedy, isFinal };
}

function post(clock: Clock, line: Line, body: object, signal: AbortSignal): Promise<HttpAnswer> {
  const type = line.type === 'cloudevents' ? 'application/cloudevents+json' : 'application/json';
  return sendHttp(clock, {
    url: line.url,
    method: 'POST',
    headers: [
      ['content-type', `${type}; charset=utf-8`],
      ['user-agent', 'belay'],
      ...(line.token === undefined ? [] : [['authorization', `Bearer ${line.token}`] as const]),
    ],
    body: JSON.stringify(body),
    tls: { ...defaultTls, ca: line.ca },
    timeoutMs: limitMs,
    maxBodyBytes,
    signal,
  });
}

function bodyOf({ type }: Line, context: Parameters<Send>[0], { id, type: what, time, text, data }: Message): object {
  if (type === 'slack') return { text: escaped(text) };
  return {
    specversion: '1.0',
    id,
    type: `dev.belay.upgraderun.${what}`,
    source: `/apis/${apiGroup}/${apiVersion}/namespaces/${context.namespace}/upgraderuns/${context.run}`,
    subject: context.upgradeSet,
    ...(time === undefined ? {} : { time }),
    datacontenttype: 'application/json',
    data: { text, ...data },
  };
}

/** The three characters that mean something in such a text. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Whatever is not 2xx did not arrive; a redirect is not followed, because it would carry the token elsewhere. */
function judge(secret: string, { redactor }: Line, { status, body }: HttpAnswer): Delivery {
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  const said = body.trim() === '' ? '' : `: ${redactor.show(body.trim())}`;
  const why = `the receiver answered ${status}${said}`;
  if (status >= 300 && status < 400)
    return failed(secret, {
      why: `${why}, a redirect`,
      remedy: `write the address it leads to into url of Secret ${secret}`,
      isFinal: true,
    });
  const isPassing = status >= 500 || status === 408 || status === 425 || status === 429;
  return failed(secret, {
    why,
    remedy: isPassing ? 'see that the receiver works' : `mend url, type or token in Secret ${secret}`,
    isFinal: !isPassing,
  });
}
