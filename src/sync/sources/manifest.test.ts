import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseYaml } from '../../app/config/yaml.ts';
import type { Pod } from '../../model/kube.ts';
import { fnv1a128 } from '../../util/fnv.ts';
import { readManifest } from './manifest.ts';
import { staticOwner } from './static-owner.ts';

const options = { node: 'Edge-1', parse: parseYaml };
const path = '/etc/farlet/manifests/web.yaml';

function read(text: string, more: Partial<typeof options> & { path?: string } = {}): Pod {
  return readManifest({ path: more.path ?? path, text }, { ...options, ...more });
}

/** A manifest with something put in place of, or added to, its parts. */
function text(change: { metadata?: object; spec?: object; container?: object; head?: object } = {}): string {
  const container = { name: 'c', image: 'localhost/busybox:1', ...change.container };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    ...change.head,
    metadata: { name: 'web', ...change.metadata },
    spec: { containers: [container], ...change.spec },
  });
}

describe('a manifest', () => {
  it('becomes a pod of the node with the defaults of the API server', () => {
    const pod = read(`
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  hostNetwork: true
  tolerations: [{key: a, operator: Exists}]
  containers:
  - name: c
    image: busybox
    ports: [{containerPort: 80}]
    resources: {limits: {cpu: 100m}}
    livenessProbe: {httpGet: {port: 80}}
    readinessProbe: {grpc: {port: 81}}
  volumes: [{name: scratch}, {name: h, hostPath: {path: /x}}]
---
kind: Ignored
`);
    const { uid } = pod.metadata;
    assert.deepEqual(pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'web-edge-1',
        namespace: 'default',
        uid,
        labels: { app: 'web' },
        annotations: { 'kubernetes.io/config.hash': uid },
      },
      spec: {
        nodeName: 'Edge-1',
        hostNetwork: true,
        restartPolicy: 'Always',
        terminationGracePeriodSeconds: 30,
        dnsPolicy: 'ClusterFirst',
        enableServiceLinks: true,
        schedulerName: 'default-scheduler',
        securityContext: {},
        tolerations: [
          { key: 'a', operator: 'Exists' },
          { operator: 'Exists', effect: 'NoExecute' },
        ],
        containers: [
          {
            name: 'c',
            image: 'busybox',
            imagePullPolicy: 'Always',
            terminationMessagePath: '/dev/termination-log',
            terminationMessagePolicy: 'File',
            ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }],
            resources: { limits: { cpu: '100m' }, requests: { cpu: '100m' } },
            livenessProbe: {
              timeoutSeconds: 1,
              periodSeconds: 10,
              successThreshold: 1,
              failureThreshold: 3,
              httpGet: { port: 80, path: '/', scheme: 'HTTP' },
            },
            readinessProbe: {
              timeoutSeconds: 1,
              periodSeconds: 10,
              successThreshold: 1,
              failureThreshold: 3,
              grpc: { port: 81, service: '' },
            },
          },
        ],
        volumes: [
          { name: 'scratch', emptyDir: {} },
          { name: 'h', hostPath: { path: '/x', type: '' } },
        ],
      },
      status: { phase: 'Pending' },
    });
  });

  it('has a UID that follows content, node and file, and nothing else', () => {
    const { uid } = read(text()).metadata;
    assert.match(uid, /^[0-9a-f]{32}$/);
    const yaml =
      '# a comment\nspec: {containers: [{image: "localhost/busybox:1", name: c}]}\nkind: Pod\napiVersion: v1\nmetadata: {name: web}';
    assert.equal(read(yaml).metadata.uid, uid);
    assert.notEqual(read(text({ container: { image: 'localhost/busybox:2' } })).metadata.uid, uid);
    assert.notEqual(read(text(), { node: 'edge-2' }).metadata.uid, uid);
    assert.notEqual(read(text(), { path: '/elsewhere/web.yaml' }).metadata.uid, uid);
    assert.equal(read(text({ metadata: { uid: 'mine' } })).metadata.uid, 'mine');
  });

  it('takes null for what is not there, and quantities in any form', () => {
    const pod = read(
      text({
        container: { ports: null, resources: { limits: { cpu: 0.5, memory: '1024Mi' } } },
        spec: { volumes: [{ name: 'v', emptyDir: { sizeLimit: 1024 } }], hostAliases: null },
      }),
    );
    const [container] = pod.spec.containers;
    assert.deepEqual(container?.resources, {
      limits: { cpu: '500m', memory: '1Gi' },
      requests: { cpu: '500m', memory: '1Gi' },
    });
    assert.equal(container.ports, undefined);
    assert.equal(pod.spec.hostAliases, undefined);
    assert.deepEqual(pod.spec.volumes, [{ name: 'v', emptyDir: { sizeLimit: '1024' } }]);
  });

  const refused: { name: string; text: string; says: RegExp }[] = [
    { name: 'no YAML', text: 'a: [', says: /line/ },
    { name: 'nothing', text: '', says: /holds no object/ },
    { name: 'another kind', text: text({ head: { kind: 'Deployment' } }), says: /kind "Deployment"/ },
    { name: 'no name', text: text({ metadata: { name: '' } }), says: /metadata.name/ },
    { name: 'a bad name', text: text({ metadata: { name: 'Web_1' } }), says: /metadata.name/ },
    { name: 'a UID that is a path', text: text({ metadata: { uid: '../../etc' } }), says: /metadata.uid/ },
    {
      name: 'a namespace that is a path',
      text: text({ metadata: { namespace: '../x' } }),
      says: /namespace/,
    },
    {
      name: 'no spec',
      text: '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}',
      says: /spec is missing/,
    },
    { name: 'no container', text: text({ spec: { containers: [] } }), says: /at least one/ },
    {
      name: 'containers that are no list',
      text: text({ spec: { containers: 'x' } }),
      says: /a list is needed/,
    },
    {
      name: 'values of other types',
      text: text({
        container: { env: [{ name: 'A', value: 1 }], stdin: 'yes', resources: { limits: { cpu: '1x' } } },
      }),
      says: /env\[0\]\.value: a text is needed, found 1.*stdin: true or false.*cpu: a quantity is needed, found "1x"/,
    },
    { name: 'no image', text: text({ container: { image: '' } }), says: /image/ },
    {
      name: 'a name twice',
      text: text({ spec: { initContainers: [{ name: 'c', image: 'a:1' }] } }),
      says: /twice/,
    },
    {
      name: 'a command that is no list',
      text: text({ container: { command: 'sh' } }),
      says: /command: a list/,
    },
    {
      name: 'an unknown volume',
      text: text({ container: { volumeMounts: [{ name: 'v', mountPath: '/v' }] } }),
      says: /no volume v/,
    },
    {
      name: 'a port out of range',
      text: text({ container: { ports: [{ containerPort: 70000 }] } }),
      says: /70000/,
    },
    { name: 'an unknown policy', text: text({ spec: { restartPolicy: 'Maybe' } }), says: /Maybe/ },
    {
      name: 'a service account',
      text: text({ spec: { serviceAccountName: 'x' } }),
      says: /may not reference serviceaccounts/,
    },
    {
      name: 'a Secret in the environment',
      text: text({ container: { envFrom: [{ secretRef: { name: 's' } }] } }),
      says: /secrets$/,
    },
    {
      name: 'a ConfigMap volume',
      text: text({ spec: { volumes: [{ name: 'v', configMap: { name: 'x' } }] } }),
      says: /configmaps \(via configmap volumes\)/,
    },
    {
      name: 'a projected token',
      text: text({
        spec: { volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }] },
      }),
      says: /serviceaccounts \(via projected volumes\)/,
    },
    {
      name: 'a claim',
      text: text({ spec: { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'x' } }] } }),
      says: /persistentvolumeclaims/,
    },
  ];
  for (const row of refused) {
    it(`is refused for ${row.name}`, () => {
      assert.throws(() => read(row.text), row.says);
    });
  }
});

describe('FNV-1a of 128 bits', () => {
  // Go: fnv.New128a; the first is the offset basis
  for (const [input, hash] of [
    ['', '6c62272e07bb014262b821756295c58d'],
    ['a', 'd228cb696f1a8caf78912b704e4a8964'],
    ['foobar', '343e1662793c64bf6f0d3597ba446f18'],
  ] as const) {
    it(JSON.stringify(input), () => {
      assert.equal(fnv1a128(input), hash);
    });
  }
});

describe('the owner of static pods', () => {
  it('is the same for the same node and folder only', () => {
    const own = staticOwner({ name: 'a', rootDir: '/r' });
    assert.equal(staticOwner({ name: 'a', rootDir: '/r' }), own);
    assert.notEqual(staticOwner({ name: 'b', rootDir: '/r' }), own);
    assert.notEqual(staticOwner({ name: 'a', rootDir: '/s' }), own);
  });
});
