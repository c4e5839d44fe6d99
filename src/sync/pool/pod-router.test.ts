import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeError } from '../../model/errors.ts';
import type { Pod } from '../../model/kube.ts';
import type { PodChange } from '../../model/pod-update.ts';
import { FakeClock, pod, quietLog, settle } from '../../testing/fixtures.ts';
import { hostKey } from '../../model/host-labels.ts';
import { PodRouter, type PodRouterOptions, type PoolHost } from './pod-router.ts';

interface Pool {
  readonly router: PodRouter;
  readonly clock: FakeClock;
  /** "host: kind name", as delivered */
  readonly delivered: string[];
  /** "name → host", as written */
  readonly stored: string[];
  readonly refused: string[];
  readonly waiting: string[];
  readonly silent: Set<string>;
  /** hosts whose runtime has not been asked what it has */
  readonly unseen: Set<string>;
  /** "host uid" */
  readonly held: Set<string>;
}

function pool(names: readonly string[], change: Partial<PodRouterOptions> = {}): Pool {
  const [delivered, stored, refused, waiting] = [[], [], [], []] as [string[], string[], string[], string[]];
  const [silent, unseen, held] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const clock = new FakeClock();
  const host = (name: string): PoolHost => ({
    name,
    silent: () => (silent.has(name) ? 'gone' : undefined),
    holds: (uid) => (unseen.has(name) ? undefined : held.has(`${name} ${uid}`)),
    candidate: (_, pods) => ({
      draining: false,
      hasHandler: true,
      refusal: pods.length < 2 ? undefined : { reason: 'OutOfpods', message: 'full' },
      preempts: false,
      allocatable: {},
      images: new Set(),
    }),
    deliver: (changes) => {
      for (const {
        kind,
        pod: { metadata },
      } of changes)
        delivered.push(`${name}: ${kind} ${metadata.name} ${metadata.annotations?.[hostKey] ?? '-'}`);
    },
  });
  const router = new PodRouter({
    handlerOf: () => '',
    store: ({ metadata }, to) => {
      stored.push(`${metadata.name} → ${to}`);
      return Promise.resolve();
    },
    read: (subject) => Promise.resolve(subject),
    refreshNode: () => Promise.resolve(),
    onRefused: ({ metadata }, { reason }) => refused.push(`${metadata.name} ${reason}`),
    onWaiting: ({ metadata }, why) => waiting.push(`${metadata.name} ${why}`),
    onForgotten: () => undefined,
    onStranded: ({ metadata }, host) => waiting.push(`${metadata.name} stranded on ${host}`),
    clock,
    log: quietLog,
    signal: new AbortController().signal,
    ...change,
  });
  router.attach(names.map(host));
  return { router, clock, delivered, stored, refused, waiting, silent, unseen, held };
}

function named(name: string, change: Partial<Pod['metadata']> = {}): Pod {
  return pod({ metadata: { name, namespace: 'ns', uid: `uid-${name}`, ...change } });
}
const on = (name: string, host: string): Pod => named(name, { annotations: { [hostKey]: host } });
const add = (subject: Pod): PodChange => ({ kind: 'add', pod: subject });

