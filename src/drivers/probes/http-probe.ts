import type { HttpProbe } from '../../api/probe-suite.ts';
import { parseDuration } from '../../shared/duration.ts';
import { sendHttp, type HttpAnswer } from '../send-http.ts';
import type { TryResult } from './attempts.ts';
import { readComponents } from './components.ts';
import { captureValues, findMismatches } from './expectations.ts';
import { tlsRules } from './network.ts';
import { fill, withEnv } from './secrets.ts';
import { portFor } from './session.ts';
import type { TryContext } from './try-context.ts';
import { TryEnded } from './try-ended.ts';

const maxBodyBytes = 1024 * 1024;
/** Of the body of an answer that did not pass, in the deployment log. */
const bodyCharacters = 2_048;
const shownHeaders = ['content-type', 'location', 'retry-after', 'server'];

/** A captured value of this length or more is taken for a session, which is as good as a password. */
const sessionLength = 16;

interface Sent {
  url: URL;
  method: string;
  headers: readonly (readonly [string, string])[];
  body: string | undefined;
}

/** @throws TryEnded and what connections throw; `resultOf` tells what it means */
export async function tryHttp(probe: HttpProbe, context: TryContext): Promise<TryResult> {
  const { secrets, session, signal } = context;
  const values = await withEnv(secrets, probe.env ?? [], context.values, signal);
  const first: Sent = {
    url: parseUrl(fill(probe.url, values), context),
    method: probe.method,
    headers: (probe.headers ?? []).map(({ name, value }) => [name, fill(value, values)] as const),
    body: probe.body === undefined ? undefined : fill(probe.body, values),
  };
  const answer = await follow(probe, first, context);
  const judged = { answer, values, redactor: secrets.redactor };
  const mismatches = findMismatches(probe.expect, judged);
  if (mismatches.length > 0)
    return { answer: 'fail', message: mismatches.slice(0, 3).join('; '), evidence: evidenceOf(first, answer) };
  const captured = captureValues(probe.capture ?? [], judged);
  if ('problem' in captured) return { answer: 'fail', message: captured.problem, evidence: evidenceOf(first, answer) };
  const told = readComponents(probe.components ?? [], judged);
  if ('problem' in told) return { answer: 'fail', message: told.problem, evidence: evidenceOf(first, answer) };
  for (const value of Object.values(captured.values)) if (value.length >= sessionLength) secrets.redactor.add(value);
  session.captured = { ...session.captured, ...captured.values };
  if (probe.components === undefined) return { answer: 'pass', message: '' };
  return { answer: 'pass', message: '', evidence: evidenceOf(first, answer), components: told.versions };
}

/** Of the headers only those that hold no session. */
function evidenceOf({ method, url }: Sent, { status, headers, body }: HttpAnswer): NonNullable<TryResult['evidence']> {
  const shown = shownHeaders.flatMap((name) =>
    // What follows a question mark may be a ticket of a login.
    (headers.get(name) ?? []).map((value) => [`header ${name}`, value.replace(/\?.*$/s, '?…')] as const),
  );
  const facts = [['asked', `${method} ${url.href}`] as const, ['status', String(status)] as const, ...shown];
  return { facts, output: body.slice(0, bodyCharacters).toWellFormed() };
}

/** The last answer after the redirects that may be followed; all of them within one timeout. */
async function follow(probe: HttpProbe, first: Sent, context: TryContext): Promise<HttpAnswer> {
  const { clock, secrets, signal } = context;
  const tls = probe.tls === undefined ? undefined : await tlsRules(secrets, probe.tls, signal);
  const timeoutMs = parseDuration(probe.timeout);
  const endsAt = clock.monotonic() + timeoutMs;
  const seen = new Set<string>();
  for (let sent = first, redirects = 0; ; redirects += 1) {
    seen.add(`${sent.method} ${sent.url.href}`);
    const left = Math.max(1, redirects === 0 ? timeoutMs : endsAt - clock.monotonic());
    const answer = await send(probe, sent, { ...context, tls, timeoutMs: left });
    const next = probe.followRedirects === 0 ? undefined : redirectOf(sent, answer, context);
    if (next === undefined) return answer;
    const shown = secrets.redactor.show(next.url.href);
    if (seen.has(`${next.method} ${next.url.href}`)) throw new TryEnded('fail', `redirect loop at ${shown}`);
    if (redirects >= probe.followRedirects)
      throw new TryEnded('fail', `more than ${probe.followRedirects} redirects, the next one to ${shown}`);
    sent = next;
  }
}

type SendContext = TryContext & {
  readonly tls: Awaited<ReturnType<typeof tlsRules>> | undefined;
  readonly timeoutMs: number;
};

async function send(probe: HttpProbe, sent: Sent, context: SendContext): Promise<HttpAnswer> {
  const { clock, session, target, tls, timeoutMs, signal } = context;
  const { url, method, body } = sent;
  const cookie = probe.cookies === 'Keep' ? session.cookies.headerFor(url, clock.now()) : undefined;
  const headers = cookie === undefined ? sent.headers : [...sent.headers, ['cookie', cookie] as const];
  const { place } = target;
  const connectTo = place === undefined ? undefined : { host: place.address, port: portFor(url, place) };
  const answer = await sendHttp(clock, { url, method, headers, body, connectTo, tls, timeoutMs, maxBodyBytes, signal });
  if (probe.cookies === 'Keep') {
    session.cookies.store(url, answer.headers.get('set-cookie') ?? [], clock.now());
    for (const value of session.cookies.values())
      if (value.length >= sessionLength) context.secrets.redactor.add(value);
  }
  return answer;
}

const redirects = new Set([301, 302, 303, 307, 308]);
/** Headers that go to another origin too; the others may hold credentials. */
const harmless = new Set(['accept', 'accept-language', 'content-type', 'user-agent']);

function redirectOf(sent: Sent, answer: HttpAnswer, context: TryContext): Sent | undefined {
  const [location] = answer.headers.get('location') ?? [];
  if (!redirects.has(answer.status) || location === undefined) return undefined;
  const url = parseUrl(location, context, sent.url);
  if (context.target.place !== undefined && url.hostname !== sent.url.hostname) {
    // Behind that name there may be servers of the other group: their answers say nothing about this pod.
    throw new TryEnded(
      'fail',
      `redirected to ${context.secrets.redactor.show(url.origin)}, away from the pod under test`,
    );
  }
  const becomesGet = answer.status === 303 ? sent.method !== 'HEAD' : answer.status <= 302 && sent.method === 'POST';
  const kept =
    url.origin === sent.url.origin ? sent.headers : sent.headers.filter(([name]) => harmless.has(name.toLowerCase()));
  if (!becomesGet) return { ...sent, url, headers: kept };
  return {
    url,
    method: 'GET',
    headers: kept.filter(([name]) => !name.toLowerCase().startsWith('content-')),
    body: undefined,
  };
}

function parseUrl(text: string, { secrets }: TryContext, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  throw new TryEnded('fail', `${secrets.redactor.show(text)} is not an http or https URL`, base === undefined);
}
