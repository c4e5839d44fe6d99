import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Pod } from '../../model/kube.ts';
import { shortageRefusal, shortages } from '../../resources/admission/admit-resources.ts';
import { pod } from '../../testing/fixtures.ts';
import { placePod, type HostCandidate } from './placement.ts';

const allocatable = { cpu: '2', memory: '4Gi', pods: '110' };

function host(name: string, change: Partial<HostCandidate> = {}): HostCandidate {
  return {
    name,
    silent: undefined,
    draining: false,
    hasHandler: true,
    refusal: undefined,
    preempts: false,
    allocatable,
    pods: [],
    images: new Set(),
    ...change,
  };
}
const asking = (cpu: string, name = 'web'): Pod =>
  pod({
    metadata: { name, uid: `uid-${name}` },
    spec: { containers: [{ name: 'c', image: 'busybox', resources: { requests: { cpu } } }] },
  });
const owned = (name: string): Pod =>
  pod({
    metadata: {
      name,
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'r', controller: true }],
    },
  });
const alike = (name: string): Pod =>
  pod({
    metadata: { name, ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'r' }] },
  });
const storing = (memory: string): Pod =>
  pod({ spec: { containers: [{ name: 'c', image: 'busybox', resources: { requests: { memory } } }] } });
/** with the verdict that admission gives */
const filled = (
  name: string,
  subject: Pod,
  pods: readonly Pod[],
  change: Partial<HostCandidate> = {},
): HostCandidate => {
  const [short] = shortages(subject, { allocatable, others: pods });
  return host(name, { pods, refusal: short === undefined ? undefined : shortageRefusal(short), ...change });
};
const web = asking('1');
const elsewhere = { reason: 'NodeAffinity', message: 'another' } as const;
const full = { reason: 'OutOfcpu', message: 'full' } as const;

