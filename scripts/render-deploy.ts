/**
 * `node scripts/render-deploy.ts` writes the plain manifests of `deploy/` from the chart, for clusters without Helm.
 * `--check` writes nothing and fails when a file differs from what the chart renders.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureTools } from '../test/cluster/build-tools.ts';
import { run } from '../test/cluster/process.ts';
import { root } from './process.ts';

export const deployNamespace = 'belay-system';

const header = '# Rendered from helm/belay by `node scripts/render-deploy.ts`. Do not edit.\n';

const namespace = `---
apiVersion: v1
kind: Namespace
metadata:
  name: ${deployNamespace}
  labels:
    pod-security.kubernetes.io/enforce: restricted
`;

/**
 * Contents of the rendered files by their path in the repository. The policies that need Kubernetes 1.36 are apart,
 * so that the rest applies to older clusters as a whole; the CRDs are those of `crds/`.
 */
export async function renderDeploy(helm: string): Promise<ReadonlyMap<string, string>> {
  const apart = ['admission.mutatingPolicies=Always', 'admission.fourEyes=true'].flatMap((value) => ['--set', value]);
  const [everything, policies, fourEyes] = await Promise.all([
    template(helm, '1.33.0', ['--set', 'admission.mutatingPolicies=Never,crds.install=false']),
    template(helm, '1.36.0', [...apart, '--show-only', 'templates/mutating-policies.yaml']),
    template(helm, '1.36.0', [...apart, '--show-only', 'templates/four-eyes.yaml']),
  ]);
  return new Map([
    ['deploy/belay.yaml', header + namespace + everything],
    ['deploy/mutating-policies.yaml', `${header}# For Kubernetes 1.36 and newer, after belay.yaml.\n${policies}`],
    [
      'deploy/four-eyes.yaml',
      `${header}# For spec.approvals.fourEyes of UpgradeSets; Kubernetes 1.36 and newer, after belay.yaml.\n${fourEyes}`,
    ],
  ]);
}

/** The version is always given: helm knows no cluster here, and its own default depends on how it was built. */
async function template(helm: string, kubeVersion: string, args: readonly string[]): Promise<string> {
  const chart = join(root, 'helm/belay');
  const argv = [helm, 'template', 'belay', chart, '--namespace', deployNamespace, '--kube-version', kubeVersion];
  return (await run([...argv, ...args], { timeoutMs: 60_000 })).stdout;
}

/** Paths of the files that are not what the chart renders now, sorted. */
export function staleFiles(rendered: ReadonlyMap<string, string>): string[] {
  return [...rendered.keys()]
    .filter((path) => !existsSync(join(root, path)) || readFileSync(join(root, path), 'utf8') !== rendered.get(path))
    .toSorted();
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false }, helm: { type: 'string' } } });
  const helm = values.helm ?? (await ensureTools({ log: (line) => console.error(line), only: ['helm'] })).path('helm');
  const rendered = await renderDeploy(helm);
  const stale = staleFiles(rendered);
  if (values.check) {
    if (stale.length > 0)
      console.error(`not as the chart renders it: ${stale.join(', ')}; run node scripts/render-deploy.ts`);
    return stale.length === 0 ? 0 : 1;
  }
  for (const path of stale) {
    const target = resolve(root, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, rendered.get(path) ?? '');
    console.log(`wrote ${relative(root, target)}`);
  }
  return 0;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exit(await main());
}
