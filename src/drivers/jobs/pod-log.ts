import { KubeError, isForbidden } from '../../kube/kube-error.ts';
import type { Pod } from '../../kube/objects.ts';
import type { KubeClient } from '../../kube/types.ts';

/**
 * Log of one container; empty where it cannot be read, for it explains a verdict and does not make it. As it was
 * written: redact it before it is shown.
 */
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
