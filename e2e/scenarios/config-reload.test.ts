/**
 * The configuration changes while farlet runs: nodes come and go, and what runs on the others sees nothing of
 * it.
 */
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Farlet } from '../harness/farlet.ts';
import { useNamespace } from '../harness/namespace.ts';
import { freePorts } from '../harness/free-ports.ts';
import { eventually } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const [FIRST, SECOND] = ['first', 'second'];
const LEASE_S = 12;
const world = useWorld({
  hosts: [
    { name: FIRST, version: '2' },
    { name: SECOND, version: '1.6' },
  ],
  farlet: false,
});

interface ConfigJson {
  nodes: (Record<string, unknown> & { name: string; port: number })[];
  [key: string]: unknown;
}

interface NodeJson {
  metadata: { labels: Record<string, string> };
  spec: { taints?: { key: string; effect: string }[] };
  status: {
    conditions: { type: string; status: string }[];
    daemonEndpoints: { kubeletEndpoint: { Port: number } };
  };
}

describe('another configuration', { concurrency: 1 }, () => {
  const onFirst = useNamespace(world, { name: 'e2e-first', node: FIRST, awaitNode: false });
  const onSecond = useNamespace(world, { name: 'e2e-second', node: SECOND, awaitNode: false });
  let farlet: Farlet;
  let whole: ConfigJson;
  let kept: unknown;
  const watching = new AbortController();
  /** what nobody should have seen of a node that was to run all the time */
  const seen: string[] = [];

  const node = (name: string): Promise<NodeJson> => world.client.get<NodeJson>(`/api/v1/nodes/${name}`);
  const isReady = ({ status }: NodeJson): boolean =>
    status.conditions.some((each) => each.type === 'Ready' && each.status === 'True');
  const until = (what: string, check: () => Promise<boolean>, timeoutMs = 40_000): Promise<unknown> =>
    eventually(what, check, { timeoutMs, everyMs: 200, describe: () => Promise.resolve(farlet.log()) });
  const metric = async (name: string): Promise<string | undefined> => {
    const text = await (await fetch(farlet.metricsUrl)).text();
    return new RegExp(`^${name}(?:\\{\\})? (\\S+)$`, 'm').exec(text)?.[1];
  };
  const write = (text: string): void => {
    writeFileSync(`${farlet.configFile}.next`, text);
    renameSync(`${farlet.configFile}.next`, farlet.configFile);
  };
  const configure = (change: (config: ConfigJson) => ConfigJson): void => {
    const config = JSON.parse(readFileSync(farlet.configFile, 'utf8')) as ConfigJson;
    write(JSON.stringify(change(config)));
  };
  const ofFirst = (more: object) => (config: ConfigJson) => ({
    ...config,
    nodes: config.nodes.map((each) => (each.name === FIRST ? { ...each, ...more } : each)),
  });
  const identity = async (space: typeof onFirst, pod: string): Promise<unknown> => {
    const { metadata, status } = await space.pod(pod);
    const containers = status.containerStatuses?.map(({ containerID, restartCount }) => ({
      containerID,
      restartCount,
    }));
    return { uid: metadata.uid, phase: status.phase, ip: status.podIP, containers };
  };

  /** Looks at the first node all the time: its lease is never old, and it is never anything but Ready. */
  const watch = async (): Promise<void> => {
    const lease = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${FIRST}`;
    while (!watching.signal.aborted) {
      const [{ spec }, now] = await Promise.all([
        world.client.get<{ spec: { renewTime: string } }>(lease),
        node(FIRST),
      ]);
      const age = (Date.now() - Date.parse(spec.renewTime)) / 1000;
      if (age > LEASE_S) seen.push(`lease ${age.toFixed(1)} s old`);
      if (!isReady(now)) seen.push(`not Ready: ${JSON.stringify(now.status.conditions)}`);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  };
  let watched: Promise<void> | undefined;

  before(async () => {
    farlet = await world.startFarlet('farlet', {
      hosts: [world.host(FIRST), world.host(SECOND)],
      config: { nodeLeaseDurationSeconds: LEASE_S },
      start: false,
    });
    whole = JSON.parse(readFileSync(farlet.configFile, 'utf8')) as ConfigJson;
    configure((config) => ({ ...config, nodes: config.nodes.filter(({ name }) => name === FIRST) }));
    farlet.start();
    await until('the first node', async () => isReady(await node(FIRST)), 60_000);
    await onFirst.createPod('kept');
    await onFirst.waitReady('kept', 60_000);
    kept = await identity(onFirst, 'kept');
    watched = watch();
  });

  after(async () => {
    watching.abort();
    await watched;
  });

  it('a node more: it runs pods, beside the one that is there', async () => {
    configure(() => whole);
    await until('the second node', async () => isReady(await node(SECOND)), 60_000);
    await onSecond.createPod('more');
    await onSecond.waitReady('more', 60_000);
    assert.equal((await onSecond.sh('more', 'echo hello')).trim(), 'hello');
    assert.deepEqual(await identity(onFirst, 'kept'), kept);
  });

  it('labels and taints are put right on the Node, and go with the configuration', async () => {
    const taint = { key: 'example.com/closed', effect: 'NoSchedule' };
    configure(ofFirst({ labels: { 'example.com/rack': 'b7' }, registerWithTaints: [taint] }));
    await until('label and taint', async () => {
      const { metadata, spec } = await node(FIRST);
      return metadata.labels['example.com/rack'] === 'b7' && spec.taints?.[0]?.key === taint.key;
    });
    configure(ofFirst({ labels: {}, registerWithTaints: [] }));
    await until('neither', async () => {
      const { metadata, spec } = await node(FIRST);
      return metadata.labels['example.com/rack'] === undefined && (spec.taints ?? []).length === 0;
    });
  });

  it('the level of the log', async () => {
    const debugLines = (): number => farlet.log(2_000).match(/"level":20,/g)?.length ?? 0;
    assert.equal(debugLines(), 0);
    configure((config) => ({ ...config, logLevel: 'debug' }));
    await until('it', () => Promise.resolve(farlet.log(2_000).includes('"change":"log-level"')));
    await onFirst.createPod('loud');
    await onFirst.waitReady('loud');
    assert.ok(debugLines() > 0, farlet.log());
    await onFirst.deletePods('loud');
    configure(({ logLevel: _, ...config }) => ({ ...config, nodes: config.nodes }));
    await until('no other level', () =>
      Promise.resolve(farlet.log(2_000).match(/"change":"log-level"/g)?.length === 2),
    );
  });

  it('a file that is wrong changes nothing, says so once, and is forgotten once it is right', async () => {
    const right = readFileSync(farlet.configFile, 'utf8');
    write(right.slice(0, right.length / 2));
    await until('the metric', async () => (await metric('farlet_config_last_reload_successful')) === '0');
    write(right.replace('"nodes":[', '"nodez":['));
    await until('the reason', () => Promise.resolve(farlet.log(500).includes('did you mean nodes')));
    assert.equal(await metric('farlet_config_last_reload_successful'), '0');
    assert.equal((await onSecond.sh('more', 'echo hello')).trim(), 'hello');
    assert.equal(farlet.log(500).match(/did you mean nodes/g)?.length, 1);
    write(right);
    await until('the metric', async () => (await metric('farlet_config_last_reload_successful')) === '1');
  });

  it('what can not change at run time says so', async () => {
    configure((config) => ({ ...config, maxPods: 7 }));
    await until('the metric', async () => (await metric('farlet_config_restart_needed')) === '1');
    assert.match(farlet.log(500), /"keys":\["maxPods"\]/);
    configure(({ maxPods: _, ...config }) => ({ ...config, nodes: config.nodes }));
    await until('the metric', async () => (await metric('farlet_config_restart_needed')) === '0');
  });

  it('another port: the node is put together again, and its containers run on', async () => {
    const [port = 0] = await freePorts(1);
    configure(ofFirst({ port }));
    await until(
      'the port on the Node',
      async () => (await node(FIRST)).status.daemonEndpoints.kubeletEndpoint.Port === port,
    );
    await until('exec', async () => {
      const { stdout } = await onFirst.tryKubectl(['exec', 'kept', '--', 'echo', 'hello']);
      return stdout.trim() === 'hello';
    });
    assert.deepEqual(await identity(onFirst, 'kept'), kept);
    // it still works for its node
    await onFirst.createPod('later');
    await onFirst.waitReady('later');
    await onFirst.deletePods('later');
  });

  it('a port that is taken leaves the node as it was', async () => {
    const before = (await node(FIRST)).status.daemonEndpoints.kubeletEndpoint.Port;
    configure(ofFirst({ port: Number(new URL(world.plane.server).port) }));
    await until('the reason', () => Promise.resolve(farlet.log(500).includes('EADDRINUSE')));
    await until('exec', async () => {
      const { stdout } = await onFirst.tryKubectl(['exec', 'kept', '--', 'echo', 'hello']);
      return stdout.trim() === 'hello';
    });
    assert.equal(await metric('farlet_config_last_reload_successful'), '0');
    configure(ofFirst({ port: before }));
    await until('the metric', async () => (await metric('farlet_config_last_reload_successful')) === '1');
    assert.deepEqual(await identity(onFirst, 'kept'), kept);
  });

  it('a node less: farlet lets go of it, and its pods and containers stay', async () => {
    const more = await identity(onSecond, 'more');
    configure((config) => ({ ...config, nodes: config.nodes.filter(({ name }) => name === FIRST) }));
    await until('it to end', () => Promise.resolve(farlet.log(500).includes('"change":"remove-node"')));
    assert.deepEqual(await identity(onSecond, 'more'), more);
    configure(() => ({ ...whole, nodes: whole.nodes }));
    await until('the second node to be back', async () => {
      const { stdout } = await onSecond.tryKubectl(['exec', 'more', '--', 'echo', 'hello']);
      return stdout.trim() === 'hello';
    });
    assert.deepEqual(await identity(onSecond, 'more'), more);
  });

  it('nobody saw the first node without a lease, or not Ready, and nothing was unexpected', async () => {
    assert.deepEqual(seen, []);
    assert.deepEqual(await identity(onFirst, 'kept'), kept);
    assert.doesNotMatch(farlet.log(5_000), /an exception that nobody expected/);
  });
});
