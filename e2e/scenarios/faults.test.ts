/** What is broken is told with its true reason, kills nothing, and heals by itself when mended. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { containerds } from '../harness/containerds.ts';
import type { Farlet } from '../harness/farlet.ts';
import type { TestHost } from '../harness/host.ts';
import { useNamespace, type Namespace } from '../harness/namespace.ts';
import { IMAGE, shell, SLEEP } from '../harness/pods.ts';
import { eventually } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const dashed = (version: string): string => version.replace('.', '-');
const world = useWorld({
  farlet: false,
  hosts: [
    ...containerds.map((version) => ({ name: `dies-${dashed(version)}`, version })),
    ...containerds.map((version) => ({ name: `lives-${dashed(version)}`, version })),
    { name: 'waits-2', version: '2' },
  ],
});

interface ReadyCondition {
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

async function readyOf(node: string): Promise<ReadyCondition | undefined> {
  const { status } = JSON.parse(await world.plane.kubectl(['get', 'node', node, '-o', 'json'])) as {
    status: { conditions: (ReadyCondition & { type: string })[] };
  };
  return status.conditions.find(({ type }) => type === 'Ready');
}

/** What must be the same before and after: ids, restarts, phase. */
async function identity(pods: Namespace, names: readonly string[]): Promise<unknown> {
  return Promise.all(
    names.map(async (name) => {
      const { metadata, status } = await pods.pod(name);
      return {
        uid: metadata.uid,
        phase: status.phase,
        ip: status.podIP,
        containers: status.containerStatuses?.map(({ containerID, restartCount }) => ({
          containerID,
          restartCount,
        })),
      };
    }),
  );
}

