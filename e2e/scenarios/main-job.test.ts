/** The main job, on a real control plane and both containerds: run with `make test` (root, Linux). */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { startFarlet, type Farlet } from '../harness/farlet.ts';
import { startHost, type TestHost } from '../harness/host.ts';
import { eventually, outcome } from '../harness/processes.ts';

const folder = mkdtempSync('/tmp/farlet-e2e-');
let plane: ControlPlane;
let farlet: Farlet;
const hosts = new Map<string, TestHost>();

before(async () => {
  [plane] = await Promise.all([
    startControlPlane({ folder: `${folder}/plane` }),
    ...(['1.6', '2'] as const).map(async (version) => {
      const name = `node-${version.replace('.', '-')}`;
      hosts.set(name, await startHost({ name, version, folder: `${folder}/${name}` }));
    }),
  ]);
  farlet = await startFarlet({ folder: `${folder}/farlet`, plane, hosts: [...hosts.values()] });
});

after(async () => {
  await farlet.stop();
  await Promise.all([...hosts.values()].map((host) => host.stop()));
  await plane.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface PodJson {
  metadata: { uid: string };
  status: {
    phase: string;
    podIP?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: {
      containerID?: string;
      restartCount: number;
      state: Record<string, { reason?: string }>;
      ready: boolean;
    }[];
  };
}

for (const node of ['node-1-6', 'node-2']) {
  describe(`on ${node}`, () => {
    const namespace = `e2e-${node}`;
    const kubectl = (args: readonly string[], input?: string): Promise<string> =>
      plane.kubectl(['-n', namespace, ...args], input);
    const getPod = async (name: string): Promise<PodJson> =>
      JSON.parse(await kubectl(['get', 'pod', name, '-o', 'json'])) as PodJson;
    const report = async (): Promise<string> => `${await kubectl(['get', 'pods,events'])}\n${farlet.log()}`;
    const wait = <T>(
      what: string,
      check: () => Promise<T | undefined | false>,
      timeoutMs = 30_000,
    ): Promise<T> => eventually(what, check, { timeoutMs, describe: report });
    const isReady = async (name: string): Promise<boolean> =>
      (await getPod(name)).status.conditions?.some(
        ({ type, status }) => type === 'Ready' && status === 'True',
      ) === true;
    const create = async (name: string, spec: Record<string, unknown>): Promise<void> => {
      const container = {
        name: 'c',
        image: 'localhost/busybox:1',
        command: ['sh', '-c', 'trap "exit 0" TERM; sleep 10000 & wait'],
      };
      const { containers = [container], ...rest } = spec;
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name },
        spec: { nodeName: node, terminationGracePeriodSeconds: 2, containers, ...rest },
      };
      await kubectl(['create', '-f', '-'], JSON.stringify(pod));
    };
    const shell = (command: string, more: object = {}): object => ({
      name: 'c',
      image: 'localhost/busybox:1',
      command: ['sh', '-c', command],
      ...more,
    });

    before(async () => {
      await plane.kubectl(['create', 'namespace', namespace]);
      await wait(
        'the default service account',
        async () => (await plane.tryKubectl(['-n', namespace, 'get', 'sa', 'default'])).code === 0,
      );
      await wait('the node to be Ready', async () =>
        (await plane.tryKubectl(['get', 'node', node])).stdout.includes(' Ready '),
      );
    });

    it('registers the node as a kubelet does', async () => {
      const { metadata, spec, status } = JSON.parse(
        await plane.kubectl(['get', 'node', node, '-o', 'json']),
      ) as {
        metadata: { uid: string; labels: Record<string, string> };
        spec: { taints: { key: string }[] };
        status: {
          conditions: { type: string; reason: string }[];
          capacity: Record<string, string>;
          nodeInfo: { containerRuntimeVersion: string };
        };
      };
      assert.equal(metadata.labels['kubernetes.io/hostname'], node);
      assert.equal(metadata.labels.type, 'virtual-kubelet');
      assert.ok(spec.taints.some(({ key }) => key === 'virtual-kubelet.io/provider'));
      assert.deepEqual(
        status.conditions.map(({ type, reason }) => `${type} ${reason}`),
        [
          'MemoryPressure KubeletHasSufficientMemory',
          'DiskPressure KubeletHasNoDiskPressure',
          'PIDPressure KubeletHasSufficientPID',
          'Ready KubeletReady',
        ],
      );
      assert.match(status.nodeInfo.containerRuntimeVersion, /^containerd:\/\//);
      const lease = await wait(
        'the lease',
        async () =>
          JSON.parse(await plane.kubectl(['-n', 'kube-node-lease', 'get', 'lease', node, '-o', 'json'])) as {
            metadata: { ownerReferences: { uid: string }[] };
          },
      );
      assert.equal(lease.metadata.ownerReferences[0]?.uid, metadata.uid);
    });

    it('runs a deployment that kubectl can read and enter', async () => {
      const labels = { app: 'web' };
      const template = {
        metadata: { labels },
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': node },
          tolerations: [{ operator: 'Exists' }],
          terminationGracePeriodSeconds: 2,
          containers: [shell('echo hello; trap "exit 0" TERM; sleep 10000 & wait')],
        },
      };
      await kubectl(
        ['create', '-f', '-'],
        JSON.stringify({
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'web' },
          spec: { replicas: 3, selector: { matchLabels: labels }, template },
        }),
      );
      await kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
      assert.equal(await kubectl(['logs', 'deployment/web']), 'hello\n');
      assert.equal(await kubectl(['exec', 'deployment/web', '--', 'echo', 'in']), 'in\n');
      assert.equal(
        (await plane.tryKubectl(['-n', namespace, 'exec', 'deployment/web', '--', 'sh', '-c', 'exit 7']))
          .code,
        7,
      );
    });

    it('serves volumes of every kind a pod needs, and follows their changes', async () => {
      await kubectl(['create', 'configmap', 'cm', '--from-literal=k=one']);
      await kubectl(['create', 'secret', 'generic', 's', '--from-literal=p=hidden']);
      const mount = (name: string): object => ({ name, mountPath: `/${name}` });
      await create('volumes', {
        containers: [
          shell('trap "exit 0" TERM; sleep 10000 & wait', {
            volumeMounts: ['cm', 's', 'disk', 'memory', 'down'].map(mount),
            env: [{ name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
          }),
        ],
        volumes: [
          { name: 'cm', configMap: { name: 'cm' } },
          { name: 's', secret: { secretName: 's', defaultMode: 0o400 } },
          { name: 'disk', emptyDir: {} },
          { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
          {
            name: 'down',
            downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] },
          },
        ],
      });
      await wait('the pod to be ready', () => isReady('volumes'));
      const read = await kubectl([
        'exec',
        'volumes',
        '--',
        'sh',
        '-c',
        'cat /cm/k /s/p /down/name; echo x > /disk/f; stat -L -c %a /s/p; mount | grep -c " /memory type tmpfs"; ls /var/run/secrets/kubernetes.io/serviceaccount; echo $IP',
      ]);
      assert.equal(
        read,
        `onehiddenvolumes400\n1\nca.crt\nnamespace\ntoken\n${(await getPod('volumes')).status.podIP ?? ''}\n`,
      );
      await kubectl(['patch', 'configmap', 'cm', '-p', '{"data":{"k":"two"}}']);
      await wait(
        'the change to arrive',
        async () => (await kubectl(['exec', 'volumes', '--', 'cat', '/cm/k'])) === 'two',
      );
    });

    it('ends pods as their policies say', async () => {
      await create('done', { restartPolicy: 'Never', containers: [shell('exit 0')] });
      await create('failed', { restartPolicy: 'Never', containers: [shell('exit 3')] });
      await create('loops', { containers: [shell('exit 1')] });
      await wait('Succeeded', async () => (await getPod('done')).status.phase === 'Succeeded');
      await wait('Failed', async () => (await getPod('failed')).status.phase === 'Failed');
      await wait(
        'CrashLoopBackOff',
        async () =>
          (await getPod('loops')).status.containerStatuses?.[0]?.state.waiting?.reason === 'CrashLoopBackOff',
      );
    });

    it('tells what is wrong, delays nobody else, and recovers when the cause is mended', async () => {
      const deaf: Server = createServer((socket) => socket.on('error', () => socket.destroy()));
      await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
      const { port } = deaf.address() as { port: number };
      try {
        await create('hangs', { containers: [{ name: 'c', image: `127.0.0.1:${port}/never:1` }] });
        await create('no-volume', {
          volumes: [{ name: 'v', configMap: { name: 'late' } }],
          containers: [shell('sleep 10000', { volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
        });
        await create('wrong-type', {
          volumes: [{ name: 'v', hostPath: { path: '/etc/passwd', type: 'Directory' } }],
          containers: [shell('sleep 10000', { volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
        });
        await create('no-env', {
          containers: [shell('sleep 10000', { envFrom: [{ configMapRef: { name: 'late' } }] })],
        });
        await create('bystander', {});
        await wait('the bystander to be ready', () => isReady('bystander'), 15_000);
        const events = async (text: string): Promise<boolean> =>
          (await kubectl(['get', 'events', '-o', 'custom-columns=M:.message'])).includes(text);
        await wait('FailedMount of the missing ConfigMap', () =>
          events('MountVolume.SetUp failed for volume "v" : configmap "late" not found'),
        );
        await wait('FailedMount of the wrong type', () =>
          events('hostPath type check failed: /etc/passwd is not a directory'),
        );
        await wait(
          'CreateContainerConfigError',
          async () =>
            (await getPod('no-env')).status.containerStatuses?.[0]?.state.waiting?.reason ===
            'CreateContainerConfigError',
        );
        await kubectl(['create', 'configmap', 'late', '--from-literal=A=b']);
        await wait('the pod without volume to recover', () => isReady('no-volume'), 60_000);
        await wait('the pod without environment to recover', () => isReady('no-env'), 60_000);
      } finally {
        await kubectl(['delete', 'pod', 'hangs', 'wrong-type', '--wait=false']);
        deaf.close();
      }
    });

    it('refuses who may not enter', async () => {
      const port = await plane.kubectl([
        'get',
        'node',
        node,
        '-o',
        'jsonpath={.status.daemonEndpoints.kubeletEndpoint.Port}',
      ]);
      const { stdout } = await outcome([
        'curl',
        '-sk',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        `https://127.0.0.1:${port}/pods`,
      ]);
      assert.equal(stdout, '401');
    });

    it('recreates nothing when farlet is killed and comes back', async () => {
      await create('stays', {});
      await wait('the pod to be ready', () => isReady('stays'));
      const before = await getPod('stays');
      await farlet.stop('SIGKILL');
      farlet.start();
      await wait('farlet to be healthy', async () => (await fetch(farlet.healthUrl)).ok);
      await create('newcomer', {});
      await wait('a new pod to be ready', () => isReady('newcomer'));
      const now = await getPod('stays');
      assert.equal(now.status.podIP, before.status.podIP);
      assert.equal(
        now.status.containerStatuses?.[0]?.containerID,
        before.status.containerStatuses?.[0]?.containerID,
      );
      assert.equal(now.status.containerStatuses?.[0]?.restartCount, 0);
      assert.equal(now.status.containerStatuses[0].ready, true);
    });

    it('leaves nothing behind when its pods are deleted', async () => {
      await plane.kubectl(['delete', 'namespace', namespace, '--timeout=90s']);
      const host = hosts.get(node);
      assert.ok(host);
      assert.deepEqual(await host.containers(), []);
      assert.deepEqual(readdirSync(`${host.folder}/farlet/pods`), []);
      assert.equal(
        (await outcome(['grep', '-c', `${host.folder}/farlet`, '/proc/self/mountinfo'])).stdout.trim(),
        '0',
      );
    });
  });
}
