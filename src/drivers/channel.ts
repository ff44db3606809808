/** A line to people, as the Secret of `spec.notify` describes it: docs/notifications.md. */
import { KubeError } from '../kube/kube-error.ts';
import { secrets } from '../kube/resources.ts';
import type { KubeClient } from '../kube/types.ts';
import type { RunContext } from './contract.ts';
import { userClient } from './access.ts';
import { Redactor } from './jobs/redaction.ts';

/** Not everything a Secret holds may be shown: what goes into a message to people goes through this first. */
export interface Line {
  readonly type: 'cloudevents' | 'slack';
  readonly url: URL;
  readonly token: string | undefined;
  readonly ca: string | undefined;
  readonly redactor: Redactor;
}

/** Why nothing was sent or arrived. `isFinal`: the same message over the same line would not get through either. */
export interface Trouble {
  readonly why: string;
  readonly remedy: string;
  readonly isFinal: boolean;
}

/** Read for every message, so that a token that was changed counts at once. As the account of the set. */
export async function readLine(
  client: KubeClient,
  context: Pick<RunContext, 'namespace' | 'user'>,
  name: string,
  signal: AbortSignal,
): Promise<Line | Trouble> {
  const trouble = (why: string, remedy: string, isFinal = false): Trouble => ({ why, remedy, isFinal });
  const at = { namespace: context.namespace, name };
  try {
    const secret = await userClient(client, context).find(secrets, at, signal);
    if (secret === undefined) return trouble('it does not exist', `create Secret ${name} with the keys type and url`);
    return lineOf(secret.data ?? {}, trouble);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    const who = context.user ?? 'the controller';
    if (error.status === 403) return trouble(`${who} may not read it`, `allow ${who} to get Secret ${name}`);
    return trouble(`it cannot be read: ${error.message}`, 'see that the API server answers');
  }
}

type Complain = (why: string, remedy: string, isFinal?: boolean) => Trouble;

function lineOf(data: Readonly<Record<string, string>>, trouble: Complain): Line | Trouble {
  const valueOf = (key: string): string | undefined => {
    const encoded = data[key];
    const value = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8').trim();
    return value === '' ? undefined : value;
  };
  const type = valueOf('type');
  if (type !== 'cloudevents' && type !== 'slack')
    return trouble('its key type is neither cloudevents nor slack', 'write one of the two into type', true);
  const text = valueOf('url');
  const url = URL.parse(text ?? '');
  if (text === undefined || url === null || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    return trouble('its key url is no http or https URL', 'write the address to post to into url', true);
  const [token, ca] = [valueOf('token'), valueOf('ca')];
  // Header fields are one line: what has more was pasted with something beside it.
  if (token !== undefined && /[^\x21-\x7e]/.test(token))
    return trouble('its key token has spaces or other characters that no header takes', 'write the bare token', true);
  return { type, url, token, ca, redactor: redactorOf(text, url, token) };
}

/** The path of a webhook is as good as a password. */
function redactorOf(text: string, url: URL, token: string | undefined): Redactor {
  const redactor = new Redactor();
  const rest = `${url.pathname}${url.search}`;
  for (const value of [text, url.href, url.username, url.password, token ?? '', ...(rest.length > 1 ? [rest] : [])])
    redactor.add(value);
  return redactor;
}
