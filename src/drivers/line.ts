/** What a Secret of `spec.notify` says, by its values alone: docs/notifications.md. */
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

export function trouble(why: string, remedy: string, isFinal = false): Trouble {
  return { why, remedy, isFinal };
}

/** @param data of the Secret, base64 as the API server has it */
export function lineOf(data: Readonly<Record<string, string>>): Line | Trouble {
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
  // A receiver that wants them would refuse every message, and nobody would see why.
  if (url.username !== '' || url.password !== '')
    return trouble(
      'its key url holds a user or a password, which are not sent',
      'take them out, and write token',
      true,
    );
  const [token, ca] = [valueOf('token'), valueOf('ca')];
  // Header fields are one line: what has more was pasted with something beside it.
  if (token !== undefined && /[^\x21-\x7e]/.test(token))
    return trouble('its key token has spaces or other characters that no header takes', 'write the bare token', true);
  return { type, url, token, ca, redactor: redactorOf(text, url, token) };
}

/** A part of an address that is shorter is a word like "api": blanked, it would spoil what the receiver says. */
const tellingLength = 6;

/** The path of a webhook is as good as a password, and so is each part of it: receivers quote the one they refuse. */
function redactorOf(text: string, url: URL, token: string | undefined): Redactor {
  const redactor = new Redactor();
  const rest = `${url.pathname}${url.search}`;
  for (const value of [text, url.href, token ?? '', ...(rest.length > 1 ? [rest] : [])]) redactor.add(value);
  const parts = [url.hostname, url.pathname, ...url.pathname.split('/'), url.search.slice(1), url.hash.slice(1)];
  for (const value of [...parts.flatMap((part) => [part, decoded(part)]), ...url.searchParams.values()])
    if (value.length >= tellingLength) redactor.add(value);
  return redactor;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
