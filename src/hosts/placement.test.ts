import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { pod } from '../testing/fixtures.ts';
import { placePod, type HostCandidate, type PlacementInput } from './placement.ts';

function host(name: string, change: Partial<HostCandidate> = {}): HostCandidate {
  const allocatable = { cpu: '2', memory: '4Gi', pods: '110' };
  const empty = { labels: {}, handlers: [''], pods: [], images: new Set<string>() };
  return { name, ready: true, draining: false, allocatable, ...empty, ...change };
}
const asking = (cpu: string, name = 'web'): ReturnType<typeof pod> =>
  pod({
    metadata: { name, uid: `uid-${name}` },
    spec: { containers: [{ name: 'c', image: 'busybox', resources: { requests: { cpu } } }] },
  });
const owned = (name: string): ReturnType<typeof pod> =>
  pod({
    metadata: {
      name,
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'r', controller: true }],
    },
  });
const onPort = (hostPort: number): ReturnType<typeof pod> =>
  pod({ spec: { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort }] }] } });

describe('placePod', () => {
  const rows: { case: string; input: Partial<PlacementInput>; expect: object }[] = [
    { case: 'one host', input: { hosts: [host('a')] }, expect: { kind: 'placed', host: 'a' } },
    {
      case: 'the emptier of two',
      input: { pod: asking('500m'), hosts: [host('a', { pods: [asking('1', 'x')] }), host('b')] },
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'apart from its siblings, even where it is fuller',
      input: {
        pod: owned('new'),
        hosts: [host('a', { pods: [owned('old')] }), host('b', { pods: [asking('1', 'x')] })],
      },
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'where its image is',
      input: { pod: asking('100m'), hosts: [host('a'), host('b', { images: new Set(['busybox']) })] },
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'where its runtime handler is',
      input: { runtimeHandler: 'kata', hosts: [host('a'), host('b', { handlers: ['', 'kata'] })] },
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'the host it names',
      input: {
        pod: pod({ spec: { nodeSelector: { 'farlet.dev/host': 'b' } } }),
        hosts: [host('a'), host('b')],
      },
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'a host with a label it asks for',
      input: {
        pod: pod({ spec: { nodeSelector: { 'farlet.dev/gpu': 'yes' } } }),
        hosts: [host('a'), host('b', { labels: { 'farlet.dev/gpu': 'yes' } })],
      },
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'where its port is free',
      input: { pod: onPort(80), hosts: [host('a', { pods: [onPort(80)] }), host('b')] },
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'not on a host that is drained',
      input: { hosts: [host('a', { draining: true }), host('b')] },
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'not on a host that does not answer',
      input: { hosts: [host('a', { ready: false }), host('b')] },
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'waits if only hosts that do not answer could take it',
      input: {
        pod: asking('2'),
        hosts: [host('a', { ready: false }), host('b', { pods: [asking('1', 'x')] })],
      },
      expect: { kind: 'wait', why: 'waiting for a: its runtime does not answer' },
    },
    {
      case: 'refused if it fits the sum but no host',
      input: { pod: asking('2'), hosts: ['a', 'b'].map((name) => host(name, { pods: [asking('1', name)] })) },
      expect: {
        kind: 'refused',
        reason: 'OutOfcpu',
        message:
          'no single host of the node can take the pod, though their sum may: a: not enough cpu, requested: 2000, used: 1000, capacity: 2000; b: not enough cpu, requested: 2000, used: 1000, capacity: 2000',
      },
    },
    {
      case: 'lack of room is the reason even where another host lacks more',
      input: {
        pod: asking('3'),
        runtimeHandler: 'kata',
        hosts: [host('a'), host('b', { handlers: ['', 'kata'] })],
      },
      expect: {
        kind: 'refused',
        reason: 'OutOfcpu',
        message:
          'no single host of the node can take the pod, though their sum may: a: its runtime has no handler "kata"; b: not enough cpu, requested: 3000, used: 0, capacity: 2000',
      },
    },
    {
      case: 'refused if all hosts are drained',
      input: { hosts: [host('a', { draining: true })] },
      expect: {
        kind: 'refused',
        reason: 'HostsDraining',
        message: 'no single host of the node can take the pod, though their sum may: a: is being drained',
      },
    },
  ];
  for (const { case: name, input, expect } of rows) {
    it(name, () => {
      assert.deepEqual(placePod({ pod: pod(), runtimeHandler: '', hosts: [], ...input }), expect);
    });
  }

  const anyHost = fc
    .record({
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      ready: fc.boolean(),
      draining: fc.boolean(),
      used: fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 4 }),
    })
    .map(({ name, ready, draining, used }) =>
      host(name, {
        ready,
        draining,
        pods: used.map((milli, index) => asking(`${milli}m`, `${name}${index}`)),
      }),
    );
  const anyPool = fc.uniqueArray(anyHost, { selector: ({ name }) => name, minLength: 1 });
  const anyRequest = fc.integer({ min: 1, max: 2_500 });

  it('never overfills a host, nor uses one that is drained or silent', () => {
    fc.assert(
      fc.property(anyPool, anyRequest, (hosts, milli) => {
        const placed = placePod({ pod: asking(`${milli}m`), runtimeHandler: '', hosts });
        if (placed.kind !== 'placed') return;
        const chosen = hosts.find(({ name }) => name === placed.host);
        assert.ok(chosen?.ready === true && !chosen.draining);
        const used = chosen.pods.reduce(
          (sum, { spec }) => sum + parseInt(spec.containers[0]?.resources?.requests?.cpu ?? '0', 10),
          0,
        );
        assert.ok(used + milli <= 2_000);
      }),
    );
  });
  it('does not depend on the order of hosts', () => {
    fc.assert(
      fc.property(anyPool, anyRequest, (hosts, milli) => {
        const of = (list: readonly HostCandidate[]): unknown => {
          const placed = placePod({ pod: asking(`${milli}m`), runtimeHandler: '', hosts: list });
          return placed.kind === 'placed' ? placed.host : placed.kind;
        };
        assert.equal(of(hosts), of([...hosts].reverse()));
      }),
    );
  });
});