describe('PodRouter', () => {
  it('leads everything to the one host of a node, and writes nothing', () => {
    const { router, delivered, stored } = pool(['a']);
    router.apply([add(named('p')), { kind: 'update', pod: named('p') }, { kind: 'remove', pod: named('p') }]);
    assert.deepEqual(delivered, ['a: add p -', 'a: update p -', 'a: remove p -']);
    assert.deepEqual(stored, []);
  });

  it('delivers a pod only once the choice is written', async () => {
    const written = Promise.withResolvers<undefined>();
    const { router, delivered } = pool(['a', 'b'], { store: () => written.promise });
    router.apply([add(named('p'))]);
    await settle();
    assert.deepEqual(delivered, []);
    written.resolve(undefined);
    await settle();
    assert.deepEqual(delivered, ['a: add p a']);
  });

  it('leads a pod to where it was placed before, and counts it first', async () => {
    const { router, delivered, stored } = pool(['a', 'b']);
    router.apply([add(named('new')), add(on('old', 'a'))]);
    await settle();
    assert.deepEqual(stored, ['new → b']);
    assert.deepEqual(delivered, ['a: add old a', 'b: add new b']);
  });

  it('counts what is being written: no host is filled twice', async () => {
    const { router, stored, refused } = pool(['a', 'b']);
    router.apply(['1', '2', '3', '4', '5'].map((name) => add(named(name))));
    await settle();
    assert.deepEqual(stored, ['1 → a', '2 → b', '3 → a', '4 → b']);
    assert.deepEqual(refused, ['5 OutOfpods']);
  });

  it('goes where the API server says, if another choice was written before', async () => {
    const conflict = new KubeError('conflict', 'modified', { status: 409, reason: 'Conflict' });
    const { router, delivered, clock } = pool(['a', 'b'], {
      store: () => Promise.reject(conflict),
      read: () => Promise.resolve(on('p', 'b')),
    });
    router.apply([add(named('p'))]);
    await settle();
    await clock.advance(1_000);
    assert.deepEqual(delivered, ['b: add p b']);
  });

  it('spreads what came before the second host was reached, right after a start', async () => {
    const { router, stored, waiting, silent } = pool(['a', 'b']);
    silent.add('b');
    router.apply(['1', '2'].map((name) => add(named(name))));
    await settle();
    assert.deepEqual([stored, waiting], [[], []]);
    silent.delete('b');
    router.retry();
    await settle();
    assert.deepEqual(stored, ['1 → a', '2 → b']);
  });

  it('does without a host that is not reached after a moment', async () => {
    const { router, stored, silent, clock } = pool(['a', 'b']);
    silent.add('b');
    router.apply([add(named('p'))]);
    await clock.advance(5_000);
    router.retry();
    await settle();
    assert.deepEqual(stored, ['p → a']);
  });

  it('waits for a host and says so once', async () => {
    const { router, delivered, waiting, silent, clock } = pool(['a', 'b']);
    silent.add('a').add('b');
    router.apply([add(named('p'))]);
    router.retry();
    assert.deepEqual(waiting, ['p host a does not answer: gone; host b does not answer: gone']);
    await clock.advance(5_000);
    silent.delete('b');
    router.retry();
    await settle();
    assert.deepEqual(delivered, ['b: add p b']);
  });

  it('tries again to refuse a pod when the Node could not be read', async () => {
    const elsewhere = { reason: 'NodeAffinity', message: 'labels' } as const;
    let reads = 0;
    const { router, refused } = pool(['a', 'b'], {
      refreshNode: () => (++reads === 1 ? Promise.reject(new Error('no answer')) : Promise.resolve()),
    });
    router.attach(
      ['a', 'b'].map((name) => ({
        name,
        silent: () => undefined,
        holds: () => false,
        candidate: () => ({
          draining: false,
          hasHandler: true,
          refusal: elsewhere,
          preempts: false,
          allocatable: {},
          images: new Set(),
        }),
        deliver: () => undefined,
      })),
    );
    router.apply([add(named('p'))]);
    await settle();
    assert.deepEqual(refused, []);
    router.retry();
    await settle();
    assert.deepEqual(refused, ['p NodeAffinity']);
  });

  it('lets a pod that was never placed go through any host', () => {
    const { router, delivered, silent } = pool(['a', 'b']);
    silent.add('a').add('b');
    router.apply([add(named('p'))]);
    silent.delete('b');
    const leaving = named('p', { deletionTimestamp: '2026-01-01T00:00:00Z' });
    router.apply([{ kind: 'delete', pod: leaving }]);
    assert.deepEqual(delivered, ['b: add p -']);
  });

  it('starts nothing of a pod whose host is not there any more, and says so once', async () => {
    for (const names of [['a', 'b'], ['a']]) {
      const { router, delivered, stored, waiting } = pool(names);
      router.apply([add(on('p', 'gone')), { kind: 'update', pod: on('p', 'gone') }]);
      await settle();
      assert.deepEqual([delivered, stored], [[], []]);
      assert.deepEqual(waiting, ['p stranded on gone']);
    }
  });

  it('lets a pod go that is over, although its host is not there any more', () => {
    const { router, delivered } = pool(['a', 'b']);
    router.apply([add({ ...on('p', 'gone'), status: { phase: 'Succeeded' } })]);
    assert.deepEqual(delivered, ['a: add p gone']);
  });

  it('leaves a pod where it runs already, fuller or not, going or not', async () => {
    const { router, delivered, stored, held } = pool(['a', 'b']);
    held.add('b uid-p').add('b uid-q');
    router.apply([
      add(on('1', 'b')),
      add(on('2', 'b')),
      add(named('p')),
      add(named('q', { deletionTimestamp: '2026-01-01T00:00:00Z' })),
    ]);
    await settle();
    assert.deepEqual(stored, ['p → b']);
    assert.deepEqual(delivered.slice(2).sort(), ['b: add p b', 'b: add q -']);
  });

  it('does not start a pod that has run while the host that may have it has not been looked at', async () => {
    const { router, delivered, waiting, unseen, held } = pool(['a', 'b']);
    unseen.add('b');
    const ran = { ...named('p'), status: { startTime: '2026-01-01T00:00:00Z' } };
    router.apply([add(ran), add(named('fresh'))]);
    await settle();
    assert.deepEqual(delivered, ['a: add fresh a']);
    assert.match(waiting.join(), /p it has run before, .* observed yet: b/);
    assert.equal(router.isUnsettled('uid-p'), true);
    unseen.delete('b');
    held.add('b uid-p');
    router.retry();
    await settle();
    assert.deepEqual(delivered, ['a: add fresh a', 'b: add p b']);
    assert.equal(router.isUnsettled('uid-p'), false);
  });

  it('forgets a pod whose object goes while its choice is written', async () => {
    const written = Promise.withResolvers<undefined>();
    const { router, delivered } = pool(['a', 'b'], { store: () => written.promise });
    router.apply([add(named('p'))]);
    router.apply([{ kind: 'remove', pod: named('p') }]);
    written.resolve(undefined);
    await settle();
    assert.deepEqual(delivered, []);
  });
});
