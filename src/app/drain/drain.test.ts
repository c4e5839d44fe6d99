import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeError } from '../../model/errors.ts';
import type { KubeNode, Pod } from '../../model/kube.ts';
import { drain, uncordon, type DrainOptions } from './drain.ts';
import { hindrances, movablePods } from './movable.ts';
import { parseTarget } from './targets.ts';

const controller = (kind: string): object => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name: 'x', uid: 'x', controller: true }],
});
const replicas = controller('ReplicaSet');

function pod(name: string, metadata: object = replicas, more: { spec?: object; phase?: string } = {}): Pod {
  return {
    metadata: { name, namespace: 'default', uid: name, ...metadata },
    spec: { nodeName: 'n', containers: [], ...more.spec },
    status: { phase: more.phase ?? 'Running' },
  };
}

const scratch = { spec: { volumes: [{ name: 'v', emptyDir: {} }] } };
const unasked = { force: false, deleteEmptyDirData: false };

describe('which pods a drain moves', () => {
  const rows: [name: string, pod: Pod, moves: boolean, refused: RegExp | undefined][] = [
    ['one of a controller', pod('a'), true, undefined],
    ['one of a DaemonSet', pod('a', controller('DaemonSet')), false, undefined],
    ['a mirror', pod('a', { annotations: { 'kubernetes.io/config.mirror': 'x' } }), false, undefined],
    ['one that nobody makes again', pod('a', {}), true, /^default\/a has no controller .*\(--force\)$/],
    ['one with an emptyDir', pod('a', replicas, scratch), true, /\(--delete-emptydir-data\)$/],
    ['one that has ended', pod('a', {}, { phase: 'Failed' }), true, undefined],
    ['one that is going', pod('a', { deletionTimestamp: '2026-01-02T03:04:05Z' }), true, undefined],
  ];
  for (const [name, one, moves, refused] of rows)
    it(name, () => {
      assert.equal(movablePods([one]).length, moves ? 1 : 0);
      const hindered = hindrances([one], unasked);
      if (refused === undefined) assert.deepEqual(hindered, []);
      else assert.match(hindered.join(), refused);
      assert.deepEqual(hindrances([one], { force: true, deleteEmptyDirData: true }), []);
    });
});

