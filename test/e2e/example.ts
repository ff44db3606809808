/** The rolling example in a namespace of its own: the manifests a user applies, with real images and names put in. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { statefulSets } from '../../src/kube/resources.ts';
import type { KubeClient } from '../../src/kube/types.ts';
import { waitFor } from '../cluster/poll.ts';

const folder = fileURLToPath(new URL('../../deploy/examples/rolling', import.meta.url));
const imageReference = /registry\.example\/([a-z]+:[\w.-]+)@sha256:[0-9a-f]{64}/g;

export type Kubectl = (
  args: readonly string[],
  options?: { stdin?: string; timeoutMs?: number },
) => Promise<{ readonly stdout: string }>;

export interface ExampleOptions {
  readonly kubectl: Kubectl;
  /** For what is looked at again and again. */
  readonly client: KubeClient;
  readonly namespace: string;
  /** Reference by digest of "portal:1.0.0" and whatever else the manifests name. */
  readonly images: ReadonlyMap<string, string>;
  readonly balancer: 'service' | 'haproxy';
  /** Instead of the cluster's default class. */
  readonly storageClass?: string;
  /** Instead of the one in the manifests. */
  readonly snapshotClass?: string;
  /** Has the last word on the manifests, for tests that need another policy. */
  readonly edit?: (manifests: string) => string;
}

export class Example {
  readonly namespace: string;
  readonly images: ReadonlyMap<string, string>;
  readonly client: KubeClient;
  readonly #options: ExampleOptions;

  constructor(options: ExampleOptions) {
    this.namespace = options.namespace;
    this.images = options.images;
    this.client = options.client;
    this.#options = options;
  }

  get hasHaproxy(): boolean {
    return this.#options.balancer === 'haproxy';
  }

  /** kubectl in the namespace of the example. @throws when it fails */
  async kubectl(args: readonly string[], stdin?: string): Promise<string> {
    const options = stdin === undefined ? {} : { stdin };
    const result = await this.#options.kubectl(['-n', this.namespace, ...args], options);
    return result.stdout;
  }

  async getJson<T>(args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl(['get', ...args, '-o', 'json']));
  }

  /** All manifests of the example as one document stream, ready to apply. @throws RangeError for an unknown image */
  manifests(files: readonly string[] = this.#files()): string {
    const text = files.map((file) => readFileSync(join(folder, file), 'utf8')).join('---\n');
    const edited = this.#options.edit === undefined ? text : this.#options.edit(text);
    return this.render(edited);
  }

  /** Puts the namespace and real images into manifests that are written for namespace `portal`. */
  render(manifests: string): string {
    const { storageClass, snapshotClass } = this.#options;
    const modes = 'accessModes: [ReadWriteOnce]';
    return manifests
      .replaceAll(modes, storageClass === undefined ? modes : `${modes}\n      storageClassName: ${storageClass}`)
      .replaceAll('csi-hostpath', snapshotClass ?? 'csi-hostpath')
      .replaceAll('namespace: portal', `namespace: ${this.namespace}`)
      .replaceAll('.portal.svc', `.${this.namespace}.svc`)
      .replaceAll(imageReference, (_whole, name: string) => this.image(name));
  }

  image(name: string): string {
    const found = this.images.get(name);
    if (found === undefined) throw new RangeError(`no image was built for ${name}`);
    return found;
  }

  /** Makes the namespace, applies everything and waits until all servers and the load balancer are ready. */
  async install(timeoutMs = 120_000): Promise<void> {
    await this.#options.kubectl(['apply', '-f', '-'], { stdin: namespaceManifest(this.namespace) });
    await this.kubectl(['apply', '-f', '-'], this.manifests());
    await waitFor({
      what: `the example in ${this.namespace} to be ready`,
      timeoutMs,
      intervalMs: 250,
      check: async () => ((await this.#isReady()) ? true : undefined),
    });
  }

  /** Deletes the namespace with all that is in it; `isAwaited` returns when it is gone. */
  async remove(isAwaited = false): Promise<void> {
    const args = ['delete', 'namespace', this.namespace, `--wait=${isAwaited}`, '--ignore-not-found'];
    await this.#options.kubectl(args, { timeoutMs: 180_000 });
  }

  /** Adds a release that follows 1.0.0 and 1.1.0; `image` is a name such as "portal:1.2.0-damage-data". */
  async addPackage(name: string, image: string, version = '1.2.0'): Promise<void> {
    await this.kubectl(['apply', '-f', '-'], packageManifest(name, this.image(image), version));
  }

  /** What a user does to upgrade. */
  async upgradeTo(packageName: string): Promise<void> {
    const patch = JSON.stringify({ spec: { package: packageName } });
    await this.kubectl(['patch', 'upgradesets.belay.dev', 'portal', '--type=merge', '-p', patch]);
  }

  #files(): readonly string[] {
    const common = ['application.yaml', 'belay.yaml', 'packages.yaml', 'upgrade.yaml'];
    return this.hasHaproxy ? [...common, 'haproxy/haproxy.yaml'] : common;
  }

  async #isReady(): Promise<boolean> {
    const { items } = await this.client.list(statefulSets, { namespace: this.namespace });
    return items.length > 0 && items.every(({ spec, status }) => status?.readyReplicas === (spec.replicas ?? 1));
  }
}

function namespaceManifest(name: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  });
}

function packageManifest(name: string, image: string, version: string): string {
  return JSON.stringify({
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Package',
    metadata: { name },
    spec: { product: 'portal', version, upgradeType: 'Minor', upgradesFrom: '>=1.0 <1.2', images: { portal: image } },
  });
}
