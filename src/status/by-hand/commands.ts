/** One step of a plan as commands for a shell: what the operator would do, in the words of kubectl, socat and psql. Pure. */
import type { RunGroup, RunServer, Step } from '../../api/upgrade-run.ts';
import type { MemberRef, WorkloadRef } from '../../planner/effects.ts';
import { membersOf, workloadsOf } from '../../planner/members.ts';
import {
  claimsKey,
  manifestKey,
  originKey,
  reattachKey,
  replicasKey,
  revisionKey,
  settingsKey,
  snapshotKey,
} from '../../planner/steps/keys.ts';
import { targetOf } from '../../planner/verdict.ts';
import { databaseCommands } from './database.ts';
import type { Place } from './place.ts';
import { probeCommands } from './probes.ts';
import { reattachCommands, rebootCommands, rebuildCommands } from './rebuild.ts';
import { parseObject, quote, textIn } from './text.ts';

/** Lines for a shell: commands, and comments where no command can do it. */
export function commandsOf(place: Place, step: Step): string[] {
  const group = step.group === undefined ? undefined : targetOf(place.spec, step);
  switch (step.action) {
    case 'Drain':
      return group === undefined ? [] : drain(place, group);
    case 'Undrain':
      return group === undefined ? [] : membersOf(group).flatMap((member) => serveCommands(place, member));
    case 'Stop':
      return group === undefined ? [] : workloadsOf(group).flatMap((workload) => stop(place, workload));
    case 'Start':
      return group === undefined ? [] : group.servers.flatMap((server) => start(place, server));
    case 'Snapshot':
      return group === undefined ? [] : snapshot(place, group);
    case 'Upgrade':
      return group === undefined ? [] : group.servers.flatMap((server) => upgrade(place, server));
    case 'Configure':
      return group === undefined ? [] : configure(place, group);
    case 'RestoreSnapshot':
      return group === undefined ? [] : restore(place, group);
    case 'Reinstall':
      return group === undefined ? [] : reinstall(place, group);
    case 'BackupDatabase':
    case 'MigrateDatabase':
    case 'RestoreDatabase':
    case 'SetGuard':
    case 'ClearGuard':
      return databaseCommands(place, step);
    case 'Rebuild':
      return rebuildCommands(place, step);
    case 'Reboot':
      return rebootCommands(place, step);
    case 'Probe':
      return probeCommands(place, step);
    case 'Cleanup':
      return ['# at the end of this file'];
    case 'Preflight':
      return ['# nothing: the locks of the run are held already, or are not needed by hand'];
    case 'AwaitDecision':
      return ['# ask whoever signs off; if the answer is no, take the way back'];
    default:
      return [`# ${step.action}: as your runbook says`];
  }
}

const kubectl = ({ namespace }: Pick<Place, 'namespace'>, rest: string): string => `kubectl -n ${namespace} ${rest}`;

function nameOf({ kind, name }: WorkloadRef): string {
  return `${kind.toLowerCase()}/${name}`;
}

/** The pods of a workload, by the shell function of {@link helperLines}: the journal does not know their labels. */
function selectorOf(workload: WorkloadRef): string {
  return `"$(selector ${nameOf(workload)})"`;
}

function driverOf({ spec }: Place, pool: string): { readonly driver: string; readonly target: string } {
  return spec.pools.find(({ name }) => name === pool) ?? { driver: '', target: pool };
}

/** The same command on every process of the load balancer. */
function haproxy(pool: string, command: string): string {
  return `haproxy ${pool} ${quote(command)}`;
}

/** Shell functions that other lines call; those that `lines` do not call are left out. */
export function helperLines({ namespace }: Pick<Place, 'namespace'>, lines: readonly string[]): string[] {
  const endpoints = kubectl({ namespace }, `get pools.belay.dev "$1" -o jsonpath='{.spec.haproxy.endpoints[*]}'`);
  const labels = '{{range $k, $v := .spec.selector.matchLabels}}{{$k}}={{$v}},{{end}}';
  const helpers = {
    haproxy: `haproxy() { for e in $(${endpoints}); do echo "$2" | socat stdio "TCP:\${e#tcp://}"; done; }`,
    selector: `selector() { ${kubectl({ namespace }, `get "$1" -o go-template='${labels}'`)} | sed 's/,$//'; }`,
  };
  return Object.entries(helpers).flatMap(([name, text]) =>
    lines.some((line) => line.includes(`${name} `)) ? [text] : [],
  );
}