describe('placePod', () => {
  const rows: { case: string; pod?: Pod; hosts: HostCandidate[]; expect: object }[] = [
    { case: 'one host', hosts: [host('a')], expect: { kind: 'placed', host: 'a' } },
    {
      case: 'the emptier of two',
      hosts: [host('a', { pods: [asking('1', 'x')] }), host('b')],
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'apart from its siblings, even where it is fuller',
      pod: owned('new'),
      hosts: [host('a', { pods: [owned('old')] }), host('b', { pods: [asking('1', 'x')] })],
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'where its image is',
      hosts: [host('a'), host('b', { images: new Set(['busybox']) })],
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'where its image is, even where it is fuller',
      hosts: [host('a'), host('b', { images: new Set(['busybox']), pods: [asking('1', 'x')] })],
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'apart from its siblings, even where its image is not',
      pod: owned('new'),
      hosts: [host('a', { pods: [owned('old')], images: new Set(['localhost/busybox:1']) }), host('b')],
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'where nobody is stopped for it, even beside its siblings',
      pod: owned('new'),
      hosts: [host('a', { preempts: true }), host('b', { pods: [owned('old')] })],
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'beside a pod of the same owner, if that controls neither',
      pod: alike('new'),
      hosts: [host('a', { pods: [alike('old')] }), host('b', { pods: [asking('1', 'x'), asking('0', 'y')] })],
      expect: { kind: 'placed', host: 'a' },
    },
    {
      case: 'the one whose memory is emptier, where that is fuller than its CPUs',
      hosts: [host('a', { pods: [storing('3Gi')] }), host('b', { pods: [asking('100m', 'x')] })],
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'the one with fewer pods, if they ask for nothing',
      hosts: [host('a', { pods: [asking('0', 'x')] }), host('b')],
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'the first by name, if nothing else differs',
      hosts: [host('b'), host('a')],
      expect: { kind: 'placed', host: 'a' },
    },
    {
      case: 'where its runtime handler is',
      hosts: [host('a', { hasHandler: false }), host('b')],
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'where it is admitted',
      hosts: [host('a', { refusal: full }), host('b')],
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'where nobody is stopped for it',
      hosts: [host('a', { preempts: true }), host('b', { pods: [asking('1', 'x')] })],
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'not on a host that is drained',
      hosts: [host('a', { draining: true }), host('b')],
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'not on a host that does not answer',
      hosts: [host('a', { silent: 'no route' }), host('b')],
      expect: { kind: 'placed', host: 'b' },
    },
    {
      case: 'waits if only a host that does not answer would take it',
      hosts: [host('a', { silent: 'no route' }), host('b', { refusal: full })],
      expect: { kind: 'wait', why: 'host a does not answer: no route' },
    },
    {
      case: 'is refused if it fits the sum but no host, for lack of room first',
      hosts: [host('a', { hasHandler: false }), host('b', { refusal: full })],
      expect: {
        kind: 'refused',
        reason: 'OutOfcpu',
        message:
          'no single host of the node can take the pod, whatever their sum: a: its runtime has no handler "kata"; b: full',
      },
    },
    {
      case: 'is refused for what the host of its choice says, if there is no lack of room',
      hosts: [host('a', { refusal: elsewhere }), host('b', { hasHandler: false })],
      expect: {
        kind: 'refused',
        reason: 'RuntimeHandlerMissing',
        message:
          'no single host of the node can take the pod, whatever their sum: a: another; b: its runtime has no handler "kata"',
      },
    },
    {
      case: 'is refused where there is no host at all',
      hosts: [],
      expect: {
        kind: 'refused',
        reason: 'NoHost',
        message: 'no single host of the node can take the pod, whatever their sum: ',
      },
    },
    {
      case: 'waits for hosts that are drained, whether they answer or not',
      hosts: [host('a', { draining: true, silent: 'no route' }), host('b', { draining: true })],
      expect: { kind: 'wait', why: 'host a is being drained; host b is being drained' },
    },
  ];
  for (const { case: name, hosts, expect, pod: asks = web } of rows) {
    it(name, () => {
      assert.deepEqual(placePod(asks, { handler: 'kata', hosts }), expect);
    });
  }

  const anyHosts = fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      silent: fc.option(fc.constant('gone'), { nil: undefined }),
      draining: fc.boolean(),
      used: fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 4 }),
    }),
    { selector: ({ name }) => name, minLength: 1 },
  );
  const milliCpu = fc.integer({ min: 1, max: 2_500 });
  const poolOf = (subject: Pod, hosts: readonly { name: string; used: number[] }[]): HostCandidate[] =>
    hosts.map(({ name, used, ...rest }) =>
      filled(
        name,
        subject,
        used.map((milli, index) => asking(`${milli}m`, `${name}${index}`)),
        rest,
      ),
    );

  it('never overfills a host, nor uses one that is drained or silent', () => {
    fc.assert(
      fc.property(anyHosts, milliCpu, (hosts, milli) => {
        const placed = placePod(asking(`${milli}m`), {
          handler: '',
          hosts: poolOf(asking(`${milli}m`), hosts),
        });
        if (placed.kind !== 'placed') return;
        const chosen = hosts.find(({ name }) => name === placed.host);
        assert.ok(chosen?.silent === undefined && chosen?.draining === false);
        assert.ok(chosen.used.reduce((sum, each) => sum + each, milli) <= 2_000);
      }),
    );
  });
  it('places whatever some open host has room for', () => {
    fc.assert(
      fc.property(anyHosts, milliCpu, (hosts, milli) => {
        const placed = placePod(asking(`${milli}m`), {
          handler: '',
          hosts: poolOf(asking(`${milli}m`), hosts),
        });
        const room = hosts.some(
          ({ silent, draining, used }) =>
            silent === undefined && !draining && used.reduce((sum, each) => sum + each, milli) <= 2_000,
        );
        assert.equal(placed.kind === 'placed', room);
      }),
    );
  });
  it('does not depend on the order of hosts', () => {
    fc.assert(
      fc.property(anyHosts, milliCpu, (hosts, milli) => {
        const of = (list: readonly HostCandidate[]): unknown => {
          const placed = placePod(asking(`${milli}m`), { handler: '', hosts: list });
          return placed.kind === 'placed' ? placed.host : placed.kind;
        };
        const pool = poolOf(asking(`${milli}m`), hosts);
        assert.equal(of(pool), of([...pool].reverse()));
      }),
    );
  });
});
