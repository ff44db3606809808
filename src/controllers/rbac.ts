/** What the controller may do, by why: the chart makes Roles of it (`npm run generate`), and nothing else is granted. */
export interface RbacNeed {
  /** Where the chart puts it; `act` is left out where every set brings an account of its own. */
  readonly section: 'own' | 'watch' | 'act' | 'cluster' | 'persistentVolumes';
  readonly group: string;
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

const ours = [
  'packages',
  'pools',
  'probesuites',
  'databases',
  'servergroups',
  'upgradesets',
  'upgraderuns',
  'decisions',
];
const read = ['get', 'list', 'watch'];

export const rbacNeeds: readonly RbacNeed[] = [
  { section: 'own', group: 'belay.dev', resources: ours, verbs: read },
  { section: 'own', group: 'belay.dev', resources: ['upgraderuns'], verbs: ['create', 'delete', 'patch'] },
  { section: 'own', group: 'belay.dev', resources: ['upgradesets'], verbs: ['patch'] },
  {
    section: 'own',
    group: 'belay.dev',
    resources: ours.map((kind) => `${kind}/status`),
    verbs: ['get', 'patch', 'update'],
  },
  // Owner references with blockOwnerDeletion.
  {
    section: 'own',
    group: 'belay.dev',
    resources: ['upgraderuns/finalizers', 'upgradesets/finalizers'],
    verbs: ['update'],
  },
  { section: 'own', group: 'events.k8s.io', resources: ['events'], verbs: ['create', 'patch'] },
  // Who may decide is asked again, for clusters without the admission policies.
  { section: 'own', group: 'authorization.k8s.io', resources: ['localsubjectaccessreviews'], verbs: ['create'] },
  // Holds on pods, the deployment log and what people were told are the operator's own, whoever the set acts as.
  { section: 'own', group: '', resources: ['configmaps'], verbs: ['create', 'delete', 'patch'] },
  {
    section: 'watch',
    group: '',
    resources: ['configmaps', 'persistentvolumeclaims', 'pods', 'podtemplates', 'services'],
    verbs: read,
  },
  {
    section: 'watch',
    group: 'apps',
    resources: ['controllerrevisions', 'deployments', 'replicasets', 'statefulsets'],
    verbs: read,
  },
  { section: 'watch', group: 'autoscaling', resources: ['horizontalpodautoscalers'], verbs: read },
  { section: 'watch', group: 'batch', resources: ['jobs'], verbs: read },
  { section: 'watch', group: 'discovery.k8s.io', resources: ['endpointslices'], verbs: read },
  // What the preflight reads of the room for snapshots.
  { section: 'watch', group: '', resources: ['resourcequotas'], verbs: ['get', 'list'] },
  { section: 'watch', group: 'policy', resources: ['poddisruptionbudgets'], verbs: read },
  { section: 'watch', group: 'snapshot.storage.k8s.io', resources: ['volumesnapshots'], verbs: read },
  {
    section: 'act',
    group: '',
    resources: ['configmaps', 'persistentvolumeclaims'],
    verbs: ['create', 'delete', 'patch', 'update'],
  },
  // `create` is for the dry run that proves a hold.
  { section: 'act', group: '', resources: ['pods'], verbs: ['create', 'delete', 'patch'] },
  { section: 'act', group: '', resources: ['pods/log'], verbs: ['get'] },
  // By name only, never listed.
  { section: 'act', group: '', resources: ['secrets'], verbs: ['create', 'delete', 'get', 'patch', 'update'] },
  { section: 'act', group: 'apps', resources: ['deployments', 'statefulsets'], verbs: ['patch', 'update'] },
  { section: 'act', group: 'apps', resources: ['controllerrevisions'], verbs: ['create', 'delete', 'patch'] },
  { section: 'act', group: 'batch', resources: ['jobs'], verbs: ['create', 'delete'] },
  {
    section: 'act',
    group: 'snapshot.storage.k8s.io',
    resources: ['volumesnapshots'],
    verbs: ['create', 'delete', 'patch'],
  },
  { section: 'cluster', group: '', resources: ['persistentvolumes'], verbs: ['get'] },
  // Whether a node has booted again, where a group's servers are rebooted in a rebuild.
  { section: 'cluster', group: '', resources: ['nodes'], verbs: ['get'] },
  { section: 'cluster', group: 'storage.k8s.io', resources: ['storageclasses', 'csidrivers'], verbs: ['get', 'list'] },
  {
    section: 'cluster',
    group: 'snapshot.storage.k8s.io',
    resources: ['volumesnapshotclasses', 'volumesnapshotcontents'],
    verbs: ['get', 'list'],
  },
  {
    section: 'cluster',
    group: 'admissionregistration.k8s.io',
    resources: [
      'mutatingadmissionpolicies',
      'mutatingadmissionpolicybindings',
      'validatingadmissionpolicies',
      'validatingadmissionpolicybindings',
    ],
    verbs: ['get', 'list'],
  },
  // Restoring a volume under its own name changes its reclaim policy and its claim.
  { section: 'persistentVolumes', group: '', resources: ['persistentvolumes'], verbs: ['patch', 'update'] },
];