function drain(place: Place, group: RunGroup): string[] {
  return membersOf(group).flatMap(({ pool, member, workload }) => {
    const { driver, target } = driverOf(place, pool);
    if (driver === 'haproxy')
      return [
        haproxy(pool, `set server ${target}/${member} state drain`),
        `# until used_cur of ${member} is 0 on every one, at most ${group.drain.timeout}:`,
        haproxy(pool, `show servers conn ${target}`),
      ];
    if (driver === 'service')
      return [
        kubectl(place, `label pods -l ${selectorOf(workload)} belay.dev/pool-`),
        `# then wait until the last users of ${workload.name} have left, at most ${group.drain.timeout}`,
      ];
    return [
      `# take ${member} out of ${target} at the load balancer (pool ${pool}), and wait until its users have left`,
    ];
  });
}

/** Back into its pool, whatever kept it out. */
export function serveCommands(place: Place, { pool, member, workload }: MemberRef): string[] {
  const { driver, target } = driverOf(place, pool);
  if (driver === 'haproxy')
    return [haproxy(pool, `set server ${target}/${member} state ready`), haproxy(pool, `show servers state ${target}`)];
  if (driver === 'service') {
    const value = kubectl(place, `get service ${target} -o jsonpath='{.spec.selector.belay\\.dev/pool}'`);
    return [
      ...unholdCommands(place, workload),
      kubectl(place, `label pods -l ${selectorOf(workload)} --overwrite belay.dev/pool="$(${value})"`),
      kubectl(place, `get endpointslices -l kubernetes.io/service-name=${target}`),
    ];
  }
  return [`# put ${member} back into ${target} at the load balancer (pool ${pool})`];
}

/** New pods of the workload may join their pool again. */
function unholdCommands(place: Place, { kind, name }: WorkloadRef): string[] {
  const patch = JSON.stringify([{ op: 'remove', path: `/data/${kind}.${name}` }]);
  return [
    kubectl(place, `patch configmap ${holdName(place)} --type=json -p ${quote(patch)} || true  # when it is not held`),
  ];
}

/** ConfigMap (label belay.dev/held) that keeps new pods out: it passes over from an upgrade to its rollbacks. */
export function holdName({ handles, run }: Pick<Place, 'handles' | 'run'>): string {
  return `belay-hold-${handles[originKey] ?? run}`;
}

function stop(place: Place, workload: WorkloadRef): string[] {
  return [
    kubectl(place, `scale ${nameOf(workload)} --replicas=0`),
    kubectl(place, `wait pods -l ${selectorOf(workload)} --for=delete --timeout=5m`),
  ];
}

function start(place: Place, { workload, replicas }: RunServer): string[] {
  const count = place.handles[replicasKey(workload)] ?? String(replicas);
  return [
    kubectl(place, `scale ${nameOf(workload)} --replicas=${count}`),
    kubectl(place, `rollout status ${nameOf(workload)} --timeout=10m`),
  ];
}

function claimsOf({ handles }: Place, group: RunGroup): string[] {
  return (handles[claimsKey(group.name)] ?? '').split(',').filter((claim) => claim !== '');
}

function snapshot(place: Place, group: RunGroup): string[] {
  const claims = claimsOf(place, group);
  if (claims.length === 0)
    return [`# a snapshot of every volume of ${group.name}: kubectl -n ${place.namespace} get pvc`];
  return claims.flatMap((claim) => {
    const name = place.handles[snapshotKey(claim)] ?? `${place.run}-${claim}`;
    const object = {
      apiVersion: 'snapshot.storage.k8s.io/v1',
      kind: 'VolumeSnapshot',
      metadata: { name, labels: { 'belay.dev/run': place.run } },
      spec: {
        volumeSnapshotClassName: group.snapshot?.volumeSnapshotClassName,
        source: { persistentVolumeClaimName: claim },
      },
    };
    return [
      kubectl(
        place,
        `get volumesnapshot ${name} || ${kubectl(place, `create -f - <<< ${quote(JSON.stringify(object))}`)}`,
      ),
      kubectl(place, `wait volumesnapshot ${name} --for=jsonpath='{.status.readyToUse}'=true --timeout=10m`),
    ];
  });
}

function upgrade(place: Place, { workload, images }: RunServer): string[] {
  const saved = place.handles[revisionKey(workload)];
  const keep = `${workload.name}-before.json`;
  const list = Object.entries(images).map(([container, image]) => `${container}=${image}`);
  return [
    ...(saved === undefined
      ? [
          `${kubectl(place, `get ${nameOf(workload)} -o json`)} > ${keep}  # no revision was saved: this is the way back`,
        ]
      : [`# the template before is in ControllerRevision ${saved}`]),
    ...(list.length === 0 ? [] : [kubectl(place, `set image ${nameOf(workload)} ${list.join(' ')}`)]),
  ];
}

