/**
 * Two farlets of one node: one of them runs it at a time, whatever becomes of the other, and its pods see
 * nothing of it.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { poolHost, type Farlet, type FarletHost } from '../harness/farlet.ts';
import { linkHosts } from '../harness/link-hosts.ts';
import { useNamespace } from '../harness/namespace.ts';
import { eventually } from '../harness/processes.ts';
import { useWatched } from '../harness/watched.ts';
import { useWorld } from '../harness/world.ts';

/** A fifth of the usual: renewed every two seconds. */
const LEASE_S = 8;
const config = { nodeLeaseDurationSeconds: LEASE_S };
/** What it writes of pods can be told from what another does. */
const at = (address: string) => (host: FarletHost) => ({ hosts: [{ ...poolHost(host), address }] });
const world = useWorld({ hosts: linkHosts.slice(-1), farlet: { config, node: at('127.0.0.1') } });
const [node = ''] = world.nodes;

interface NodeJson {
  metadata: { uid: string };
  spec: { unschedulable?: boolean };
  status: { addresses: { address: string }[]; daemonEndpoints: { kubeletEndpoint: { Port: number } } };
}

describe('two farlets of one node', { concurrency: 1 }, () => {
  const pods = useNamespace(world, { name: 'e2e-owners', node });
  const watched = useWatched(world, pods);
  const versions = (): number => watched.history('kept').length;
  let first: Farlet;
  let second: Farlet;
  let kept: unknown;

  /** What the pod's owner must not see change. */
  const identity = async (): Promise<unknown> => {
    const { metadata, status } = await pods.pod('kept');
    const containers = status.containerStatuses?.map(({ containerID, restartCount }) => ({
      containerID,
      restartCount,
    }));
    return { uid: metadata.uid, phase: status.phase, ip: status.podIP, containers };
  };
  const theNode = async (): Promise<NodeJson> =>
    JSON.parse(await world.plane.kubectl(['get', 'node', node, '-o', 'json'])) as NodeJson;
  const health = async (farlet: Farlet): Promise<string> => {
    const answer = await fetch(farlet.healthUrl).catch(() => undefined);
    return answer === undefined ? 'not there' : `${String(answer.status)} ${await answer.text()}`;
  };
  const until = async (farlet: Farlet, says: RegExp, timeoutMs = 30_000): Promise<number> => {
    const began = performance.now();
    await eventually(`health to be ${String(says)}`, async () => says.test(await health(farlet)), {
      timeoutMs,
      everyMs: 100,
      describe: async () => `${await health(farlet)}\n${first.log()}\n---\n${second.log()}`,
    });
    return performance.now() - began;
  };
  const port = (farlet: Farlet): number => Number(new URL(farlet.kubeletUrl(node)).port);

  before(async () => {
    first = world.farlet;
    second = await world.startFarlet('farlet-later', {
      hosts: [world.host(node)],
      nodeIP: '127.0.0.2',
      node: at('127.0.0.2'),
      config: { ...config, podLogsDir: `${first.folder}/logs/pods` },
      start: false,
    });
    await pods.createPod('kept');
    await pods.waitReady('kept');
    kept = await identity();
  });

  it('the second waits, says so, and writes nothing', async () => {
    const written = versions();
    second.start();
    await until(second, /^500 .*waits: .* runs it/);
    assert.match(second.log(), /another farlet runs this node/);
    await pods.wait('an event on the Node', async () => {
      const events = await world.plane.kubectl(['get', 'events', '-A', '-o', 'json']);
      return events.includes('OwnedByAnother') && events.includes('waits to run node');
    });
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    assert.ok(versions() - written < 10, `${String(versions() - written)} writes of the pod's status`);
    assert.match(await health(first), /^200/);
    assert.match(await health(second), /^500/);
    const { addresses } = (await theNode()).status;
    assert.equal(addresses[0]?.address, '127.0.0.1');
    assert.deepEqual(await identity(), kept);
  });

  it('it takes over within seconds when the first stops, and puts the Node right', async () => {
    await first.stop('SIGTERM');
    assert.equal(first.exitCode(), 0);
    const ms = await until(second, /^200/);
    assert.ok(ms < 10_000, `${String(ms)} ms`);
    await pods.wait(
      'the port to be right',
      async () => (await theNode()).status.daemonEndpoints.kubeletEndpoint.Port === port(second),
      10_000,
    );
    assert.equal(await pods.kubectl(['exec', 'kept', '--', 'echo', 'x']), 'x\n');
    assert.deepEqual(await identity(), kept);
  });

  it('one that is killed is followed by the other', async () => {
    first.start();
    await until(first, /^500 .*waits: .* runs it/);
    await second.stop('SIGKILL');
    await until(first, /^200/, (LEASE_S + 20) * 1000);
    assert.deepEqual(await identity(), kept);
  });

  it('one that is killed and started again has its node at once', async () => {
    await first.stop('SIGKILL');
    first.start();
    await until(first, /^200/);
    assert.match(first.log(), /has ended/);
    assert.deepEqual(await identity(), kept);
  });

  it('one that was stopped for longer than its lease does nothing when it goes on', async () => {
    second.start();
    await until(second, /^500 .*waits: .* runs it/);
    process.kill(first.pid(), 'SIGSTOP');
    await until(second, /^200/, (LEASE_S + 20) * 1000);
    await pods.wait(
      'the second to have written',
      async () => (await theNode()).status.addresses[0]?.address === '127.0.0.2',
    );
    const written = versions();
    process.kill(first.pid(), 'SIGCONT');
    await eventually('the first to end', () => first.exitCode() !== undefined, { timeoutMs: 15_000 });
    assert.equal(first.exitCode(), 3);
    assert.match(first.log(), /is run by .* now/);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const since = watched.history('kept').slice(written);
    assert.deepEqual(
      since.filter(({ status }) => status.hostIP === '127.0.0.1'),
      [],
    );
    assert.equal((await theNode()).status.addresses[0]?.address, '127.0.0.2');
    assert.match(await health(second), /^200/);
    assert.deepEqual(await identity(), kept);
  });

  it('a Node that is deleted is seen at once, and comes back as cordoned as it was', async () => {
    const former = (await theNode()).metadata.uid;
    await world.plane.kubectl(['cordon', node]);
    await world.plane.kubectl(['delete', 'node', node, '--wait=false']);
    await until(second, /its Node object was deleted/, 5_000);
    await until(second, /^200/, 15_000);
    assert.match(second.log(), /the Node object was deleted/);
    const { metadata, spec } = await theNode();
    assert.notEqual(metadata.uid, former);
    assert.equal(spec.unschedulable, true);
    await pods.wait('the lease to be the new Node’s', async () => {
      const lease = JSON.parse(
        await world.plane.kubectl(['get', 'lease', '-n', 'kube-node-lease', node, '-o', 'json']),
      ) as { metadata: { ownerReferences?: { uid: string }[] } };
      return lease.metadata.ownerReferences?.[0]?.uid === metadata.uid;
    });
    assert.deepEqual(await identity(), kept);
  });
});
