/**
 * A node that is taken away while its farlet runs (docs/adr/0030): whatever ran there, the host is empty
 * afterwards, and the Node stays away until farlet is started anew.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { useNamespace } from '../harness/namespace.ts';
import { deployment, podTemplate, shell } from '../harness/pods.ts';
import { outcome, type Outcome } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const NODE = 'box-1';
const manifests = (): string => `${world.folder}/manifests`;
const world = useWorld({
  hosts: [{ name: NODE, version: '2' }],
  farlet: false,
  onUp: async (up) => {
    mkdirSync(manifests());
    writeFileSync(
      `${manifests()}/static.yaml`,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'static', namespace: 'leaving' },
        spec: { terminationGracePeriodSeconds: 2, containers: [shell()] },
      }),
    );
    await up.startFarlet('farlet', {
      hosts: [up.host(NODE)],
      node: () => ({ staticPodPath: manifests() }),
    });
  },
});
const farlet = (...args: string[]): Promise<Outcome> =>
  outcome([process.execPath, 'dist/main.js', ...args, '--kubeconfig', world.plane.kubeconfig], {
    timeoutMs: 200_000,
  });

describe('a node that is taken away', { concurrency: 1 }, () => {
  const pods = useNamespace(world, { name: 'leaving', node: NODE });
  const getNode = ['get', 'node', NODE];
  const isThere = async (): Promise<boolean> => (await world.plane.tryKubectl(getNode)).code === 0;
  const left = ['get', 'pods', '-A', '-o', 'name', '--field-selector', `spec.nodeName=${NODE}`];

  it('is not, while one of its pods would lose something', async () => {
    await pods.createPod('bare');
    await pods.create(deployment('web', { node: NODE, replicas: 2 }));
    // one that takes longer to stop than the cluster leaves pods of a Node that is gone
    const spec = {
      terminationGracePeriodSeconds: 60,
      containers: [shell('trap "" TERM; sleep 10000')],
    };
    const labels = { matchLabels: { app: 'agent' } };
    await pods.create({
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'agent' },
      spec: { selector: labels, template: podTemplate('agent', { spec }) },
    });
    await pods.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
    await pods.kubectl(['rollout', 'status', 'daemonset/agent', '--timeout=60s']);
    await pods.waitReady('bare');
    await pods.waitReady(`static-${NODE}`);
    const { code, stderr } = await farlet('drain', '--delete', NODE);
    assert.equal(code, 2, stderr);
    assert.match(
      stderr,
      /node box-1 is not drained, nothing was changed:\n +leaving\/bare has no controller/,
    );
    const { stdout } = await farlet('status');
    assert.match(stdout, /^box-1 +Ready +1\/1 +5\/5 /m);
  });

  it('whose farlet does not run is drained at most, and can be kept', async () => {
    await pods.deletePods('bare');
    await pods.kubectl(['scale', 'deployment/web', '--replicas=0']);
    await pods.wait(
      'the pods to be gone',
      async () => (await pods.kubectl(['get', 'pods', '-l', 'app=web'])) === '',
    );
    await world.farlets[0]?.stop('SIGKILL');
    const { code, stderr } = await farlet('drain', '--delete', NODE, '--timeout', '5s');
    assert.equal(code, 1, stderr);
    assert.match(
      stderr,
      /is drained and not taken away yet: farlet has not answered the mark on it: is it running\?/,
    );
    assert.ok(await isThere());
    // one that comes later goes by the mark, and stops nothing that a drain leaves
    const agents = ['get', 'pods', '-l', 'app=agent', '-o', 'jsonpath={.items[*].status.containerStatuses}'];
    const before = await pods.kubectl(agents);
    world.farlets[0]?.start();
    const answer = '{.status.conditions[?(@.type=="farlet.dev/Leaving")].status}';
    const leaving = async (): Promise<string> =>
      world.plane.kubectl([...getNode, '-o', `jsonpath=${answer}`]);
    await pods.wait('the answer', async () => (await leaving()) === 'True');
    await pods.wait(
      'the static pod to be gone',
      async () => (await pods.tryKubectl(['get', 'pod', `static-${NODE}`])).code !== 0,
    );
    assert.equal(await pods.kubectl(agents), before, world.farlets[0]?.log(400));
    assert.equal((await farlet('uncordon', NODE)).stdout, 'node box-1 takes pods again\n');
    await pods.wait('the answer to be taken back', async () => (await leaving()) === '');
    await pods.kubectl(['scale', 'deployment/web', '--replicas=2']);
    await pods.kubectl(['rollout', 'status', 'deployment/web', '--timeout=90s']);
    await pods.waitReady(`static-${NODE}`);
  });

  it('leaves an empty host, and no object behind', async (t) => {
    const { code, stdout, stderr } = await farlet('drain', '--delete', NODE, '--timeout', '3m');
    t.diagnostic(stdout);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await world.host(NODE).containers(), []);
    assert.match(stdout, /^node box-1 is drained\nnode box-1 is leaving: nothing new is run there\n/m);
    assert.match(stdout, /^pod leaving\/agent-\S+ is gone$/m);
    assert.match(stdout, /^pod leaving\/static-box-1 is gone$/m);
    assert.match(stdout, /\nnode box-1 is deleted\n$/);
    assert.equal(await world.plane.kubectl(left), '');
    const lease = ['-n', 'kube-node-lease', 'get', 'lease', NODE];
    await pods.wait('its lease to be gone', async () =>
      (await world.plane.tryKubectl(lease)).stderr.includes('not found'),
    );
  });

  it('does not come back by itself: nothing is wrong with its farlet', async () => {
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    assert.ok(!(await isThere()));
    assert.deepEqual(await world.host(NODE).containers(), []);
    const health = await fetch(world.farlets[0]?.healthUrl ?? '');
    assert.equal(health.status, 200, await health.text());
    const again = await farlet('drain', '--delete', NODE);
    assert.deepEqual([again.code, again.stdout], [0, 'node box-1 is not there\n']);
  });

  it('is there again once farlet is started anew', async () => {
    await world.farlets[0]?.stop();
    world.farlets[0]?.start();
    await pods.kubectl(['rollout', 'status', 'daemonset/agent', '--timeout=60s']);
    await pods.waitReady(`static-${NODE}`);
    await pods.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
  });
});