function configure(place: Place, group: RunGroup): string[] {
  return group.settings.flatMap(({ config, path, value, mode }) => {
    const object = `${config.object.kind.toLowerCase()} ${config.object.name}`;
    const what =
      mode === 'remove' ? `remove ${path}` : `${mode} ${path === '' ? 'the whole' : path} to ${quote(value)}`;
    return [`# ${what}, in key ${config.key}:`, kubectl(place, `edit ${object}`)];
  });
}

/** Under the same names, from the snapshots; a claim that is restored already is left alone. */
function restore(place: Place, group: RunGroup): string[] {
  return claimsOf(place, group).flatMap((claim) => {
    const snapshotName = place.handles[snapshotKey(claim)];
    const manifest = parseObject(place.handles[manifestKey(claim)]);
    if (snapshotName === undefined || manifest === undefined)
      return [`# ${claim} has no snapshot in the journal: its data stays as it is`];
    const volume = textIn(manifest, 'volume');
    const from = kubectl(place, `get pvc ${claim} -o jsonpath='{.metadata.annotations.belay\\.dev/restored-from}'`);
    const ready = kubectl(place, `get volumesnapshot ${snapshotName} -o jsonpath='{.status.readyToUse}'`);
    const keep = `kubectl patch pv ${volume} -p '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'`;
    return [
      `# storage must be no less than: ${kubectl(place, `get volumesnapshot ${snapshotName} -o jsonpath='{.status.restoreSize}'`)}`,
      `if [ "$(${from})" != ${snapshotName} ] && [ "$(${ready})" = true ]; then`,
      ...(volume === '' ? [] : [`  # today's data stays on ${volume}:`, `  ${keep} &&`]),
      `  ${kubectl(place, `delete pvc ${claim} --ignore-not-found`)} &&`,
      `  ${kubectl(place, 'create -f -')} <<'EOF'`,
      JSON.stringify(claimFrom(claim, snapshotName, manifest), undefined, 2),
      'EOF',
      'fi',
    ];
  });
}

function claimFrom(claim: string, snapshotName: string, manifest: Readonly<Record<string, unknown>>): object {
  const spec = parseObject(manifest['spec']) ?? {};
  const { volumeName: _, dataSource: __, dataSourceRef: ___, ...kept } = spec;
  const annotations = parseObject(manifest['annotations']) ?? {};
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: claim,
      labels: parseObject(manifest['labels']) ?? {},
      annotations: { ...annotations, 'belay.dev/restored-from': snapshotName },
    },
    spec: { ...kept, dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: snapshotName } },
  };
}

function reinstall(place: Place, group: RunGroup): string[] {
  const settings = place.handles[settingsKey(group.name)];
  return [
    ...(place.handles[reattachKey(group.name)] === undefined ? [] : reattach(place, group)),
    ...workloadsOf(group).map((workload) => {
      const saved = place.handles[revisionKey(workload)];
      if (saved === undefined) return `# the template of ${nameOf(workload)} was not changed`;
      const template = kubectl(place, `get controllerrevision ${saved} -o jsonpath='{.data.template}'`);
      const patch = `'[{"op":"replace","path":"/spec/template","value":'"$(${template})"'}]'`;
      return kubectl(place, `patch ${nameOf(workload)} --type=json -p ${patch}`);
    }),
    ...(settings === undefined
      ? []
      : [
          `# the settings before, to be put back with kubectl edit:`,
          `${kubectl(place, `get secret ${settings} -o jsonpath='{.data.before}'`)} | base64 -d`,
        ]),
  ];
}

/** A restore failed: the volumes from before it, under their names again. */
function reattach(place: Place, group: RunGroup): string[] {
  return claimsOf(place, group).flatMap((claim) => reattachCommands(place, claim, place.handles[manifestKey(claim)]));
}

/** Everything of the run that keeps others away. */
export function unlockCommands(place: Place): string[] {
  const { spec } = place;
  return [
    ...spec.groups
      .flatMap(workloadsOf)
      .map((workload) => kubectl(place, `annotate ${nameOf(workload)} belay.dev/lock-`)),
    ...spec.groups.map(({ name }) =>
      kubectl(place, `patch servergroup ${name} --subresource=status --type=merge -p '{"status":{"lock":null}}'`),
    ),
  ];
}
