// A module of its own: bundlers leave out what nobody names, but only of imports that are not dynamic themselves.
import { KubeConfig } from '@kubernetes/client-node';
import type { ConfigSource } from './credentials.ts';

/** The kubeconfig that KUBECONFIG names, else that of the home folder. */
export function kubeConfigSource(): ConfigSource {
  const load = (): KubeConfig => {
    const config = new KubeConfig();
    config.loadFromDefault();
    return config;
  };
  const config = load();
  return { load, namespace: config.getContextObject(config.getCurrentContext())?.namespace };
}
