/** An example in a namespace of its own: the manifests a user applies, with real images and names put in. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { statefulSets } from '../../src/kube/resources.ts';
import type { KubeClient } from '../../src/kube/types.ts';
import { waitFor } from '../cluster/poll.ts';

const folder = fileURLToPath(new URL('../../deploy/examples', import.meta.url));
const imageReference = /registry\.example\/([a-z]+:[\w.-]+)@sha256:[0-9a-f]{64}/g;

/** The same files in each; what a set names first is made first. */
const common = ['application.yaml', 'belay.yaml', 'packages.yaml', 'upgrade.yaml'];
const files: Readonly<Record<ExampleName, readonly string[]>> = {
  rolling: common,
  major: ['database.yaml', ...common],
};

/** Folder of `deploy/examples`. */
export type ExampleName = 'rolling' | 'major';

export type Kubectl = (
  args: readonly string[],
  options?: { stdin?: string; timeoutMs?: number },
) => Promise<{ readonly stdout: string }>;

export interface ExampleOptions {
  readonly kubectl: Kubectl;
  /** For what is looked at again and again. */
  readonly client: KubeClient;
  readonly namespace: string;
  /** Default: `rolling`. */
  readonly name?: ExampleName;
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

  /** One database under all servers, and releases that change its schema. */
  get isMajor(): boolean {
    return this.#name === 'major';
  }

  get #name(): ExampleName {
    return this.#options.name ?? 'rolling';
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
  manifests(wanted: readonly string[] = this.#files()): string {
    const text = wanted.map((file) => readFileSync(join(folder, this.#name, file), 'utf8')).join('---\n');
    const edited = this.#options.edit === undefined ? text : this.#options.edit(text);
    return this.render(edited);
  }

  /** Puts the namespace and real images into manifests that are written for namespace `portal`. */
  render(manifests: string): string {
    const { storageClass, snapshotClass } = this.#options;
    const placed = storageClass === undefined ? '$&' : `$&\n$1storageClassName: ${storageClass}`;
    return manifests
      .replaceAll(/^( *)accessModes: \[ReadWriteOnce\]$/gm, placed)
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

  /** Adds a release that follows those of the example; `image` is a name such as "portal:1.2.0-damage-data". */
  async addPackage(name: string, image: string, version = '1.2.0'): Promise<void> {
    const kind = this.isMajor ? majorRelease : minorRelease;
    await this.kubectl(['apply', '-f', '-'], packageManifest(name, { ...kind, version, image: this.image(image) }));
  }

  /** What a user does to upgrade. */
  async upgradeTo(packageName: string): Promise<void> {
    const patch = JSON.stringify({ spec: { package: packageName } });
    await this.kubectl(['patch', 'upgradesets.belay.dev', 'portal', '--type=merge', '-p', patch]);
  }

  #files(): readonly string[] {
    const own = files[this.#name];
    return this.hasHaproxy ? [...own, '../rolling/haproxy/haproxy.yaml'] : own;
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

const minorRelease = { upgradeType: 'Minor', upgradesFrom: '>=1.0 <1.2' };
const majorRelease = {
  upgradeType: 'Major',
  upgradesFrom: '>=1.0 <2.0',
  schema: { version: '42', change: 'Migrate' },
};

interface Release {
  readonly version: string;
  readonly upgradeType: string;
  readonly upgradesFrom: string;
  readonly image: string;
}

function packageManifest(name: string, { image, ...release }: Release): string {
  return JSON.stringify({
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Package',
    metadata: { name },
    spec: { product: 'portal', ...release, images: { portal: image } },
  });
}