describe('what is drained', () => {
  it('is a node, or a host of one', () => {
    assert.deepEqual(parseTarget('n'), { node: 'n', host: undefined });
    assert.deepEqual(parseTarget('n/h'), { node: 'n', host: 'h' });
  });
  for (const text of ['', '/', 'n/', '/h', 'n/h/x'])
    it(`is not ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseTarget(text), /write NODE, or NODE\/HOST/);
    });
});

/** An API server of one node, whose pods leave a look after they are evicted. */
class Cluster {
  readonly patches: unknown[] = [];
  readonly evicted: string[] = [];
  readonly printed: string[] = [];
  /** how often a budget forbids each eviction */
  forbids = 0;
  /** how many writes come too late */
  conflicts = 0;
  /** what farlet does for a drained host */
  onLook: (() => void) | undefined;
  readonly node: KubeNode;
  pods: Pod[];

  constructor(node: KubeNode, pods: Pod[]) {
    this.node = node;
    this.pods = pods;
  }

  get options(): DrainOptions {
    return {
      client: {
        get: <T>(path: string) =>
          Promise.resolve(
            (path.startsWith('/api/v1/nodes/')
              ? this.node
              : { metadata: { resourceVersion: '1' }, items: this.pods }) as T,
          ),
        create: <T>(path: string) => {
          if (this.forbids > 0) {
            this.forbids -= 1;
            const details = { status: 429, reason: 'TooManyRequests' };
            return Promise.reject(new KubeError('resource-exhausted', 'would violate the budget', details));
          }
          const name = path.split('/').at(-2) ?? '';
          this.evicted.push(name);
          this.pods = this.pods.filter(({ metadata }) => metadata.name !== name);
          return Promise.resolve({} as T);
        },
        patch: <T>(_path: string, _type: unknown, body: object) => {
          if (this.conflicts > 0) {
            this.conflicts -= 1;
            return Promise.reject(new KubeError('conflict', 'changed', { status: 409, reason: 'Conflict' }));
          }
          this.patches.push(body);
          return Promise.resolve({} as T);
        },
        delete: () => Promise.resolve(),
      },
      print: (text) => this.printed.push(text.trim()),
      clock: {
        sleep: () => {
          this.onLook?.();
          return Promise.resolve();
        },
      },
      signal: new AbortController().signal,
    };
  }
}

function node(more: { annotations?: object; labels?: object; spec?: object } = {}): KubeNode {
  return {
    metadata: {
      name: 'n',
      resourceVersion: '7',
      annotations: { 'farlet.dev/configured': '{}', ...more.annotations },
      labels: { ...more.labels },
    },
    spec: { ...more.spec },
  };
}

const pool = { 'host.farlet.dev/box-1': 'true', 'host.farlet.dev/box-2': 'true' };

describe('farlet drain', () => {
  it('cordons a node and evicts what it has', async () => {
    const cluster = new Cluster(node(), [pod('a'), pod('b'), pod('d', controller('DaemonSet'))]);
    await drain([{ node: 'n', host: undefined }], { ...cluster.options, limits: unasked });
    assert.deepEqual(cluster.patches, [
      { metadata: { resourceVersion: '7' }, spec: { unschedulable: true } },
    ]);
    assert.deepEqual(cluster.evicted, ['a', 'b']);
    assert.deepEqual(cluster.printed, [
      'node n takes no new pods; 2 to be moved',
      'pod default/a is evicted',
      'pod default/b is evicted',
      'pod default/a is gone',
      'pod default/b is gone',
      'node n is drained',
    ]);
  });

  it('asks again what a budget forbids', async () => {
    const cluster = new Cluster(node(), [pod('a')]);
    cluster.forbids = 3;
    await drain([{ node: 'n', host: undefined }], { ...cluster.options, limits: unasked });
    assert.deepEqual(cluster.evicted, ['a']);
    assert.equal(cluster.printed.filter((line) => line.includes('waits')).length, 1);
  });

  it('changes nothing if a pod may not be moved', async () => {
    const cluster = new Cluster(node(), [pod('a'), pod('b', {})]);
    await assert.rejects(
      drain([{ node: 'n', host: undefined }], { ...cluster.options, limits: unasked }),
      /nothing was changed:\n {2}default\/b has no controller/,
    );
    assert.deepEqual([cluster.patches, cluster.evicted], [[], []]);
  });

  it('tells farlet which host to drain, beside those that are, and waits', async () => {
    const here = { annotations: { 'farlet.dev/host': 'box-2' } };
    const cluster = new Cluster(node({ labels: pool, annotations: { 'farlet.dev/drain': 'box-1' } }), [
      pod('a', { ...replicas, ...here }),
      pod('b', { ...replicas, annotations: { 'farlet.dev/host': 'box-1' } }),
    ]);
    cluster.onLook = () => {
      cluster.pods = cluster.pods.filter(({ metadata }) => metadata.name !== 'a');
    };
    await drain([{ node: 'n', host: 'box-2' }], { ...cluster.options, limits: unasked });
    assert.deepEqual(cluster.patches, [
      { metadata: { resourceVersion: '7', annotations: { 'farlet.dev/drain': 'box-1,box-2' } } },
    ]);
    assert.deepEqual(cluster.evicted, []);
    assert.ok(cluster.printed.includes('pod default/a is to be evicted by farlet'));
  });

  it('writes again upon what somebody else has written', async () => {
    const cluster = new Cluster(node(), []);
    cluster.conflicts = 2;
    await drain([{ node: 'n', host: undefined }], { ...cluster.options, limits: unasked });
    assert.equal(cluster.patches.length, 1);
  });

  const refusals: [string, KubeNode, string | undefined, RegExp][] = [
    ['a node of others', { metadata: { name: 'n' } }, undefined, /is none that farlet runs/],
    ['a host of a node that has one', node(), 'box-1', /has one host: drain the node/],
    ['a host that is none', node({ labels: pool }), 'box-9', /has no host box-9; it has box-1, box-2/],
  ];
  for (const [name, there, host, expect] of refusals)
    it(`refuses ${name}`, async () => {
      const cluster = new Cluster(there, []);
      await assert.rejects(
        drain([{ node: 'n', host }], { ...cluster.options, limits: unasked }),
        (error: Error) => expect.test(error.message),
      );
      assert.deepEqual(cluster.patches, []);
    });
});

describe('farlet uncordon', () => {
  it('lets pods into a node again', async () => {
    const cluster = new Cluster(node({ spec: { unschedulable: true } }), []);
    await uncordon({ node: 'n', host: undefined }, cluster.options);
    assert.deepEqual(cluster.patches, [
      { metadata: { resourceVersion: '7' }, spec: { unschedulable: null } },
    ]);
  });

  it('keeps a node that was to be taken away', async () => {
    const annotations = { 'farlet.dev/leaving': 'true' };
    const cluster = new Cluster(node({ spec: { unschedulable: true }, annotations }), []);
    await uncordon({ node: 'n', host: undefined }, cluster.options);
    assert.deepEqual(cluster.patches, [
      {
        metadata: { resourceVersion: '7', annotations: { 'farlet.dev/leaving': null } },
        spec: { unschedulable: null },
      },
    ]);
  });

  it('takes a host out of those that are drained', async () => {
    const cluster = new Cluster(node({ labels: pool, annotations: { 'farlet.dev/drain': 'box-1' } }), []);
    await uncordon({ node: 'n', host: 'box-1' }, cluster.options);
    assert.deepEqual(cluster.patches, [
      { metadata: { resourceVersion: '7', annotations: { 'farlet.dev/drain': null } } },
    ]);
  });

  it('leaves alone what is as it should be', async () => {
    const cluster = new Cluster(node(), []);
    await uncordon({ node: 'n', host: undefined }, cluster.options);
    assert.deepEqual(cluster.patches, []);
  });
});
