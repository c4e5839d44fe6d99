import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Lease } from '../model/kube.ts';
import { claimed, judge, letGo, ownerKeys, type Verdict, type Watched } from './owner-claim.ts';

const me = { name: 'here_1', process: 'proc:1' };

function lease(
  owner: string | undefined,
  change: { renewed?: string; process?: string; seconds?: number } = {},
): Lease {
  const { renewed = 'r1', process = 'theirs', seconds = 40 } = change;
  return {
    metadata: {
      name: 'n',
      resourceVersion: '7',
      annotations: {
        ...(owner === undefined ? {} : { [ownerKeys.owner]: owner, [ownerKeys.process]: process }),
        [ownerKeys.renewed]: renewed,
      },
    },
    spec: { holderIdentity: 'n', leaseDurationSeconds: seconds },
  };
}

function verdict(
  held: Lease | undefined,
  at: { now?: number; watched?: Watched; over?: string } = {},
): Verdict {
  const { now = 0, watched, over = 'none' } = at;
  return judge({ lease: held, watched, now, durationMs: 10_000, isOver: (process) => process === over });
}

/** What a look at `held` leaves to be watched. */
function watchedOf(held: Lease, now = 0): Watched {
  const found = verdict(held, { now });
  assert.equal(found.kind, 'wait');
  return found.watched;
}

it('a lease that outlives its Node is let go with it', () => {
  const held = claimed(lease('here_1'), {
    ...{ node: 'n', me, durationSeconds: 40, now: 0, nodeUid: undefined, beats: false },
  });
  assert.equal(held.metadata?.ownerReferences, undefined);
  assert.equal(letGo(held).metadata?.ownerReferences, undefined);
  assert.deepEqual(letGo(held, { node: 'n', uid: 'u' }).metadata?.ownerReferences, [
    { apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'u' },
  ]);
});

describe('a node', () => {
  const other = lease('other_2');
  const watched = watchedOf(other);
  const rows: [
    what: string,
    held: Lease | undefined,
    at: Parameters<typeof verdict>[1],
    expect: string | number,
  ][] = [
    ['that nobody has run', undefined, {}, 'it has not been run yet'],
    ['that was let go', letGo(other), {}, 'the one before has let go of it'],
    ['whose owner has ended', other, { over: 'theirs' }, 'other_2 has ended'],
    ['of another', other, {}, 40_000],
    ['of another, seen before', other, { now: 39_999, watched }, 1],
    [
      'of another, not renewed',
      other,
      { now: 40_000, watched },
      'other_2 has not renewed its lease for 40 s',
    ],
    ['of another, renewed', lease('other_2', { renewed: 'r2' }), { now: 40_000, watched }, 40_000],
    ['of a third by now', lease('third_3'), { now: 40_000, watched }, 40_000],
    ['of another who says how long', lease('other_2', { seconds: 15 }), {}, 15_000],
    ['of another who says nonsense', lease('other_2', { seconds: -1 }), {}, 10_000],
    ['whose lease has vanished', undefined, { now: 3_000, watched }, 7_000],
    ['of a kubelet', lease(undefined), {}, 40_000],
    [
      'of a kubelet that has gone',
      lease(undefined),
      { now: 40_000, watched: watchedOf(lease(undefined)) },
      'a kubelet, or a farlet that names no owner has not renewed its lease for 40 s',
    ],
  ];
  for (const [what, held, at, expect] of rows)
    it(`${what} ${typeof expect === 'string' ? 'is taken' : 'is waited for'}`, () => {
      const found = verdict(held, at);
      assert.equal(found.kind === 'take' ? found.why : found.ms, expect);
    });

  it('whose heartbeat alone goes on is somebody’s', () => {
    const beat = (renewTime: string): Lease => ({ ...lease(undefined), spec: { renewTime } });
    const seen = watchedOf(beat('2026-01-01T00:00:00.000000Z'));
    const found = verdict(beat('2026-01-01T00:00:10.000000Z'), { now: 10_000, watched: seen });
    assert.equal(found.kind === 'wait' && found.ms, 10_000);
  });

  it('is not taken for an annotation that is a name of objects’ members', () => {
    const odd = { metadata: { annotations: JSON.parse('{"__proto__":"x","constructor":"y"}') as object } };
    assert.equal(verdict(odd as Lease).kind, 'wait');
  });
});

describe('the lease', () => {
  const parts = {
    node: 'n',
    me,
    durationSeconds: 40,
    now: Date.UTC(2026, 0, 1),
    nodeUid: 'uid-2',
    beats: true,
  };

  it('of a registered node is its heartbeat, as a kubelet writes it, and names the owner', () => {
    assert.deepEqual(claimed(undefined, parts), {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name: 'n',
        namespace: 'kube-node-lease',
        annotations: {
          [ownerKeys.owner]: 'here_1',
          [ownerKeys.process]: 'proc:1',
          [ownerKeys.renewed]: '2026-01-01T00:00:00.000000Z',
        },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'uid-2' }],
      },
      spec: { holderIdentity: 'n', leaseDurationSeconds: 40, renewTime: '2026-01-01T00:00:00.000000Z' },
    });
  });

  it('of one that is not registered keeps it from looking alive, and never belongs to a Node that is gone', () => {
    const before = claimed(undefined, parts);
    const after = claimed(before, { ...parts, now: parts.now + 10_000, nodeUid: undefined, beats: false });
    assert.equal(after.metadata?.ownerReferences, undefined);
    assert.equal(after.spec?.renewTime, '2026-01-01T00:00:00.000000Z');
    assert.equal(after.metadata?.annotations?.[ownerKeys.renewed], '2026-01-01T00:00:10.000000Z');
    assert.equal(
      claimed(undefined, { ...parts, nodeUid: undefined, beats: false }).spec?.renewTime,
      undefined,
    );
  });

  it('keeps what others wrote to it, and is written only as it was read', () => {
    const held: Lease = {
      metadata: { name: 'n', resourceVersion: '7', annotations: { theirs: 'x' }, labels: { l: 'y' } },
      spec: { leaseTransitions: 3 },
    };
    const { metadata, spec } = claimed(held, parts);
    assert.equal(metadata?.resourceVersion, '7');
    assert.equal(metadata.annotations?.theirs, 'x');
    assert.deepEqual(metadata.labels, { l: 'y' });
    assert.equal(spec?.leaseTransitions, 3);
  });
});
