import type { EpochMs } from '../../shared/clock.ts';

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  readonly hostOnly: boolean;
  readonly path: string;
  readonly secure: boolean;
  readonly expiresAt: EpochMs;
}

const maxCookies = 100;

/** Cookies of one run of a suite, by the rules of RFC 6265 that matter to a client without pages. */
export class CookieJar {
  readonly #cookies = new Map<string, Cookie>();

  store(url: URL, headers: readonly string[], now: EpochMs): void {
    for (const header of headers) {
      const cookie = parseCookie(url, header, now);
      if (cookie === undefined) continue;
      const key = `${cookie.domain};${cookie.path};${cookie.name}`;
      this.#cookies.delete(key);
      if (cookie.expiresAt > now && this.#cookies.size < maxCookies) this.#cookies.set(key, cookie);
    }
  }

  /** The `Cookie` header for a request; undefined when there is nothing to send. */
  headerFor(url: URL, now: EpochMs): string | undefined {
    const sent = [...this.#cookies.values()]
      .filter((cookie) => cookie.expiresAt > now && isFor(cookie, url))
      .toSorted((a, b) => b.path.length - a.path.length);
    return sent.length === 0 ? undefined : sent.map(({ name, value }) => `${name}=${value}`).join('; ');
  }

  values(): string[] {
    return [...this.#cookies.values()].map((cookie) => cookie.value);
  }
}

function isFor(cookie: Cookie, url: URL): boolean {
  if (cookie.secure && url.protocol !== 'https:') return false;
  const { hostname, pathname } = url;
  const hostFits = hostname === cookie.domain || (!cookie.hostOnly && hostname.endsWith(`.${cookie.domain}`));
  const rest = pathname.slice(cookie.path.length);
  return (
    hostFits && pathname.startsWith(cookie.path) && (rest === '' || cookie.path.endsWith('/') || rest.startsWith('/'))
  );
}

function parseCookie(url: URL, header: string, now: EpochMs): Cookie | undefined {
  const [pair = '', ...rest] = header.split(';');
  const at = pair.indexOf('=');
  if (at < 1) return undefined;
  const attributes = new Map(rest.map((text) => splitAttribute(text)));
  const given = (attributes.get('domain') ?? '').replace(/^\./, '').toLowerCase();
  const domain = given === '' ? url.hostname : given;
  // A server may only set cookies for itself and what is above it, but not for a whole top-level domain.
  if (url.hostname !== domain && !(domain.includes('.') && url.hostname.endsWith(`.${domain}`))) return undefined;
  const path = attributes.get('path') ?? '';
  return {
    name: pair.slice(0, at).trim(),
    value: pair.slice(at + 1).trim(),
    domain,
    hostOnly: given === '',
    path: path.startsWith('/') ? path : url.pathname.slice(0, Math.max(1, url.pathname.lastIndexOf('/'))),
    secure: attributes.has('secure'),
    expiresAt: expiryOf(attributes, now),
  };
}

function splitAttribute(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text.trim().toLowerCase(), ''] : [text.slice(0, at).trim().toLowerCase(), text.slice(at + 1).trim()];
}

/** Max-Age goes before Expires; neither: as long as the run. */
function expiryOf(attributes: ReadonlyMap<string, string>, now: EpochMs): EpochMs {
  const maxAge = Number(attributes.get('max-age') ?? 'none');
  if (Number.isInteger(maxAge)) return maxAge <= 0 ? 0 : now + maxAge * 1000;
  const expires = Date.parse(attributes.get('expires') ?? '');
  return Number.isNaN(expires) ? Number.POSITIVE_INFINITY : expires;
}