describe('one thing is broken', { concurrency: true }, () => {
  for (const version of containerds) {
    const node = `dies-${dashed(version)}`;
    describe(`containerd ${version} dies`, { concurrency: 1 }, () => {
      const pods = useNamespace(world, { name: `e2e-${node}`, node, awaitNode: false });
      let host: TestHost;

      it('absent when farlet starts: the node says why, pods wait, all begins when it is there', async () => {
        host = world.host(node);
        await host.kill();
        await world.startFarlet(`farlet-${node}`, { hosts: [host] });
        const ready = await pods.wait('the node to say why', async () => {
          const found = await readyOf(node);
          return found?.message.includes('containerd.sock') === true ? found : false;
        });
        assert.equal(ready.status, 'False');
        assert.equal(ready.reason, 'KubeletNotReady');
        await pods.createPod('early');
        await pods.wait(
          'the runtime to be called down',
          async () => (await readyOf(node))?.message.startsWith('container runtime is down: ') === true,
          45_000,
        );
        assert.equal((await pods.pod('early')).status.phase, 'Pending');
        await host.start();
        await pods.wait('the node to be Ready', async () => (await readyOf(node))?.status === 'True');
        await pods.waitReady('early');
      });

      it('killed and started again: NotReady with the reason, nothing dies, nothing restarts', async () => {
        await pods.createPod('probed', {
          containers: [
            shell(SLEEP, {
              livenessProbe: {
                exec: { command: ['true'] },
                periodSeconds: 2,
                timeoutSeconds: 20,
                failureThreshold: 3,
              },
            }),
          ],
        });
        await pods.waitReady('probed');
        const earlier = await identity(pods, ['early', 'probed']);
        await host.kill();
        await pods.wait(
          'NotReady',
          async () => (await readyOf(node))?.message.startsWith('container runtime is down: ') === true,
          45_000,
        );
        assert.match((await readyOf(node))?.message ?? '', /containerd\.sock/);
        assert.deepEqual(await identity(pods, ['early', 'probed']), earlier);
        await pods.kubectl(['delete', 'pod', 'early', '--wait=false']);
        await pods.createPod('meanwhile');
        await host.start();
        await pods.wait('the node to be Ready', async () => (await readyOf(node))?.status === 'True', 15_000);
        await pods.waitReady('meanwhile');
        await pods.wait('the deleted pod to go', async () =>
          (await pods.tryKubectl(['get', 'pod', 'early'])).stderr.includes('not found'),
        );
        await pods.waitReady('probed');
        assert.deepEqual(await identity(pods, ['probed']), (earlier as unknown[]).slice(1));
        // as in the kubelet: a probe that could not be made is told, and is no failure
        for (const { reason, message } of await pods.events('probed')) {
          assert.notEqual(reason, 'Killing');
          if (reason === 'Unhealthy') assert.match(message, /errored and resulted in unknown state/);
        }
      });
    });
  }

  for (const version of containerds) {
    const node = `lives-${dashed(version)}`;
    describe(`a pod's own trouble on containerd ${version}`, { concurrency: true }, () => {
      before(async () => {
        await world.startFarlet(`farlet-${node}`, { hosts: [world.host(node)] });
      });
      const pods = useNamespace(world, { name: `e2e-${node}`, node });

      it('a RuntimeClass that is gone: told, and mended when it is back', async () => {
        const name = `late-${node}`;
        const runtimeClass = JSON.stringify({
          apiVersion: 'node.k8s.io/v1',
          kind: 'RuntimeClass',
          metadata: { name },
          handler: 'runc',
        });
        // admission refuses pods of unknown classes, so it goes between creation and binding
        await world.plane.kubectl(['create', '-f', '-'], runtimeClass);
        await pods.createPod('classy', { nodeName: undefined, runtimeClassName: name });
        await world.plane.kubectl(['delete', 'runtimeclass', name]);
        const binding = {
          apiVersion: 'v1',
          kind: 'Binding',
          metadata: { name: 'classy' },
          target: { apiVersion: 'v1', kind: 'Node', name: node },
        };
        await world.plane.kubectl(
          ['create', '--raw', `/api/v1/namespaces/${pods.name}/pods/classy/binding`, '-f', '-'],
          JSON.stringify(binding),
        );
        await pods.waitEvent(
          'classy',
          'FailedCreatePodSandBox',
          `runtimeclass.node.k8s.io "${name}" not found`,
        );
        assert.equal((await pods.pod('classy')).status.phase, 'Pending');
        await world.plane.kubectl(['create', '-f', '-'], runtimeClass);
        await pods.waitReady('classy', 60_000);
      });

      it('an image that cannot be pulled: the kubelet’s events, and mended when it is there', async () => {
        const image = `127.0.0.1:1/late-${node}:1`;
        await pods.createPod('imageless', { containers: [shell(SLEEP, { image })] });
        await pods.waitEvent('imageless', 'Pulling', `Pulling image "${image}"`);
        await pods.waitEvent('imageless', 'Failed', `Failed to pull image "${image}": `);
        await pods.waitEvent('imageless', 'Failed', 'Error: ErrImagePull');
        await pods.waitEvent('imageless', 'BackOff', `Back-off pulling image "${image}"`);
        await pods.waitEvent('imageless', 'Failed', 'Error: ImagePullBackOff');
        await pods.waitWaiting('imageless', 'ImagePullBackOff', 60_000);
        await world.host(node).ctr(['images', 'tag', IMAGE, image]);
        await pods.waitReady('imageless', 90_000);
        assert.equal((await pods.container('imageless'))?.restartCount, 0);
      });

      it('an image name that is none is refused as such', async () => {
        await pods.createPod('misnamed', { containers: [{ name: 'c', image: 'NO such/image' }] });
        await pods.waitWaiting('misnamed', 'InvalidImageName');
        await pods.waitEvent('misnamed', 'InspectFailed');
      });

      it('a missing Secret and ConfigMap, as volume and as environment: named, and mended', async () => {
        const mounts = [
          { name: 's', mountPath: '/s' },
          { name: 'c', mountPath: '/c' },
        ];
        await pods.createPod('mounts', {
          volumes: [
            { name: 's', secret: { secretName: 'late' } },
            { name: 'c', configMap: { name: 'late' } },
          ],
          containers: [shell(SLEEP, { volumeMounts: mounts })],
        });
        const env = [{ name: 'P', valueFrom: { secretKeyRef: { name: 'late', key: 'p' } } }];
        await pods.createPod('env', { containers: [shell(SLEEP, { env })] });
        await pods.waitEvent(
          'mounts',
          'FailedMount',
          'MountVolume.SetUp failed for volume "s" : secret "late" not found',
        );
        await pods.waitEvent('mounts', 'FailedMount', 'configmap "late" not found');
        await pods.waitEvent('env', 'Failed', 'Error: secret "late" not found');
        await pods.waitWaiting('env', 'CreateContainerConfigError');
        await pods.kubectl(['create', 'secret', 'generic', 'late', '--from-literal=p=x']);
        await pods.kubectl(['create', 'configmap', 'late', '--from-literal=p=x']);
        await pods.waitReady('mounts', 90_000);
        await pods.waitReady('env', 90_000);
        assert.equal(await pods.kubectl(['exec', 'env', '--', 'sh', '-c', 'echo $P']), 'x\n');
      });

      it('a hostPath of the wrong type: told, and mended', async () => {
        const path = `${world.host(node).folder}/given`;
        writeFileSync(path, '');
        await pods.createPod('given', {
          volumes: [{ name: 'v', hostPath: { path, type: 'Directory' } }],
          containers: [shell(SLEEP, { volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
        });
        await pods.waitEvent(
          'given',
          'FailedMount',
          `hostPath type check failed: ${path} is not a directory`,
        );
        rmSync(path);
        mkdirSync(path);
        await pods.waitReady('given', 150_000);
      });
    });
  }
});

describe('the API server is away', () => {
  const [node = ''] = world.nodes.filter((name) => name.startsWith('lives-')).slice(-1);
  const pods = useNamespace(world, { name: 'e2e-away', node, awaitNode: false });
  let late: Farlet;

  it('later: pods run on, what dies meanwhile is started again, and the status catches up', async () => {
    await pods.createPod('stays');
    await pods.createPod('restarts', { containers: [shell('sleep 8; exit 3')] });
    await pods.createPod('completes', { restartPolicy: 'Never', containers: [shell('sleep 8; exit 0')] });
    for (const name of ['stays', 'restarts', 'completes']) await pods.waitReady(name);
    const earlier = await identity(pods, ['stays']);
    await world.plane.stopApiServer();
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    await world.plane.startApiServer();
    await pods.wait(
      'the end to be told',
      async () => (await pods.pod('completes')).status.phase === 'Succeeded',
    );
    await pods.wait(
      'the restart to be told',
      async () => ((await pods.container('restarts'))?.restartCount ?? 0) >= 1,
    );
    assert.deepEqual(await identity(pods, ['stays']), earlier);
    await pods.createPod('after');
    // the watch comes back after the wait that the outage has grown it to
    await pods.waitReady('after', 60_000);
    assert.equal((await readyOf(node))?.status, 'True');
  });

  it('when farlet starts: it keeps trying, says so, and is healthy once it is there', async () => {
    const host = world.host('waits-2');
    await world.plane.stopApiServer();
    late = await world.startFarlet('farlet-waits', { hosts: [host] });
    const health = async (): Promise<{ code: number; text: string }> => {
      const answer = await fetch(late.healthUrl);
      return { code: answer.status, text: await answer.text() };
    };
    const red = await eventually('health to be told', health);
    assert.equal(red.code, 500);
    assert.match(red.text, /the API server/);
    await eventually('farlet to say so', () => late.log().includes('waiting for the API server'));
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    assert.equal(late.exitCode(), undefined);
    await world.plane.startApiServer();
    await eventually('farlet to be healthy', async () => (await health()).code === 200, {
      describe: () => Promise.resolve(late.log()),
    });
    await eventually('the node to be Ready', async () => (await readyOf('waits-2'))?.status === 'True', {
      describe: () => Promise.resolve(late.log()),
    });
  });
});
