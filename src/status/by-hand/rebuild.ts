/** The rows of a rebuild as commands: what is taken off a stopped server, and what restarts what it runs on. Pure. */
import type { RunGroup, Step } from '../../api/upgrade-run.ts';
import { workloadsOf } from '../../planner/members.ts';
import { schemaBeforeKey, settingsKey } from '../../planner/steps/keys.ts';
import { listOf, nodesKey, replacedClaimsKey, replacedManifestKey } from '../../planner/steps/rebuild-keys.ts';
import { rebuildClaims } from '../../planner/steps/rebuild.ts';
import { targetOf } from '../../planner/verdict.ts';
import { lookCommands } from './database.ts';
import { jobLines } from './job.ts';
import type { Place } from './place.ts';
import { parseObject, quote, textIn } from './text.ts';

/** Settings as they were saved, volumes kept or made empty; before that, the schema must fit. */
export function rebuildCommands(place: Place, step: Step): string[] {
  const { namespace, handles, spec } = place;
  const group = targetOf(spec, step);
  const isNew = spec.facts['release'] === 'New';
  const schema = isNew ? spec.to.schema : handles[schemaBeforeKey];
  const settings = isNew ? undefined : handles[settingsKey(group.name)];
  return [
    `# only with every pod of ${step.server ?? group.name} gone`,
    ...(schema === undefined || spec.database === undefined
      ? []
      : [`# the schema must be ${schema}; where it is not, put that right first:`, ...lookCommands(place)]),
    ...(settings === undefined
      ? []
      : [
          '# the settings before, to be put back with kubectl edit:',
          `kubectl -n ${namespace} get secret ${settings} -o jsonpath='{.data.before}' | base64 -d`,
        ]),
    ...(group.rebuild?.volumes === 'Replace' ? emptied(place, group) : kept(place, step)),
  ];
}

/** A claim that a restore has moved gets the volume from before it; others are as they were. */
function kept(place: Place, step: Step): string[] {
  return rebuildClaims({
    run: { name: place.run, uid: place.uid, spec: place.spec },
    step,
    handles: place.handles,
  }).flatMap(({ claim, manifest }) => reattachCommands(place, claim, manifest));
}

/** The volume stays under its own name; what takes the claim's name is empty. */
function emptied({ namespace, handles }: Place, group: RunGroup): string[] {
  const claims = listOf(handles[replacedClaimsKey]);
  if (claims.length === 0)
    return [
      `# every volume of ${workloadsOf(group)
        .map(({ name }) => name)
        .join(', ')} made empty: keep it (persistentVolumeReclaimPolicy Retain), then delete its claim`,
      `kubectl -n ${namespace} get pvc`,
    ];
  return claims.flatMap((claim) => {
    const manifest = parseObject(handles[replacedManifestKey(claim)]) ?? {};
    const volume = textIn(manifest, 'volume');
    const { volumeName: _, dataSource: __, dataSourceRef: ___, ...spec } = parseObject(manifest['spec']) ?? {};
    const object = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: claim }, spec };
    const now = `kubectl -n ${namespace} get pvc ${claim} --ignore-not-found -o jsonpath='{.spec.volumeName}'`;
    return [
      `# ${claim}, empty; its data stays on ${volume === '' ? 'no volume: it had none' : volume}:`,
      ...(volume === ''
        ? []
        : [
            `if [ "$(${now})" = ${volume} ]; then`,
            `  kubectl patch pv ${volume} -p '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}' &&`,
            `  kubectl -n ${namespace} delete pvc ${claim}`,
            'fi',
          ]),
      `kubectl -n ${namespace} get pvc ${claim} || kubectl -n ${namespace} create -f - <<< ${quote(JSON.stringify(object))}`,
    ];
  });
}

/** The volume that a claim had when it was written down, under its name again. */
export function reattachCommands({ namespace }: Place, claim: string, written: string | undefined): string[] {
  const manifest = parseObject(written);
  const volume = manifest === undefined ? '' : textIn(manifest, 'volume');
  if (manifest === undefined || volume === '') return [];
  const ref = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: claim };
  const patch = [{ op: 'add', path: '/spec/claimRef', value: ref }];
  const { dataSource: _, ...spec } = parseObject(manifest['spec']) ?? {};
  const object = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: claim },
    spec: { ...spec, volumeName: volume },
  };
  const here = `kubectl -n ${namespace}`;
  return [
    `# ${claim} on the volume from before the restore; nothing to do where this prints ${volume}:`,
    `${here} get pvc ${claim} -o jsonpath='{.spec.volumeName}'`,
    `${here} delete pvc ${claim} --ignore-not-found`,
    `kubectl patch pv ${volume} --type=json -p ${quote(JSON.stringify(patch))}`,
    `${here} create -f - <<< ${quote(JSON.stringify(object))}`,
  ];
}

/** The group's own Job on each node of the server, and how to see that the node is back. */
export function rebootCommands(place: Place, step: Step): string[] {
  const group = targetOf(place.spec, step);
  const [server] = group.servers;
  const reboot = group.rebuild?.reboot;
  if (reboot === undefined || server === undefined)
    return [`# restart what ${step.server ?? group.name} runs on: as your runbook says`];
  const nodes = listOf(place.handles[nodesKey(server.workload)]);
  if (nodes.length === 0) return [`# no pod of ${server.name} was on a node when it was stopped: nothing to restart`];
  return nodes.flatMap((node, index) => {
    const lines = jobLines({
      namespace: place.namespace,
      name: `by-hand-reboot-${index}`,
      container: 'reboot',
      action: reboot.job,
      facts: {
        FROM_VERSION: place.spec.from.version ?? '',
        TO_VERSION: place.spec.to.version,
        OPERATION: `${place.uid}/${step.id}/by-hand`,
        RUN: place.run,
        STEP: step.id,
        GROUP: group.name,
        SERVER: server.name,
        WORKLOAD: `${server.workload.kind}/${server.workload.name}`,
        NODE: node,
      },
      node,
    });
    const boot = `kubectl get node ${node} -o jsonpath='{.status.nodeInfo.bootID}'`;
    if (reboot.restarts !== 'Node') return [...lines, ...ready(node, reboot.job.timeout)];
    return [
      `# ${node} reboots, and whatever runs there stops with it: keep the boot ID that this prints`,
      boot,
      // Its Job may die with the node: what counts is the boot ID.
      ...lines.slice(0, 2),
      `# it has booted when this prints another one:`,
      boot,
      ...ready(node, reboot.job.timeout),
    ];
  });
}

function ready(node: string, timeout: string): string[] {
  return [`kubectl wait node/${node} --for=condition=Ready --timeout=${timeout}`];
}
