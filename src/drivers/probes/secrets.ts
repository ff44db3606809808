import type { EnvVar } from '../../api/common.ts';
import { expand } from '../../api/variables.ts';
import { KubeError } from '../../kube/kube-error.ts';
import { secrets } from '../../kube/resources.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { Redactor } from '../jobs/redaction.ts';
import { TryEnded } from './try-ended.ts';

export type Values = Readonly<Record<string, string>>;

export interface SecretReader {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly redactor: Redactor;
}

/**
 * One key of a Secret as it is now.
 * @throws TryEnded without an answer: the Secret or key is missing or cannot be read; it may come back
 */
export async function readSecret(
  reader: SecretReader,
  ref: { name: string; key: string },
  signal: AbortSignal,
): Promise<string> {
  const secret = await reader.client
    .find(secrets, { namespace: reader.namespace, name: ref.name }, signal)
    .catch((error: unknown) => {
      if (!(error instanceof KubeError)) throw error;
      throw new TryEnded('none', `Secret ${ref.name} cannot be read: ${error.message}`);
    });
  if (secret === undefined) throw new TryEnded('none', `Secret ${ref.name} does not exist`);
  const encoded = secret.data?.[ref.key];
  if (encoded === undefined) throw new TryEnded('none', `Secret ${ref.name} has no key "${ref.key}"`);
  const value = Buffer.from(encoded, 'base64').toString('utf8');
  reader.redactor.addFromSecret(ref.key, value);
  return value;
}

/** The values with the probe's own variables over them; Secrets are read anew each time, so rotation is followed. */
export async function withEnv(
  reader: SecretReader,
  env: readonly EnvVar[],
  values: Values,
  signal: AbortSignal,
): Promise<Values> {
  const own: Record<string, string> = { ...values };
  for (const { name, value, secretKeyRef } of env) {
    own[name] = secretKeyRef === undefined ? fill(value ?? '', own) : await readSecret(reader, secretKeyRef, signal);
  }
  return own;
}

/** @throws TryEnded for good: a variable has no value */
export function fill(text: string, values: Values): string {
  const { text: filled, unset } = expand(text, values);
  if (unset.length === 0) return filled;
  throw new TryEnded(
    'fail',
    `${unset.map((name) => `\${${name}}`).join(', ')} has no value: set it in probeParameters, or give the parameter a default`,
    true,
  );
}
