import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodChange } from '../model/pod-update.ts';
import { pod } from '../testing/fixtures.ts';
import { mergeChanges, MOST_PODS, SyncQueue } from './sync-queue.ts';

const change = (kind: PodChange['kind'], label = ''): PodChange => ({
  kind,
  pod: pod({ metadata: { labels: { label } } }),
});

describe('changes of one pod that wait together', () => {
  const rows: { name: string; changes: PodChange['kind'][]; expect: PodChange['kind'][] }[] = [
    { name: 'an update of a new pod is still an add', changes: ['add', 'update'], expect: ['add'] },
    { name: 'a status echo hides nothing', changes: ['update', 'reconcile'], expect: ['update'] },
    { name: 'a deletion wins over an update', changes: ['update', 'delete'], expect: ['delete'] },
    { name: 'an update after a status echo', changes: ['reconcile', 'update'], expect: ['update'] },
    { name: 'a pod that came and went was never there', changes: ['add', 'remove'], expect: [] },
    { name: 'a removal is all that is left to tell', changes: ['update', 'remove'], expect: ['remove'] },
    {
      name: 'a pod that is back after its removal',
      changes: ['remove', 'add', 'update'],
      expect: ['remove', 'add'],
    },
  ];
  for (const row of rows) {
    it(row.name, () => {
      const merged = row.changes.reduce<PodChange[]>(
        (waiting, kind) => mergeChanges(waiting, change(kind)),
        [],
      );
      assert.deepEqual(
        merged.map(({ kind }) => kind),
        row.expect,
      );
    });
  }

  it('keep the newest object', () => {
    const [merged] = mergeChanges([change('add', 'old')], change('update', 'new'));
    assert.equal(merged?.pod.metadata.labels?.label, 'new');
  });
});

describe('sync queue', () => {
  it('gives everything that waits in one batch, and nothing twice', async () => {
    const queue = new SyncQueue();
    const stop = new AbortController();
    queue.config([change('add')]);
    queue.due('a');
    queue.due('a');
    queue.probe('b');
    queue.housekeeping();
    assert.deepEqual(queue.depth(), { config: 1, pleg: 0, sync: 1, probe: 1 });
    const batch = await queue.take(stop.signal);
    assert.deepEqual(
      [batch?.config.length, [...(batch?.sync ?? [])], [...(batch?.probe ?? [])], batch?.housekeeping],
      [1, ['a'], ['b'], true],
    );
    const next = queue.take(stop.signal);
    queue.hostChanged();
    assert.equal((await next)?.host, true);
    const last = queue.take(stop.signal);
    stop.abort();
    assert.equal(await last, undefined);
  });

  it('gives the changes of many pods a few at a time, and what else waits with the last', async () => {
    const queue = new SyncQueue();
    const { signal } = new AbortController();
    const uids = Array.from({ length: 2 * MOST_PODS + 1 }, (_, index) => `pod-${index}`);
    const changes = uids.flatMap((uid): PodChange[] => [
      { kind: 'remove', pod: pod({ metadata: { uid } }) },
      { kind: 'add', pod: pod({ metadata: { uid } }) },
    ]);
    queue.housekeeping();
    queue.hostChanged();
    queue.due('pod-0');
    queue.config(changes);
    const told: (string | undefined)[] = [];
    for (const pods of [MOST_PODS, MOST_PODS, 1]) {
      const batch = await queue.take(signal);
      const isLast = pods === 1;
      assert.equal(batch?.config.length, 2 * pods);
      assert.deepEqual([batch.housekeeping, batch.host, batch.sync.size], [isLast, isLast, isLast ? 1 : 0]);
      told.push(...batch.config.map(({ pod: { metadata } }) => metadata.uid));
    }
    assert.deepEqual(
      told,
      uids.flatMap((uid) => [uid, uid]),
    );
  });

  it('gives the pods whose time has come, or of which something was seen, a few at a time as well', async () => {
    const queue = new SyncQueue();
    const { signal } = new AbortController();
    const uids = Array.from({ length: MOST_PODS + 1 }, (_, index) => `pod-${index}`);
    queue.pleg(
      uids.map((uid) => ({
        kind: 'container-died',
        pod: { uid, name: uid, namespace: 'default' },
        id: `of-${uid}`,
      })),
    );
    for (const uid of uids) {
      queue.due(uid);
      queue.probe(uid);
    }
    const kinds = ['pleg', 'sync', 'probe'] as const;
    for (const expect of [uids.slice(0, MOST_PODS), uids.slice(MOST_PODS)]) {
      const batch = await queue.take(signal);
      for (const kind of kinds) assert.deepEqual([...(batch?.[kind] ?? [])], expect);
    }
    assert.deepEqual(queue.depth(), { config: 0, pleg: 0, sync: 0, probe: 0 });
  });
});
