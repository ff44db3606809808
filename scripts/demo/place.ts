/** Where a demo can run, told from what the machine and the environment say. */
import { delimiter, dirname, join } from 'node:path';

export type Place =
  /** A cluster of its own on this machine. */
  | { readonly kind: 'own' }
  /** Another local cluster of this project, such as one of test/cluster/cli.ts: images can be handed to its node. */
  | { readonly kind: 'local'; readonly stateDir: string }
  /** Somebody's cluster. */
  | { readonly kind: 'foreign' }
  /** No cluster can be had here, for this reason; there is a simulator. */
  | { readonly kind: 'nowhere'; readonly why: string };

export interface Machine {
  readonly platform: string;
  readonly uid: number | undefined;
  readonly path: string;
  readonly kubeconfig: string | undefined;
  /** State folder of the demo's own cluster. */
  readonly ownStateDir: string;
  exists(path: string): boolean;
}

/** @throws RangeError when KUBECONFIG names nothing */
export function findPlace(machine: Machine): Place {
  const { kubeconfig, exists } = machine;
  if (kubeconfig === undefined || kubeconfig === '') return placeOfOwn(machine);
  const files = kubeconfig.split(delimiter).filter((file) => file !== '');
  if (!files.some(exists))
    throw new RangeError(
      `KUBECONFIG names ${kubeconfig}, which does not exist; unset it for a cluster of the demo's own`,
    );
  // Layout of our local clusters: STATE/state.json and STATE/credentials/admin.kubeconfig.
  const stateDir = dirname(dirname(files[0] ?? ''));
  if (stateDir === machine.ownStateDir) return placeOfOwn(machine);
  const isLocal = files.length === 1 && exists(join(stateDir, 'state.json')) && machine.uid === 0;
  return isLocal ? { kind: 'local', stateDir } : { kind: 'foreign' };
}

function placeOfOwn({ platform, uid, path, exists }: Machine): Place {
  const has = (program: string) => path.split(delimiter).some((folder) => exists(join(folder, program)));
  if (platform !== 'linux') return { kind: 'nowhere', why: 'it needs Linux' };
  if (uid !== 0) return { kind: 'nowhere', why: 'it needs root' };
  if (!has('go')) return { kind: 'nowhere', why: 'it needs Go on the PATH' };
  return { kind: 'own' };
}

const variables: Readonly<Record<string, string>> = {
  'belay:0.1.0': 'BELAY_IMAGE',
  'portal:1.0.0': 'PORTAL_IMAGE_1_0_0',
  'portal:1.1.0': 'PORTAL_IMAGE_1_1_0',
  'portal:1.2.0': 'PORTAL_IMAGE_1_2_0',
};

export interface NamedImages {
  /** The controller's. */
  readonly belay: string;
  /** By the names of the manifests, such as "portal:1.0.0"; `haproxy:2.6` when asked for. */
  readonly example: ReadonlyMap<string, string>;
}

/**
 * Images of a cluster whose nodes we cannot reach: they must be where those can pull them.
 * @throws RangeError with everything that is missing, and how to get it
 */
export function imagesFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  withHaproxy: boolean,
): NamedImages {
  const wanted = { ...variables, ...(withHaproxy ? { 'haproxy:2.6': 'HAPROXY_IMAGE' } : {}) };
  const missing = Object.values(wanted).filter((name) => !/@sha256:[0-9a-f]{64}$/.test(environment[name] ?? ''));
  if (missing.length > 0) throw new RangeError(missingText(missing));
  const images = new Map(Object.entries(wanted).map(([image, name]) => [image, environment[name] ?? '']));
  const belay = images.get('belay:0.1.0') ?? '';
  images.delete('belay:0.1.0');
  return { belay, example: images };
}

function missingText(missing: readonly string[]): string {
  return [
    `the nodes of the cluster that KUBECONFIG names must be able to pull the demo's images, and these do not name one by`,
    `digest (REGISTRY/NAME@sha256:…): ${missing.join(', ')}.`,
    '',
    '  npm run demo -- --images DIR     writes them as OCI archives and says what to set',
    "  unset KUBECONFIG                 for a cluster of the demo's own, which needs nothing of that",
    '',
    'SNAPSHOT_CLASS and STORAGE_CLASS may name classes of that cluster; default: csi-hostpath, and the default class.',
  ].join('\n');
}

/** What to do with archives of images, by image name. */
export function imageHints(
  archives: ReadonlyMap<string, { readonly file: string; readonly digest: string }>,
): string[] {
  const names: Readonly<Record<string, string>> = { ...variables, 'haproxy:2.6': 'HAPROXY_IMAGE' };
  const rows = [...archives].map(([image, archive]) => {
    const [repository = image, tag = 'latest'] = image.split(':');
    return { ...archive, repository, tag, variable: names[image] ?? image };
  });
  return [
    'Push them to where the nodes of your cluster can pull them; the digests must stay:',
    ...rows.map(
      ({ file, repository, tag }) =>
        `  skopeo copy --preserve-digests oci-archive:${file} docker://$REGISTRY/${repository}:${tag}`,
    ),
    'Then:',
    ...rows.map(({ variable, repository, digest }) => `  export ${variable}=$REGISTRY/${repository}@${digest}`),
    '  npm run demo',
  ];
}
