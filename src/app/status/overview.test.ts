import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeNode, Lease, Pod } from '../../model/kube.ts';
import { isFarlets, overview, type Seen } from './overview.ts';
import { renderOverview } from './render.ts';

const now = Date.parse('2026-01-02T03:04:05Z');
const ago = (seconds: number): string => new Date(now - seconds * 1000).toISOString();

function node(name: string, { ready = 'True', ...more }: Partial<NodeParts> = {}): KubeNode {
  return {
    metadata: {
      name,
      creationTimestamp: ago(7200),
      annotations: { 'farlet.dev/configured': '{}', ...more.annotations },
      labels: more.labels ?? {},
    },
    spec: more.unschedulable === true ? { unschedulable: true } : {},
    status: {
      allocatable: { pods: '110' },
      addresses: [{ type: 'InternalIP', address: '192.0.2.7' }],
      daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      conditions: [
        { type: 'Ready', status: ready, message: more.message ?? '' },
        ...(more.lost === undefined
          ? []
          : [
              {
                type: 'farlet.dev/HostsReady',
                status: more.lost === '' ? 'True' : 'False',
                message: more.lost,
              },
            ]),
      ],
    },
  };
}

interface NodeParts {
  readonly ready: string;
  readonly message: string;
  readonly lost: string;
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
  readonly unschedulable: boolean;
}

function lease(name: string, owner: string, seconds: number): Lease {
  return {
    metadata: { name, annotations: { 'farlet.dev/owner': owner } },
    spec: { renewTime: ago(seconds) },
  };
}

function pod(name: string, status: object, more: object = {}): Pod {
  return {
    metadata: { name, namespace: 'default', uid: name, creationTimestamp: ago(90), ...more },
    spec: { containers: [] },
    status,
  };
}

const ready = { phase: 'Running', startTime: ago(80), conditions: [{ type: 'Ready', status: 'True' }] };
const pool = { 'host.farlet.dev/box-1': 'true', 'host.farlet.dev/box-2': 'true' };

function seen(one: KubeNode, more: Partial<Seen> = {}): Seen {
  return { nodes: [one], leases: [lease('n', 'farlet-1', 4)], pods: new Map([['n', []]]), now, ...more };
}

function only(input: Seen): ReturnType<typeof overview>[number] {
  const [first] = overview(input);
  assert.ok(first !== undefined);
  return first;
}

describe('an overview of nodes', () => {
  it('knows those that farlet registered', () => {
    assert.ok(isFarlets(node('n')));
    assert.ok(!isFarlets({ metadata: { name: 'n' } }));
    assert.ok(!isFarlets({ metadata: { name: 'n', annotations: { constructor: 'x' } } }));
  });

  it('tells owner, heartbeat and address', () => {
    const { owner, heartbeat, kubeletAPI, ready: is, problems } = only(seen(node('n')));
    assert.deepEqual(
      [owner, heartbeat, kubeletAPI, is, problems],
      ['farlet-1', 4, '192.0.2.7:10250', 'True', []],
    );
  });

  it('leaves unknown what could not be seen', () => {
    const { owner, heartbeat, pods } = only(seen(node('n'), { leases: undefined, pods: new Map() }));
    assert.deepEqual([owner, heartbeat, pods], [undefined, undefined, undefined]);
  });

  it('counts pods: those that ended are in none', () => {
    const pods = [
      pod('ready', ready),
      pod('new', { phase: 'Pending', conditions: [scheduled(35)] }),
      pod('newer', { phase: 'Pending', conditions: [scheduled(5)] }),
      pod('going', ready, { deletionTimestamp: ago(1) }),
      pod('done', { phase: 'Succeeded', startTime: ago(80) }),
    ];
    assert.deepEqual(only(seen(node('n'), { pods: new Map([['n', pods]]) })).pods, {
      bound: 4,
      ready: 2,
      waiting: 2,
      longestWait: 35,
      terminating: 1,
    });
  });

  it('tells the hosts of a pool, with the pods of each', () => {
    const pods = [
      pod('a', ready, { annotations: { 'farlet.dev/host': 'box-1' } }),
      pod('b', ready, { annotations: { 'farlet.dev/host': 'box-1' } }),
    ];
    const lost = 'host box-2: the host is not reachable';
    const parts = { labels: pool, lost, annotations: { 'farlet.dev/drain': 'box-2' } };
    const { hosts, problems } = only(seen(node('n', parts), { pods: new Map([['n', pods]]) }));
    assert.deepEqual(hosts, [
      { name: 'box-1', ready: true, drained: false, pods: 2 },
      { name: 'box-2', ready: false, drained: true, pods: 0 },
    ]);
    assert.deepEqual(problems, [lost]);
  });

  it('takes no host for ready of which nothing is said', () => {
    const { hosts } = only(seen(node('n', { labels: pool })));
    assert.deepEqual(
      hosts.map((host) => host.ready),
      [false, false],
    );
  });

  it('says why a node is not ready', () => {
    const { problems } = only(seen(node('n', { ready: 'False', message: 'PLEG is not healthy' })));
    assert.deepEqual(problems, ['PLEG is not healthy']);
  });
});

function scheduled(seconds: number): object {
  return { type: 'PodScheduled', status: 'True', lastTransitionTime: ago(seconds) };
}

describe('farlet status as a table', () => {
  it('lines up, hosts of pools and problems below', () => {
    const nodes = overview({
      nodes: [
        node('edge-pool', { labels: pool, lost: 'host box-2: away' }),
        node('edge-1', { unschedulable: true }),
        node('edge-3', { ready: 'Unknown', message: 'Kubelet stopped posting node status.' }),
      ],
      leases: [lease('edge-pool', 'farlet-7', 2), lease('edge-1', '', 130)],
      pods: new Map([
        ['edge-pool', [pod('a', ready, { annotations: { 'farlet.dev/host': 'box-1' } })]],
        ['edge-1', [pod('w', { phase: 'Pending' })]],
      ]),
      now,
    });
    assert.equal(
      renderOverview(nodes, now),
      `NODE        STATUS                     HOSTS   PODS         WAITING   HEARTBEAT   OWNER      KUBELET-API       AGE
edge-1      Ready,SchedulingDisabled   1/1     0/1 of 110   1 (90s)   2m10s ago   none       192.0.2.7:10250   120m
edge-3      Unknown                    0/1     ?            ?         ?           ?          192.0.2.7:10250   120m
edge-pool   Ready                      1/2     1/1 of 110   0         2s ago      farlet-7   192.0.2.7:10250   120m

NODE        HOST    STATUS     PODS
edge-pool   box-1   Ready      1
edge-pool   box-2   NotReady   0

edge-3: Kubelet stopped posting node status.
edge-pool: host box-2: away
`,
    );
  });

  it('says of a node that it is being taken away', () => {
    const annotations = { 'farlet.dev/leaving': 'true' };
    const nodes = overview(seen(node('n', { unschedulable: true, annotations })));
    assert.match(renderOverview(nodes, now), /^n +Ready,SchedulingDisabled,Leaving +1\/1 /m);
  });

  it('says that there is none', () => {
    assert.equal(renderOverview([], now), 'farlet runs no node of this cluster\n');
  });
});
