/** A line to people, as the Secret of `spec.notify` describes it: docs/notifications.md. */
import { KubeError } from '../kube/kube-error.ts';
import { secrets } from '../kube/resources.ts';
import type { KubeClient } from '../kube/types.ts';
import type { RunContext } from './contract.ts';
import { userClient } from './access.ts';
import { lineOf, trouble, type Line, type Trouble } from './line.ts';

/** Read for every message, so that a token that was changed counts at once. As the account of the set. */
export async function readLine(
  client: KubeClient,
  context: Pick<RunContext, 'namespace' | 'user'>,
  name: string,
  signal: AbortSignal,
): Promise<Line | Trouble> {
  const at = { namespace: context.namespace, name };
  try {
    const secret = await userClient(client, context).find(secrets, at, signal);
    if (secret === undefined) return trouble('it does not exist', `create Secret ${name} with the keys type and url`);
    return lineOf(secret.data ?? {});
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    const who = context.user ?? 'the controller';
    if (error.status === 403) return trouble(`${who} may not read it`, `allow ${who} to get Secret ${name}`);
    return trouble(`it cannot be read: ${error.message}`, 'see that the API server answers');
  }
}
