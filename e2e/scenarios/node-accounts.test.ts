/**
 * Nodes with an account of their own: user system:node:<name>, held to its node by the Node authorizer and
 * NodeRestriction, and a farlet whose own account may next to nothing.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { connectKube } from '../../src/kube/connect.ts';
import { kindOf } from '../../src/model/errors.ts';
import { poolHost, type Farlet } from '../harness/farlet.ts';
import { useNamespace } from '../harness/namespace.ts';
import { IMAGE, shell, SLEEP } from '../harness/pods.ts';
import { freePorts } from '../harness/free-ports.ts';
import { eventually, outcome } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const NODE = 'edge';
const POOL = 'pooled';
const ELSEWHERE = 'elsewhere';
/** farlet's own account */
const SHARED = 'farlet-shared';
const nodeUser = (node: string): string => `system:node:${node}`;

/** What docs/security.md says is left for farlet's own account. */
const sharedRole = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: SHARED },
  rules: [
    { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system'], verbs: ['get'] },
    { apiGroups: [''], resources: ['services'], verbs: ['list', 'watch'] },
    { apiGroups: ['node.k8s.io'], resources: ['runtimeclasses'], verbs: ['list', 'watch'] },
    { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
    {
      apiGroups: ['certificates.k8s.io'],
      resources: ['certificatesigningrequests/approval'],
      verbs: ['update'],
    },
    {
      apiGroups: ['certificates.k8s.io'],
      resources: ['signers'],
      resourceNames: ['kubernetes.io/kubelet-serving'],
      verbs: ['approve'],
    },
  ],
};

let farlet: Farlet;
let shared = '';
const kubeconfigs = new Map<string, string>();

const world = useWorld({
  hosts: [
    { name: 'box-1', version: '2' },
    { name: 'box-2', version: '2' },
    { name: 'box-3', version: '1.6', link: 'ssh' },
  ],
  farlet: false,
  audited: [SHARED, nodeUser(NODE), nodeUser(POOL)],
  onUp: async (up) => {
    const { plane, folder } = up;
    const apply = (object: object): Promise<string> =>
      plane.kubectl(['create', '-f', '-'], JSON.stringify(object));
    await apply(sharedRole);
    await plane.kubectl([
      'create',
      'clusterrolebinding',
      SHARED,
      `--clusterrole=${SHARED}`,
      `--user=${SHARED}`,
    ]);
    ({ kubeconfig: shared } = await plane.account(SHARED, { cn: SHARED }));
    for (const node of [NODE, POOL]) {
      const { kubeconfig } = await plane.account(node, { cn: nodeUser(node), o: 'system:nodes' });
      kubeconfigs.set(node, kubeconfig);
    }
    mkdirSync(`${folder}/manifests`);
    const [edgePort, poolPort] = await freePorts(2);
    const common = { nodeIP: '127.0.0.1' };
    const boxes = ['box-1', 'box-2', 'box-3'].map((name) => up.host(name));
    farlet = await up.startFarlet('farlet', {
      hosts: boxes,
      plane: { kubeconfig: shared, clientCa: plane.clientCa },
      config: {
        serverTLSBootstrap: true,
        approveServingCertificates: true,
        fileCheckFrequency: '2s',
        nodes: [
          {
            ...common,
            name: NODE,
            rootDir: `${up.host('box-1').folder}/farlet`,
            port: edgePort,
            kubeconfig: kubeconfigs.get(NODE),
            staticPodPath: `${folder}/manifests`,
            cgroupRoot: boxes[0]?.cgroupRoot,
            hosts: boxes.slice(0, 1).map(poolHost),
          },
          {
            ...common,
            name: POOL,
            rootDir: `${up.host('box-2').folder}/farlet`,
            port: poolPort,
            kubeconfig: kubeconfigs.get(POOL),
            cgroupRoot: boxes[1]?.cgroupRoot,
            hosts: boxes.slice(1).map((each) => ({ ...poolHost(each), name: each.name })),
          },
        ],
      },
    });
  },
});

describe('a node with an account of its own', { concurrency: 1 }, () => {
  const space = useNamespace(world, { name: 'accounts', node: NODE });
  const asNode = connectedAs(() => kubeconfigs.get(NODE) ?? '');

  it('runs a pod with all that a node may read for it', async () => {
    await space.kubectl(['create', 'configmap', 'settings', '--from-literal=a=from-map']);
    await space.kubectl(['create', 'secret', 'generic', 'keys', '--from-literal=b=from-secret']);
    await space.kubectl([
      ...['create', 'secret', 'docker-registry', 'pull', '--docker-server=127.0.0.1:1'],
      ...['--docker-username=u', '--docker-password=p'],
    ]);
    await space.kubectl(['create', 'serviceaccount', 'worker']);
    mkdirSync(`${world.folder}/volume`);
    writeFileSync(`${world.folder}/volume/file`, 'from-volume');
    await world.plane.kubectl(
      ['create', '-f', '-'],
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: 'accounts' },
        spec: {
          capacity: { storage: '1Gi' },
          accessModes: ['ReadWriteOnce'],
          storageClassName: '',
          hostPath: { path: `${world.folder}/volume` },
        },
      }),
    );
    await space.create({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'claim' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: '',
        volumeName: 'accounts',
        resources: { requests: { storage: '1Gi' } },
      },
    });
    await space.wait('the claim to be bound', async () =>
      (await space.kubectl(['get', 'pvc', 'claim'])).includes('Bound'),
    );
    await space.createPod('whole', {
      serviceAccountName: 'worker',
      imagePullSecrets: [{ name: 'pull' }],
      containers: [
        shell(SLEEP, {
          envFrom: [{ configMapRef: { name: 'settings' } }, { secretRef: { name: 'keys' } }],
          readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
          volumeMounts: ['map', 'secret', 'claim', 'token'].map((name) => ({ name, mountPath: `/${name}` })),
        }),
      ],
      volumes: [
        { name: 'map', configMap: { name: 'settings' } },
        { name: 'secret', secret: { secretName: 'keys' } },
        { name: 'claim', persistentVolumeClaim: { claimName: 'claim' } },
        {
          name: 'token',
          projected: { sources: [{ serviceAccountToken: { path: 'vault', audience: 'vault' } }] },
        },
      ],
    });
    await space.waitReady('whole', 60_000);
    assert.equal(
      (await space.sh('whole', 'echo $a $b; cat /map/a /secret/b /claim/file')).trim(),
      'from-map from-secret\nfrom-mapfrom-secretfrom-volume',
    );
    const claims = (text: string): { aud: string[]; sub: string } =>
      JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString()) as never;
    const vault = claims(await space.sh('whole', 'cat /token/vault'));
    assert.deepEqual(vault.aud, ['vault']);
    const own = claims(await space.sh('whole', 'cat /var/run/secrets/kubernetes.io/serviceaccount/token'));
    assert.equal(own.sub, `system:serviceaccount:${space.name}:worker`);
  });

  it('tells what becomes of pods, and lets them go', async () => {
    await space.createPod('fails', { restartPolicy: 'Never', containers: [shell('exit 3')] });
    await space.wait(
      'the pod to have failed',
      async () => (await space.pod('fails')).status.phase === 'Failed',
    );
    await space.waitEvent('whole', 'Started');
    await space.deletePods('fails');
  });

  it('mirrors a static pod', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'static', namespace: space.name },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'c', image: IMAGE, command: ['sleep', '9999'] }],
      },
    };
    writeFileSync(`${world.folder}/manifests/static.yaml`, JSON.stringify(pod));
    await space.wait(
      'the mirror to run',
      async () => (await space.tryKubectl(['get', 'pod', `static-${NODE}`])).stdout.includes('Running'),
      60_000,
    );
  });

  it('has its serving certificate asked for by the node and approved by farlet', async () => {
    await eventually(
      'a signed request of the node',
      async () => {
        const text = await world.plane.kubectl(['get', 'csr', '-o', 'json']);
        const { items } = JSON.parse(text) as {
          items: { spec: { username: string }; status: { certificate?: string } }[];
        };
        return items.some(({ spec, status }) => spec.username === nodeUser(NODE) && status.certificate);
      },
      { timeoutMs: 60_000, describe: () => Promise.resolve(farlet.log()) },
    );
  });

  it('may read nothing of another node', async () => {
    await world.plane.kubectl(
      ['create', '-f', '-'],
      JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name: ELSEWHERE } }),
    );
    await space.kubectl(['create', 'secret', 'generic', 'theirs', '--from-literal=x=y']);
    await space.createPod('theirs', {
      nodeName: ELSEWHERE,
      containers: [shell(SLEEP, { envFrom: [{ secretRef: { name: 'theirs' } }] })],
    });
    const at = `/api/v1/namespaces/${space.name}`;
    const { client, close } = asNode();
    try {
      const rows: [string, () => Promise<unknown>, string | undefined][] = [
        ['its own Secret', () => client.get(`${at}/secrets/keys`), undefined],
        ['the other’s Secret', () => client.get(`${at}/secrets/theirs`), 'forbidden'],
        ['all Secrets', () => client.get('/api/v1/secrets'), 'forbidden'],
        ['all Secrets of a namespace', () => client.get(`${at}/secrets`), 'forbidden'],
        ['all pods', () => client.get('/api/v1/pods'), 'forbidden'],
        ['the other’s pod', () => client.get(`${at}/pods/theirs`), 'forbidden'],
        ['to delete the other’s pod', () => client.delete(`${at}/pods/theirs`), 'forbidden'],
        ['the other Node', () => client.get(`/api/v1/nodes/${ELSEWHERE}`), 'forbidden'],
        [
          'to patch the other Node',
          () => client.patch(`/api/v1/nodes/${ELSEWHERE}`, 'merge', { spec: { unschedulable: true } }),
          'forbidden',
        ],
        [
          'a token of an account that none of its pods has',
          () =>
            client.create(`${at}/serviceaccounts/default/token`, {
              apiVersion: 'authentication.k8s.io/v1',
              kind: 'TokenRequest',
              spec: {},
            }),
          'forbidden',
        ],
      ];
      for (const [what, ask, kind] of rows) {
        const found = await ask().then(
          () => undefined,
          (error: unknown) => kindOf(error),
        );
        assert.equal(found, kind, what);
      }
    } finally {
      await close();
      await space.deletePods('--force', '--grace-period=0', 'theirs');
      await world.plane.kubectl(['delete', 'node', ELSEWHERE]);
    }
  });

  it('of several hosts places pods, whose account may not patch pods', async () => {
    await space.createPod('placed', { nodeName: POOL });
    await space.waitReady('placed', 60_000);
    const { metadata } = (await space.pod('placed')) as unknown as {
      metadata: { annotations: Record<string, string> };
    };
    assert.match(metadata.annotations['farlet.dev/host'] ?? '', /^box-[23]$/);
    await space.deletePods('placed');
  });

  it('has been refused nothing', () => {
    const refused = world.plane
      .audit()
      // who tries what it may not, above, is no farlet
      .filter(({ userAgent }) => userAgent?.startsWith('farlet/'))
      .filter(({ responseStatus }) => responseStatus?.code === 403)
      .map(({ user, verb, requestURI }) => `${user.username} ${verb} ${requestURI}`);
    assert.deepEqual(refused, []);
    const users = new Set(world.plane.audit().map(({ user }) => user.username));
    assert.deepEqual([...users].sort(), [SHARED, nodeUser(NODE), nodeUser(POOL)].sort());
  });

  it('is what farlet check looks for', async () => {
    const command = ['dist/main.js', 'check', '--config', farlet.configFile, '--kubeconfig', shared];
    const { stdout } = await outcome([process.execPath, ...command], { timeoutMs: 60_000 });
    assert.match(stdout, new RegExp(`^ok +${NODE} account +${nodeUser(NODE)}$`, 'm'));
    assert.match(stdout, new RegExp(`^ok +${POOL} account +${nodeUser(POOL)}$`, 'm'));
    assert.doesNotMatch(stdout, /^FAIL +may/m);
  });

  it('keeps the taints of its Node, and runs on, when the configuration has others', async () => {
    await farlet.stop();
    const config = JSON.parse(readFileSync(farlet.configFile, 'utf8')) as { nodes: object[] };
    config.nodes = config.nodes.map((node) => ({ ...node, registerWithTaints: [] }));
    writeFileSync(farlet.configFile, JSON.stringify(config));
    farlet.start();
    await eventually(
      'farlet to say so',
      () => Promise.resolve(farlet.log(400).includes('may not change them')),
      { timeoutMs: 60_000, describe: () => Promise.resolve(farlet.log()) },
    );
    await space.createPod('after');
    await space.waitReady('after', 60_000);
    const taints = await world.plane.kubectl(['get', 'node', NODE, '-o', 'jsonpath={.spec.taints[*].key}']);
    assert.equal(taints, 'virtual-kubelet.io/provider');
    await space.deletePods('after', 'whole');
  });
});

function connectedAs(kubeconfig: () => string) {
  return () => {
    const client = connectKube({ userAgent: 'farlet-e2e', kubeconfig: kubeconfig() });
    return { client, close: () => client.close() };
  };
}
