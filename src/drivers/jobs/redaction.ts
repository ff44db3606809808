/** What no message may show: the values of Secrets, in every form they are written in. */
import type { Job } from '../../kube/objects.ts';
import { isForbidden } from '../../kube/kube-error.ts';
import { secrets } from '../../kube/resources.ts';
import type { KubeClient } from '../../kube/types.ts';

export type Redact = (text: string) => string;

const shownCharacters = 120;

/** Of a value with several lines, such as a key, a line this long is redacted alone; "}" is not. */
const tellingLine = 8;

/**
 * Keys under which Secrets by custom hold who and where, such as PGUSER or `username` of kubernetes.io/basic-auth.
 * Everything under another key is secret: a name that is blanked is a nuisance, a password that is shown is a leak.
 */
const naming = /(?:user|username|host|hostname|port|database|dbname)$/;

/** Nothing but a name: "portal", "db-0.postgres". What holds more, such as "portal:password@db", is secret. */
const plainName = /^[\p{L}\p{N}._-]{1,63}$/u;

/** Names are needed in messages: "database portal_verify_4e51 is left behind". */
function isSecretValue(key: string, value: string): boolean {
  return !(naming.test(key.toLowerCase()) && plainName.test(value.trim()));
}

/** Values that no message may show, as they become known. One for each run of a suite, or each look at a log. */
export class Redactor {
  readonly #forms = new Set<string>();

  add(value: string): void {
    for (const form of formsOf(value)) if (form !== '') this.#forms.add(form);
  }

  /** What a Secret holds under the key, unless that is only a name. */
  addFromSecret(key: string, value: string): void {
    if (isSecretValue(key, value)) this.add(value);
  }

  redact(text: string): string {
    // Longest first: a value that is a part of another one must not leave the rest of it standing.
    const forms = [...this.#forms].toSorted((a, b) => b.length - a.length);
    return forms.reduce((shown, form) => shown.replaceAll(form, '***'), text);
  }

  /** Text of somebody else, quoted for a message: redacted before it is cut, or half a secret would remain. */
  show(text: string): string {
    const shown = this.redact(text);
    return shown.length <= shownCharacters
      ? JSON.stringify(shown)
      : `${JSON.stringify(shown.slice(0, shownCharacters))}…`;
  }
}

/** A value as it stands, trimmed, by line, and as JSON, URL and base64 have it. */
function formsOf(value: string): string[] {
  const trimmed = value.trim();
  const lines = trimmed.split(/\s*\n\s*/).filter((line) => line.length >= tellingLine);
  return [value, trimmed, ...lines].flatMap((form) => {
    const base64 = Buffer.from(form).toString('base64');
    return [form, JSON.stringify(form).slice(1, -1), encodeURIComponent(form), base64, base64.replace(/=+$/, '')];
  });
}

/**
 * How to take out what the Job was given by Secrets, as those are now.
 * @returns undefined with the Secret's name where one is gone or forbidden: what may hold its values must not be shown
 */
export async function readRedaction(
  client: KubeClient,
  job: Job,
  signal: AbortSignal,
): Promise<{ readonly redact: Redact } | { readonly unreadable: string }> {
  const namespace = job.metadata.namespace ?? '';
  const redactor = new Redactor();
  for (const name of secretsOf(job)) {
    const secret = await client.find(secrets, { namespace, name }, signal).catch((error: unknown) => {
      if (isForbidden(error)) return undefined;
      throw error;
    });
    if (secret === undefined) return { unreadable: name };
    for (const [key, encoded] of Object.entries(secret.data ?? {}))
      redactor.addFromSecret(key, Buffer.from(encoded, 'base64').toString('utf8'));
  }
  return { redact: (text) => redactor.redact(text) };
}

/** Names of the Secrets whose values are variables or files of the pod, sorted. */
function secretsOf({ spec }: Job): string[] {
  const pod = spec.template.spec;
  const all = [...pod.containers, ...(pod.initContainers ?? [])];
  const names = [
    ...all.flatMap(({ envFrom = [] }) => envFrom.map(({ secretRef }) => secretRef?.name)),
    ...all.flatMap(({ env = [] }) => env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name)),
    ...(pod.volumes ?? []).map(({ secret }) => secret?.secretName),
  ];
  return [...new Set(names.filter((name) => name !== undefined))].toSorted();
}
