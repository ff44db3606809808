/** What the pods of a Job wrote, for people: without the values of the Secrets it was given, or not at all. */
import { KubeError, isForbidden } from '../../kube/kube-error.ts';
import type { Job, Pod } from '../../kube/objects.ts';
import { secrets } from '../../kube/resources.ts';
import type { KubeClient } from '../../kube/types.ts';

export type Redact = (text: string) => string;

/**
 * How to take every value out that the Job was given by a Secret, as those are now.
 * @returns undefined with the Secret's name where one is gone or forbidden: what may hold its values must not be shown
 */
export async function readRedaction(
  client: KubeClient,
  job: Job,
  signal: AbortSignal,
): Promise<{ readonly redact: Redact } | { readonly unreadable: string }> {
  const namespace = job.metadata.namespace ?? '';
  const values: string[] = [];
  for (const name of secretsOf(job)) {
    const secret = await client.find(secrets, { namespace, name }, signal).catch((error: unknown) => {
      if (isForbidden(error)) return undefined;
      throw error;
    });
    if (secret === undefined) return { unreadable: name };
    for (const encoded of Object.values(secret.data ?? {}))
      values.push(Buffer.from(encoded, 'base64').toString('utf8'));
  }
  return { redact: redactAll(values) };
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

/** Of a value with several lines, such as a key, a line this long is redacted alone; "}" is not. */
const tellingLine = 8;

/** Each value as it stands, trimmed, by line, and as JSON, URL and base64 have it. */
function redactAll(values: readonly string[]): Redact {
  const trimmed = values.map((value) => value.trim());
  const lines = trimmed.flatMap((value) => value.split(/\s*\n\s*/).filter((line) => line.length >= tellingLine));
  const forms = [...values, ...trimmed, ...lines].flatMap((value) => {
    const base64 = Buffer.from(value).toString('base64');
    return [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), base64, base64.replace(/=+$/, '')];
  });
  // Longest first: a value that is a part of another one must not leave the rest of it standing.
  const sorted = [...new Set(forms)].filter((form) => form !== '').toSorted((a, b) => b.length - a.length);
  return (text) => sorted.reduce((shown, form) => shown.replaceAll(form, '***'), text);
}

/** Log of one container; empty where it cannot be read, for it explains a verdict and does not make it. */
export async function tailOf(
  client: KubeClient,
  { metadata: { name, namespace = '' } }: Pod,
  options: { readonly container: string; readonly tailLines: number },
  signal: AbortSignal,
): Promise<string> {
  try {
    return await client.podLog({ namespace, name }, options, signal);
  } catch (error) {
    if (isForbidden(error)) return 'its log cannot be read: grant get on pods/log';
    if (error instanceof KubeError && !signal.aborted) return '';
    throw error;
  }
}
