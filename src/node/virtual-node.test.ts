import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostFacts } from '../hosts/facts.ts';
import { KubeError } from '../model/errors.ts';
import type { KubeNode, NodeStatus } from '../model/kube.ts';
import { FakeClock, quietLog, settle } from '../testing/fixtures.ts';
import type { NodeHosts } from './node-hosts.ts';
import type { NodeIdentity } from './node-object.ts';
import { VirtualNode } from './virtual-node.ts';
import { Beat } from '../util/beat.ts';

const identity: NodeIdentity = {
  name: 'n',
  ips: ['10.0.0.1'],
  port: 10_250,
  labels: {},
  hostLabels: {},
  taints: [],
  maxPods: 110,
  systemReserved: {},
  kubeReserved: {},
  evictionHard: {},
};

/** The one Node of an API server, and the watch of it. */
class Server {
  node: KubeNode | undefined;
  readonly calls: string[] = [];
  /** creations fail */
  isFull = false;
  #version = 0;
  #uids = 0;
  #lines: string[] = [];
  #arrived = Promise.withResolvers<undefined>();

  /** Somebody writes it, or deletes it. */
  put(node: KubeNode | undefined): void {
    const before = this.node;
    this.#version += 1;
    const resourceVersion = String(this.#version);
    this.node = node && { ...node, metadata: { ...node.metadata, resourceVersion } };
    const type = this.node === undefined ? 'DELETED' : before === undefined ? 'ADDED' : 'MODIFIED';
    this.#lines.push(JSON.stringify({ type, object: this.node ?? before }));
    this.#arrived.resolve(undefined);
  }

  created(node: KubeNode): KubeNode {
    this.#uids += 1;
    this.put({ ...node, metadata: { ...node.metadata, uid: `uid-${String(this.#uids)}` } });
    return this.#there();
  }

  async get<T>(path: string): Promise<T> {
    await Promise.resolve();
    const metadata = { resourceVersion: String(this.#version) };
    if (path.endsWith('/nodes'))
      return { kind: 'NodeList', metadata, items: this.node === undefined ? [] : [this.node] } as T;
    return this.#there() as unknown as T;
  }

  async create<T>(_path: string, body: object): Promise<T> {
    this.calls.push('create');
    await Promise.resolve();
    if (this.isFull) throw refusal('unavailable', 503);
    if (this.node !== undefined) throw refusal('already-exists', 409);
    return this.created(body as KubeNode) as unknown as T;
  }

  async patch<T>(_path: string, _type: string, body: object): Promise<T> {
    this.calls.push('patch');
    await Promise.resolve();
    const node = this.#there();
    const { metadata, status } = body as {
      metadata?: Pick<KubeNode['metadata'], 'labels'>;
      status?: NodeStatus;
    };
    this.put({
      ...node,
      metadata: { ...node.metadata, labels: { ...node.metadata.labels, ...metadata?.labels } },
      status: { ...node.status, ...status },
    });
    return this.node as unknown as T;
  }

  stream(): Promise<{ body: AsyncIterable<Buffer> }> {
    this.#lines = [];
    return Promise.resolve({ body: this.#body() });
  }

  async *#body(): AsyncIterable<Buffer> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) yield Buffer.from(`${line}\n`);
      else {
        this.#arrived = Promise.withResolvers();
        await this.#arrived.promise;
      }
    }
  }

  #there(): KubeNode {
    if (this.node === undefined) throw refusal('not-found', 404);
    return this.node;
  }
}

function refusal(kind: 'not-found' | 'already-exists' | 'unavailable', status: number): KubeError {
  return new KubeError(kind, kind, { status, reason: kind });
}

async function setUp(own: NodeIdentity = identity) {
  const server = new Server();
  const clock = new FakeClock();
  const registered: (string | undefined)[] = [];
  const leaving: string[] = [];
  const events: string[] = [];
  const facts = { architecture: 'amd64' } as HostFacts;
  const hosts = {
    all: [],
    lookAgain: () => Promise.resolve(facts),
    factsInTime: () => Promise.resolve(facts),
    assignPodCIDRs: () => Promise.resolve(),
    status: (): NodeStatus => ({ daemonEndpoints: { kubeletEndpoint: { Port: identity.port } } }),
  };
  const none = (): Promise<never> => Promise.reject(new Error('not asked for'));
  const node = new VirtualNode({
    identity: own,
    hosts: hosts as unknown as NodeHosts,
    client: {
      get: (path) => server.get(path),
      create: (path, body) => server.create(path, body),
      patch: (path, type, body) => server.patch(path, type, body),
      stream: () => server.stream(),
      replace: none,
      delete: none,
    },
    providerID: Promise.resolve('farlet://c/n'),
    beat: new Beat(clock, 0),
    clock,
    log: quietLog,
    events: {
      event: (_about, reason) => {
        events.push(reason);
      },
    },
    faults: { report: () => undefined },
    updateMs: 10_000,
    reportMs: 300_000,
    onLeaving: (isLeaving) => {
      leaving.push(isLeaving ? 'leaving' : 'stays');
    },
    onLeft: () => {
      leaving.push('left');
    },
    onRegistered: (uid) => {
      if (registered.at(-1) !== uid || registered.length === 0) registered.push(uid);
    },
  });
  const stop = new AbortController();
  node.run(stop.signal).catch(() => undefined);
  const seconds = async (count: number): Promise<void> => {
    for (let passed = 0; passed < count * 10; passed += 1) await clock.advance(100);
  };
  await seconds(1);
  await settle();
  assert.equal(server.node?.metadata.uid, 'uid-1');
  return { server, node, registered, leaving, events, seconds, stop };
}

describe('a Node whose configuration has changed', () => {
  it('gets its labels at once, and once', async () => {
    let labels: Record<string, string> = { rack: 'a' };
    const own = Object.defineProperty({ ...identity }, 'labels', { get: () => labels });
    const { server, node, seconds, stop } = await setUp(own);
    assert.equal(server.node?.metadata.labels?.rack, 'a');
    labels = { rack: 'b' };
    node.configured();
    await seconds(1);
    assert.equal(server.node.metadata.labels.rack, 'b');
    const written = server.calls.length;
    await seconds(5);
    assert.equal(server.calls.length, written);
    stop.abort(new Error('over'));
  });
});

describe('a Node that is deleted', () => {
  it('is seen at once, told of, and registered again', async () => {
    const { server, node, registered, events, seconds, stop } = await setUp();
    assert.equal(node.problem(), undefined);
    server.put(undefined);
    await settle();
    assert.match(node.problem() ?? '', /its Node object was deleted: it is registered again in 2 s/);
    assert.deepEqual(registered, ['uid-1', undefined]);
    await seconds(3);
    assert.equal(node.problem(), undefined);
    assert.equal(node.node()?.metadata.uid, 'uid-2');
    assert.deepEqual(registered, ['uid-1', undefined, 'uid-2']);
    assert.ok(events.includes('NodeDeleted'));
    stop.abort(new Error('over'));
  });

  it('and that somebody makes between two tries is taken as it is', async () => {
    const { server, node, events, seconds, stop } = await setUp();
    server.isFull = true;
    const { node: theirs } = server;
    assert.ok(theirs);
    server.put(undefined);
    await seconds(4);
    assert.ok(server.calls.filter((call) => call === 'create').length > 1);
    server.isFull = false;
    server.created(theirs);
    await seconds(10);
    assert.equal(node.problem(), undefined);
    assert.equal(node.node()?.metadata.uid, 'uid-2');
    assert.ok(!events.includes('NodeDeleted'));
    stop.abort(new Error('over'));
  });

  it('again and again comes back ever later', async () => {
    const { server, seconds, stop } = await setUp();
    for (const wait of [2, 4, 8, 16]) {
      server.put(undefined);
      await seconds(wait - 1);
      assert.equal(server.node, undefined, `${String(wait)} s`);
      await seconds(3);
      assert.notEqual(server.node, undefined, `${String(wait)} s`);
    }
    stop.abort(new Error('over'));
  });

  it('comes back cordoned, as it was, and its hosts as drained', async () => {
    const { server, seconds, stop } = await setUp();
    const { node } = server;
    assert.ok(node !== undefined);
    const annotations = { 'farlet.dev/drain': 'box', theirs: 'x' };
    server.put({ ...node, metadata: { ...node.metadata, annotations }, spec: { unschedulable: true } });
    await settle();
    server.put(undefined);
    await seconds(4);
    const again: KubeNode | undefined = server.node;
    assert.equal(again?.spec?.unschedulable, true);
    assert.equal(again.metadata.annotations?.['farlet.dev/drain'], 'box');
    assert.equal(again.metadata.annotations.theirs, undefined);
    stop.abort(new Error('over'));
  });

  it('is taken as somebody has made it anew meanwhile', async () => {
    const { server, node, registered, seconds, stop } = await setUp();
    const before = server.node;
    assert.ok(before !== undefined);
    server.put(undefined);
    await settle();
    server.created(before);
    await seconds(10);
    assert.equal(server.calls.filter((call) => call === 'create').length, 1);
    assert.deepEqual(registered, ['uid-1', undefined, 'uid-2']);
    assert.equal(node.problem(), undefined);
    stop.abort(new Error('over'));
  });
});

describe('a Node that is taken away', () => {
  const marked = (node: KubeNode | undefined, value: string): KubeNode => {
    assert.ok(node);
    return { ...node, metadata: { ...node.metadata, annotations: { 'farlet.dev/leaving': value } } };
  };

  it('stays away once it is deleted, and nothing is wrong with that', async () => {
    const { server, node, registered, leaving, events, seconds, stop } = await setUp();
    server.put(marked(server.node, 'true'));
    await seconds(1);
    assert.deepEqual(leaving, ['leaving']);
    server.put(undefined);
    await settle();
    assert.equal(node.problem(), undefined);
    assert.deepEqual(registered, ['uid-1'], 'its lease goes with it');
    const asked = server.calls.length;
    await seconds(60);
    node.configured();
    await seconds(60);
    assert.equal(server.node, undefined);
    assert.equal(server.calls.length, asked);
    assert.deepEqual(leaving, ['leaving', 'left']);
    assert.ok(!events.includes('NodeDeleted'));
    stop.abort(new Error('over'));
  });

  it('comes back as any other if the mark is taken back before', async () => {
    const { server, leaving, seconds, stop } = await setUp();
    server.put(marked(server.node, 'true'));
    await seconds(1);
    server.put(marked(server.node, 'false'));
    await seconds(1);
    server.put(undefined);
    await seconds(4);
    assert.equal(server.node?.metadata.uid, 'uid-2');
    assert.deepEqual(leaving, ['leaving', 'stays']);
    stop.abort(new Error('over'));
  });
});

it('what others write into a Node’s status is put right, but not in a fight', async () => {
  const { server, seconds, stop } = await setUp();
  for (let times = 0; times < 20; times += 1) {
    const { node } = server;
    assert.ok(node !== undefined);
    server.put({ ...node, status: { daemonEndpoints: { kubeletEndpoint: { Port: 1 } } } });
    await seconds(1);
  }
  assert.ok(server.calls.filter((call) => call === 'patch').length <= 3);
  await seconds(12);
  assert.equal(server.node?.status?.daemonEndpoints?.kubeletEndpoint?.Port, identity.port);
  stop.abort(new Error('over'));
});
