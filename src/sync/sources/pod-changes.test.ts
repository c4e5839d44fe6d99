import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import type { PodChange } from '../../model/pod-update.ts';
import { PodChanges, type PodView } from './pod-changes.ts';

const named = (name: string, change: Parameters<typeof pod>[0] = {}): Pod =>
  pod({ ...change, metadata: { name, uid: `uid-${name}`, ...change.metadata } });

function told(changes: ReturnType<PodChanges['apply']>): string[] {
  return changes.map(({ kind, pod: { metadata } }) => `${kind} ${metadata.name}`);
}

describe('changes of a source', () => {
  const rows: { name: string; next: Pod; expect: string[] }[] = [
    { name: 'nothing', next: named('a'), expect: [] },
    { name: 'status only', next: named('a', { status: { phase: 'Running' } }), expect: ['reconcile a'] },
    { name: 'labels', next: named('a', { metadata: { labels: { x: 'y' } } }), expect: ['update a'] },
    {
      name: 'annotations',
      next: named('a', { metadata: { annotations: { x: 'y' } } }),
      expect: ['update a'],
    },
    { name: 'spec', next: named('a', { spec: { activeDeadlineSeconds: 3 } }), expect: ['update a'] },
    {
      name: 'deletion',
      next: named('a', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }),
      expect: ['delete a'],
    },
    { name: 'same name, new UID', next: pod({ metadata: { name: 'a', uid: 'other' } }), expect: ['add a'] },
  ];
  for (const row of rows) {
    it(row.name, () => {
      const changes = new PodChanges({ source: 'api', now: () => 0 });
      changes.apply({ type: 'reset', items: [named('a')] });
      assert.deepEqual(told(changes.apply({ type: 'upsert', object: row.next })), row.expect);
    });
  }

  it('holds what pods have in common once', () => {
    const spec = { tolerations: [{ key: 'gone', operator: 'Exists' }] };
    const changes = new PodChanges({ source: 'api', now: () => 0 });
    const [a, b, c] = [
      named('a', { spec: structuredClone(spec) }),
      named('b', { spec: structuredClone(spec) }),
      named('c', { spec: { ...structuredClone(spec), restartPolicy: 'Never' } }),
    ].map((object) => changes.apply({ type: 'upsert', object })[0]?.pod);
    assert.equal(b?.spec, a?.spec);
    assert.equal(b?.metadata.name, 'b');
    assert.notEqual(c?.spec, a?.spec);
    assert.equal(c?.spec.tolerations, a?.spec.tolerations);
  });

  it('tells new pods oldest first and removals that a gap in the watch hid', () => {
    const changes = new PodChanges({ source: 'api', now: () => 0 });
    changes.apply({ type: 'reset', items: [named('a')] });
    const items = [
      named('late', { metadata: { creationTimestamp: '2026-02-02T00:00:00Z' } }),
      named('early', { metadata: { creationTimestamp: '2026-01-02T00:00:00Z' } }),
    ];
    assert.deepEqual(told(changes.apply({ type: 'reset', items })), ['remove a', 'add early', 'add late']);
  });

  it('stamps where and when a pod was first seen, for good', () => {
    let now = 0;
    const changes = new PodChanges({ source: 'api', now: () => now });
    const [added] = changes.apply({ type: 'upsert', object: named('a') });
    now = 60_000;
    const [updated] = changes.apply({
      type: 'upsert',
      object: named('a', { metadata: { labels: { x: 'y' } } }),
    });
    for (const change of [added, updated]) {
      assert.equal(change?.pod.metadata.annotations?.['kubernetes.io/config.source'], 'api');
      assert.equal(
        change.pod.metadata.annotations['kubernetes.io/config.seen'],
        '1970-01-01T00:00:00.000000Z',
      );
    }
  });

  it('hold once what did not change', () => {
    const changes = new PodChanges({ source: 'api', now: () => 0 });
    const next = (change: Parameters<typeof named>[1]): Pod | undefined =>
      changes.apply({ type: 'upsert', object: structuredClone(named('a', change)) })[0]?.pod;
    const added = next({});
    const running = next({ status: { phase: 'Running' } });
    const labelled = next({ status: { phase: 'Running' }, metadata: { labels: { x: 'y' } } });
    assert.equal(running?.spec, added?.spec);
    assert.equal(labelled?.spec, added?.spec);
    assert.equal(labelled?.status, running?.status);
  });

  it('keeps nothing of who set which field', () => {
    const changes = new PodChanges({ source: 'api', now: () => 0 });
    const managed = named('a', { metadata: { managedFields: [{ manager: 'kubectl' }] } });
    const [added] = changes.apply({ type: 'upsert', object: managed });
    assert.equal(added?.pod.metadata.managedFields, undefined);
    assert.deepEqual(changes.apply({ type: 'upsert', object: named('a') }), []);
  });

  it('ignores the deletion of a pod it never told of', () => {
    const changes = new PodChanges({ source: 'api', now: () => 0 });
    assert.deepEqual(changes.apply({ type: 'delete', object: named('a') }), []);
  });
});

describe('changes that are not taken', () => {
  const named = (name: string): Pod => pod({ metadata: { name, uid: name } });

  function setUp() {
    const changes = new PodChanges({ source: 'api', now: () => 0 });
    const told: string[] = [];
    const broken = new Set<string>();
    const take = (all: readonly PodChange[]): void => {
      for (const { kind, pod: each } of all) {
        if (broken.has(each.metadata.name)) throw new Error(`no ${each.metadata.name}`);
        told.push(`${kind} ${each.metadata.name}`);
      }
    };
    return { changes, told, broken, take };
  }

  it('hold up no other pod, and are told again with the next view', () => {
    const { changes, told, broken, take } = setUp();
    broken.add('a');
    const view: PodView = { type: 'reset', items: [named('a'), named('b')] };
    assert.throws(() => {
      changes.report(view, take);
    }, /no a/);
    assert.deepEqual(told, ['add b']);
    broken.clear();
    changes.report(view, take);
    assert.deepEqual(told, ['add b', 'add a']);
  });

  it('of pods that went are told again as well', () => {
    const { changes, told, broken, take } = setUp();
    changes.report({ type: 'reset', items: [named('a')] }, take);
    broken.add('a');
    assert.throws(() => {
      changes.report({ type: 'delete', object: named('a') }, take);
    });
    broken.clear();
    changes.report({ type: 'reset', items: [] }, take);
    assert.deepEqual(told, ['add a', 'remove a']);
  });
});
