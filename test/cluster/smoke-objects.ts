/** The objects of the smoke run. */
export function webObjects(image: string): unknown {
  const labels = { app: 'web' };
  const container = {
    name: 'web',
    image,
    imagePullPolicy: 'Never',
    command: ['/bin/httpd', '-f', '-p', '8080', '-h', '/data'],
    ports: [{ containerPort: 8080 }],
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
    readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
  };
  const claim = {
    metadata: { name: 'data' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'belay-wait',
      resources: { requests: { storage: '16Mi' } },
    },
  };
  // httpd ignores SIGTERM as the first process of a container.
  const podSpec = { terminationGracePeriodSeconds: 1, securityContext: { fsGroup: 65532 }, containers: [container] };
  return list(
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'web' },
      spec: {
        serviceName: 'web',
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: podSpec },
        volumeClaimTemplates: [claim],
      },
    },
  );
}

export function snapshotOf(claim: string, name: string): unknown {
  return {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: { name },
    spec: { volumeSnapshotClassName: 'belay-snapshots', source: { persistentVolumeClaimName: claim } },
  };
}

export function claimFrom(snapshot: string, name: string): unknown {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'belay-wait',
      resources: { requests: { storage: '16Mi' } },
      dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: snapshot },
    },
  };
}

/** Reads its own pod's namespace from the API server, by Service name, as the operator's pods will run. */
export function clientPod(image: string): unknown {
  const account = '/var/run/secrets/kubernetes.io/serviceaccount';
  const script = `
    const { readFileSync } = require('node:fs');
    const token = readFileSync('${account}/token', 'utf8');
    const ask = (url, headers) => fetch(url, { headers }).then(async (r) => r.status + ' ' + (await r.text()).trim().slice(0, 40));
    (async () => {
      console.log('api', await ask('https://kubernetes.default.svc/api', { authorization: 'Bearer ' + token }));
      console.log('web', await ask('http://web.default.svc.cluster.local/hello'));
    })().catch((error) => { console.error(error); process.exit(1); });`;
  const securityContext = {
    runAsNonRoot: true,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  };
  const env = [{ name: 'NODE_EXTRA_CA_CERTS', value: `${account}/ca.crt` }];
  const container = { name: 'client', image, imagePullPolicy: 'Never', args: ['-e', script], env, securityContext };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'client' },
    spec: { restartPolicy: 'Never', containers: [container] },
  };
}

/** Fills in who created a ConfigMap, to see that mutating policies work. */
export function authorPolicy(): unknown {
  const admission = 'admissionregistration.k8s.io/v1';
  const expression = 'Object{data: {"author": request.userInfo.username}}';
  return list(
    {
      apiVersion: admission,
      kind: 'MutatingAdmissionPolicy',
      metadata: { name: 'author' },
      spec: {
        matchConstraints: {
          resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
        },
        failurePolicy: 'Fail',
        reinvocationPolicy: 'Never',
        mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }],
      },
    },
    {
      apiVersion: admission,
      kind: 'MutatingAdmissionPolicyBinding',
      metadata: { name: 'author' },
      spec: { policyName: 'author' },
    },
  );
}

function list(...items: unknown[]): unknown {
  return { apiVersion: 'v1', kind: 'List', items };
}
