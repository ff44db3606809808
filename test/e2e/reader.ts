/** Looks at the cluster from this process: one kubectl per look would cost the core that the stories need. */
import { KubeConfig } from '@kubernetes/client-node';
import { createClient } from '../../src/kube/client.ts';
import { createCredentialSource } from '../../src/kube/credentials.ts';
import { systemClock } from '../../src/kube/system-clock.ts';
import { createTransport } from '../../src/kube/transport.ts';
import type { KubeClient } from '../../src/kube/types.ts';
import { silentLogger } from '../../src/shared/logger.ts';

/** A client with the rights of that kubeconfig's current context; without one, of what KUBECONFIG names. */
export function createReader(kubeconfig?: string): KubeClient {
  const load = (): KubeConfig => {
    const config = new KubeConfig();
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
    return config;
  };
  const common = { clock: systemClock, logger: silentLogger };
  const transport = createTransport({ ...common, credentials: createCredentialSource({ ...common, load }) });
  return createClient({ ...common, transport });
}
