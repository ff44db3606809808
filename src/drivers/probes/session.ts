import { CookieJar } from './cookies.ts';
import type { Values } from './secrets.ts';

/** A place that is tested: the pool as its users see it, or one pod by its own address. */
export interface Target {
  /** Names the place among its run's; a pod that was replaced is another one. */
  readonly key: string;
  /** For messages; empty for the pool. */
  readonly name: string;
  /** Where connections go instead of the host that is named; undefined: to that host. */
  readonly place: Place | undefined;
}

export interface Place {
  readonly address: string;
  /** TCP ports that the pod declares. */
  readonly ports: readonly { readonly name: string; readonly port: number }[];
}

export const poolTarget: Target = { key: '', name: '', place: undefined };

/** What earlier probes of a run left for later ones: one for each target, since a pod may not know another's sessions. */
export interface Session {
  readonly cookies: CookieJar;
  captured: Values;
}

export function newSession(): Session {
  return { cookies: new CookieJar(), captured: {} };
}

/**
 * Port of the pod for a URL. One that is written in the URL is meant; the scheme's own (https://portal.example) is
 * that of the load balancer, behind which the pod has its declared one: by the scheme's name, or the only one.
 */
export function portFor(url: URL, place: Place): number {
  if (url.port !== '') return Number(url.port);
  const usual = url.protocol === 'https:' ? 443 : 80;
  if (place.ports.some(({ port }) => port === usual)) return usual;
  const named = place.ports.find(({ name }) => `${name}:` === url.protocol);
  const only = place.ports.length === 1 ? place.ports[0] : undefined;
  return (named ?? only)?.port ?? usual;
}
