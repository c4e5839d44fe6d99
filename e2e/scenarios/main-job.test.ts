/**
 * The main job, on a real control plane and both containerds, here (`make test`) or over ssh or tcp (`make
 * test-remote`).
 */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { describe, it } from 'node:test';
import { emptied } from '../harness/emptied.ts';
import { bothLinkHosts } from '../harness/link-hosts.ts';
import { useNamespace } from '../harness/namespace.ts';
import { deployment, shell, SLEEP } from '../harness/pods.ts';
import { outcome } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld({
  hosts: bothLinkHosts,
  // looks at logs so often that pods start and end in the midst of one
  farlet: { config: { containerLogMonitorInterval: '3s' } },
});

for (const node of world.nodes) {
  describe(`on ${node}`, () => {
    const e2e = useNamespace(world, { name: `e2e-${node}`, node });

    it('registers the node as a kubelet does', async () => {
      const { metadata, spec, status } = JSON.parse(
        await world.plane.kubectl(['get', 'node', node, '-o', 'json']),
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
      const lease = await e2e.wait(
        'the lease',
        async () =>
          JSON.parse(
            await world.plane.kubectl(['-n', 'kube-node-lease', 'get', 'lease', node, '-o', 'json']),
          ) as {
            metadata: { ownerReferences: { uid: string }[] };
          },
      );
      assert.equal(lease.metadata.ownerReferences[0]?.uid, metadata.uid);
    });

    it('runs a deployment that kubectl can read and enter', async () => {
      const containers = [shell(`echo hello; ${SLEEP}`)];
      await e2e.create(deployment('web', { node, replicas: 3, spec: { containers } }));
      await e2e.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
      assert.equal(await e2e.kubectl(['logs', 'deployment/web']), 'hello\n');
      assert.equal(await e2e.kubectl(['exec', 'deployment/web', '--', 'echo', 'in']), 'in\n');
      assert.equal((await e2e.tryKubectl(['exec', 'deployment/web', '--', 'sh', '-c', 'exit 7'])).code, 7);
    });

    it('serves volumes of every kind a pod needs, and follows their changes', async () => {
      await e2e.kubectl(['create', 'configmap', 'cm', '--from-literal=k=one']);
      await e2e.kubectl(['create', 'secret', 'generic', 's', '--from-literal=p=hidden']);
      const mount = (name: string): object => ({ name, mountPath: `/${name}` });
      await e2e.createPod('volumes', {
        containers: [
          shell(SLEEP, {
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
      await e2e.waitReady('volumes');
      const read = await e2e.kubectl([
        'exec',
        'volumes',
        '--',
        'sh',
        '-c',
        'cat /cm/k /s/p /down/name; echo x > /disk/f; stat -L -c %a /s/p; mount | grep -c " /memory type tmpfs"; ls /var/run/secrets/kubernetes.io/serviceaccount; echo $IP',
      ]);
      assert.equal(
        read,
        `onehiddenvolumes400\n1\nca.crt\nnamespace\ntoken\n${(await e2e.pod('volumes')).status.podIP ?? ''}\n`,
      );
      await e2e.kubectl(['patch', 'configmap', 'cm', '-p', '{"data":{"k":"two"}}']);
      await e2e.wait(
        'the change to arrive',
        async () => (await e2e.kubectl(['exec', 'volumes', '--', 'cat', '/cm/k'])) === 'two',
      );
    });

    it('ends pods as their policies say', async () => {
      await e2e.createPod('done', { restartPolicy: 'Never', containers: [shell('exit 0')] });
      await e2e.createPod('failed', { restartPolicy: 'Never', containers: [shell('exit 3')] });
      await e2e.createPod('loops', { containers: [shell('exit 1')] });
      await e2e.wait('Succeeded', async () => (await e2e.pod('done')).status.phase === 'Succeeded');
      await e2e.wait('Failed', async () => (await e2e.pod('failed')).status.phase === 'Failed');
      await e2e.waitWaiting('loops', 'CrashLoopBackOff');
    });

    it('tells what is wrong, delays nobody else, and recovers when the cause is mended', async () => {
      const deaf: Server = createServer((socket) => socket.on('error', () => socket.destroy()));
      const { outside } = world.host(node);
      await new Promise<void>((resolve) => deaf.listen(0, outside, resolve));
      const { port } = deaf.address() as { port: number };
      try {
        await e2e.createPod('hangs', { containers: [{ name: 'c', image: `${outside}:${port}/never:1` }] });
        await e2e.createPod('no-volume', {
          volumes: [{ name: 'v', configMap: { name: 'late' } }],
          containers: [shell('sleep 10000', { volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
        });
        await e2e.createPod('wrong-type', {
          volumes: [{ name: 'v', hostPath: { path: '/etc/passwd', type: 'Directory' } }],
          containers: [shell('sleep 10000', { volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
        });
        await e2e.createPod('no-env', {
          containers: [shell('sleep 10000', { envFrom: [{ configMapRef: { name: 'late' } }] })],
        });
        await e2e.createPod('bystander', {});
        await e2e.waitReady('bystander', 15_000);
        await e2e.create(deployment('crowd', { node, replicas: 3 }));
        await e2e.kubectl(['rollout', 'status', 'deployment/crowd', '--timeout=30s']);
        await e2e.waitEvent(
          'no-volume',
          'FailedMount',
          'MountVolume.SetUp failed for volume "v" : configmap "late" not found',
        );
        await e2e.waitEvent(
          'wrong-type',
          'FailedMount',
          'hostPath type check failed: /etc/passwd is not a directory',
        );
        await e2e.waitWaiting('no-env', 'CreateContainerConfigError');
        await e2e.kubectl(['create', 'configmap', 'late', '--from-literal=A=b']);
        await e2e.waitReady('no-volume', 60_000);
        await e2e.waitReady('no-env', 60_000);
      } finally {
        await e2e.kubectl(['delete', 'pod', 'hangs', 'wrong-type', '--wait=false']);
        deaf.close();
      }
    });

    it('refuses who may not enter', async () => {
      const port = await world.plane.kubectl([
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

    it('has begun no log again, as none grew too large', async () => {
      const metrics = await (await fetch(world.farlet.metricsUrl)).text();
      assert.match(
        metrics,
        /^kubelet_runtime_operations_total\{.*operation_type="start_container".*\} [1-9]/m,
      );
      assert.doesNotMatch(metrics, /^kubelet_runtime_operations_total\{.*"reopen_container_log".*\} [1-9]/m);
    });

    it('recreates nothing when farlet is killed and comes back', async () => {
      await e2e.createPod('stays', {});
      await e2e.waitReady('stays');
      const before = await e2e.pod('stays');
      await world.farlet.stop('SIGKILL');
      world.farlet.start();
      await e2e.wait('farlet to be healthy', async () => (await fetch(world.farlet.healthUrl)).ok);
      await e2e.createPod('newcomer', {});
      await e2e.waitReady('newcomer');
      const now = await e2e.pod('stays');
      assert.equal(now.status.podIP, before.status.podIP);
      assert.equal(
        now.status.containerStatuses?.[0]?.containerID,
        before.status.containerStatuses?.[0]?.containerID,
      );
      assert.equal(now.status.containerStatuses?.[0]?.restartCount, 0);
      assert.equal(now.status.containerStatuses[0].ready, true);
    });

    it('leaves nothing behind when its pods are deleted', async () => {
      await world.plane.kubectl(['delete', 'namespace', e2e.name, '--timeout=90s']);
      const host = world.host(node);
      await emptied(host);
      assert.equal((await host.inside(['ls', '-A', `${host.folder}/farlet/pods`])).stdout, '');
      const mounts = await host.inside(['grep', '-c', `${host.folder}/farlet`, '/proc/self/mountinfo']);
      assert.equal(mounts.stdout.trim(), '0');
    });
  });
}
