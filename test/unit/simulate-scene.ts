/** Manifests of a portal in two groups, for tests of `belay simulate`: as a text that a case changes in one place. */
import assert from 'node:assert/strict';
import { statusOf, toJson, toText, toYaml } from '../../src/cli/simulate-output.ts';
import { TerminalError } from '../../src/shared/errors.ts';
import { parseInstant } from '../../src/shared/instant.ts';
import { readEntries } from '../../src/rehearsal/load.ts';
import { rehearse, type RehearsalOptions } from '../../src/rehearsal/rehearse.ts';

export const image = (digit: string): string => `registry.example/portal@sha256:${digit.repeat(64)}`;

const group = (number: number): string => `
apiVersion: belay.dev/v1alpha1
kind: ServerGroup
metadata: {name: group-${number}}
spec:
  servers:
  - {name: web-${number}, workload: {kind: StatefulSet, name: web-${number}}, pools: [{name: web}]}
  probes: functions
  snapshot: {volumeSnapshotClassName: csi}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web-${number}}
spec:
  replicas: 1
  template: {spec: {containers: [{name: portal, image: "${image('1')}"}]}}
  volumeClaimTemplates: [{metadata: {name: data}}]
---`;

export const release = (version: string, digit: string): string => `
apiVersion: belay.dev/v1alpha1
kind: Package
metadata: {name: portal-${version}}
spec: {product: portal, version: ${version}, upgradeType: Minor, images: {portal: "${image(digit)}"}}
---`;

/** What Belay is told of it and the servers, without anything that else would be in the cluster. */
export const bare = `${group(1)}${group(2)}${release('1.1.0', '1')}${release('1.2.0', '2')}
apiVersion: belay.dev/v1alpha1
kind: Pool
metadata: {name: web}
spec: {haproxy: {endpoints: ["tcp://haproxy-0:9999"], backend: web}, healthChecked: true}
---
apiVersion: belay.dev/v1alpha1
kind: ProbeSuite
metadata: {name: functions}
spec: {probes: [{name: login, http: {url: "https://portal.example/login"}}]}
---
apiVersion: belay.dev/v1alpha1
kind: UpgradeSet
metadata: {name: portal}
spec: {package: portal-1.2.0, serverGroups: [group-1, group-2]}
`;

export const portal = `${bare}---
apiVersion: storage.k8s.io/v1
kind: VolumeSnapshotClass
metadata: {name: csi}
driver: csi.example
`;

/** A change of the text; the case is wrong where there is nothing to change. */
export type Edit = readonly [from: string | RegExp, to: string];

export function edited(edits: readonly Edit[], more = ''): string {
  let text = portal;
  for (const [from, to] of edits) {
    const next = text.replace(from, to);
    assert.notEqual(next, text, String(from));
    text = next;
  }
  return more === '' ? text : `${text}---\n${more}`;
}

export interface Told {
  readonly status: 0 | 1 | 2 | 3;
  readonly text: string;
  readonly yaml: string;
  readonly json: unknown;
}

type Options = Partial<RehearsalOptions> & { readonly namespace?: string };

/** What the command would say, and its exit status. */
export async function told(text: string, { namespace, ...options }: Options = {}): Promise<Told> {
  try {
    const now = parseInstant('2026-11-23T12:00:00Z');
    const entries = readEntries([{ file: 'all.yaml', text }], namespace);
    const rehearsal = await rehearse(entries, { fail: [], crashAfter: [], now, ...options });
    return {
      status: statusOf(rehearsal),
      text: toText(rehearsal),
      yaml: toYaml(rehearsal),
      json: JSON.parse(toJson(rehearsal)),
    };
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof TerminalError)) throw error;
    return { status: 2, text: error.message, yaml: '', json: undefined };
  }
}
