import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ObservedContainerState } from '../../model/runtime-state.ts';
import { container, FakeClock, sandbox } from '../../testing/fixtures.ts';
import { RuntimeCache } from './runtime-cache.ts';

const ref = { uid: 'u', name: 'web', namespace: 'default' };

function setUp(): {
  cache: RuntimeCache;
  clock: FakeClock;
  see: (change: Parameters<typeof container>[0]) => string[];
} {
  const clock = new FakeClock(1_000);
  const cache = new RuntimeCache({ clock });
  cache.merge({ pod: ref, sandboxes: [sandbox()], containers: [container()] });
  const see = (change: Parameters<typeof container>[0]): string[] =>
    cache
      .merge({ pod: ref, sandboxes: [], containers: [container(change)] })
      .map(({ kind, id }) => `${kind} ${id}`);
  return { cache, clock, see };
}

describe('runtime cache', () => {
  it('tells what changed, once', () => {
    const { see } = setUp();
    assert.deepEqual(see({ state: 'running' }), []);
    assert.deepEqual(see({ state: 'exited' }), ['container-died c1']);
    assert.deepEqual(see({ state: 'exited' }), []);
    assert.deepEqual(see({ id: 'c2', state: 'created' }), []);
    assert.deepEqual(see({ id: 'c2', state: 'running' }), ['container-started c2']);
  });

  it('is not set back by late news', () => {
    const { cache, see } = setUp();
    see({ state: 'exited', exitCode: 3 });
    assert.deepEqual(see({ state: 'created' }), []);
    assert.equal(cache.get('u')?.containers[0]?.exitCode, 3);
    cache.merge({ pod: ref, sandboxes: [sandbox({ ready: false })], containers: [] });
    cache.merge({ pod: ref, sandboxes: [sandbox({ ready: true })], containers: [] });
    assert.equal(cache.get('u')?.sandboxes[0]?.ready, false);
  });

  it('keeps the addresses of a sandbox that has stopped', () => {
    const { cache } = setUp();
    cache.merge({ pod: ref, sandboxes: [sandbox({ ready: false, ips: [] })], containers: [] });
    assert.deepEqual(cache.get('u')?.ips, ['10.0.0.2']);
  });

  it('takes a sandbox that farlet has stopped for stopped, whatever is still on its way', () => {
    const { cache } = setUp();
    cache.stopped('u', 's1');
    cache.stopped('u', 'gone');
    cache.merge({ pod: ref, sandboxes: [sandbox({ ready: true })], containers: [] });
    assert.equal(cache.get('u')?.sandboxes[0]?.ready, false);
    assert.deepEqual(cache.get('u')?.ips, ['10.0.0.2']);
  });

  it('counts pods with a sandbox that is ready, and containers by their state', () => {
    const { cache, see } = setUp();
    see({ id: 'c2', state: 'created' });
    see({ id: 'c3', state: 'exited' });
    const other = { uid: 'v', name: 'db', namespace: 'default' };
    const sandboxes = [sandbox({ id: 'old', ready: false }), sandbox({ id: 'new' })];
    cache.merge({ pod: other, sandboxes, containers: [container({ id: 'c4' })] });
    const gone = { uid: 'w', name: 'old', namespace: 'default' };
    cache.merge({ pod: gone, sandboxes: [sandbox({ id: 'off', ready: false })], containers: [] });
    assert.deepEqual(cache.counts(), {
      ready: 2,
      containers: { created: 1, running: 2, unknown: 0, exited: 1 },
    });
  });

  it('drops what a list lacks, but not what was seen after the list was asked for', async () => {
    const { cache, clock, see } = setUp();
    const askedAt = clock.monotonic() + 1;
    await clock.advance(5);
    see({ id: 'young' });
    assert.deepEqual(
      cache.reconcile('u', new Set(['s1']), askedAt).map(({ kind, id }) => `${kind} ${id}`),
      ['container-removed c1'],
    );
    assert.deepEqual(
      cache.get('u')?.containers.map(({ id }) => id),
      ['young'],
    );
  });

  it('does not get back what has gone by what was asked for before, known or not', async () => {
    const { cache, clock } = setUp();
    const askedAt = clock.monotonic();
    await clock.advance(10);
    assert.deepEqual(cache.deleted('c1'), [{ pod: ref, id: 'c1', kind: 'container-removed' }]);
    assert.deepEqual(cache.deleted('c2'), []);
    await clock.advance(10);
    const containers = [container(), container({ id: 'c2' }), container({ id: 'c3' })];
    cache.merge({ pod: ref, sandboxes: [], containers }, askedAt);
    assert.deepEqual(
      cache.get('u')?.containers.map(({ id }) => id),
      ['c3'],
    );
    cache.merge({ pod: ref, sandboxes: [], containers });
    assert.equal(cache.get('u')?.containers.length, 3);
  });

  it('forgets a pod with its last id, and an empty sighting makes none', () => {
    const { cache } = setUp();
    cache.removed('u', 'c1');
    cache.removed('u', 's1');
    assert.equal(cache.get('u'), undefined);
    cache.merge({ pod: ref, sandboxes: [], containers: [] });
    assert.deepEqual(cache.pods(), []);
  });

  it('orders sandboxes by attempt and containers by creation, newest first', () => {
    const { cache } = setUp();
    cache.merge({
      pod: ref,
      sandboxes: [sandbox({ id: 's2', attempt: 1, createdAt: 1 })],
      containers: [container({ id: 'c2', createdAt: 9_000 }), container({ id: 'c0', createdAt: 10 })],
    });
    assert.deepEqual(
      cache.get('u')?.sandboxes.map(({ id }) => id),
      ['s2', 's1'],
    );
    assert.deepEqual(
      cache.get('u')?.containers.map(({ id }) => id),
      ['c2', 'c1', 'c0'],
    );
  });

  it('ends in the same state whatever the order of the news', () => {
    const states: ObservedContainerState[] = ['created', 'running', 'exited'];
    fc.assert(
      fc.property(fc.shuffledSubarray(states, { minLength: 3 }), (order) => {
        const cache = new RuntimeCache({ clock: new FakeClock() });
        for (const state of order)
          cache.merge({ pod: ref, sandboxes: [], containers: [container({ state })] });
        assert.equal(cache.get('u')?.containers[0]?.state, 'exited');
      }),
    );
  });
});
