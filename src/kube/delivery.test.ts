import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../model/kube.ts';
import { FakeClock } from '../testing/fixtures.ts';
import { Delivery, type WatchEvent } from './delivery.ts';

const object = (uid: string, value = ''): KubeObject => ({ metadata: { uid, name: uid, labels: { value } } });

function setUp() {
  const clock = new FakeClock();
  const taken: string[] = [];
  const reported: string[] = [];
  const broken = new Set<string>();
  const text = (each: KubeObject): string =>
    `${each.metadata?.name ?? ''}${each.metadata?.labels?.value ?? ''}`;
  const delivery = new Delivery<KubeObject>({
    what: 'things',
    clock,
    random: () => 0,
    faults: { report: (part, error) => reported.push(`${part}: ${(error as Error).message}`) },
    onEvent: (event: WatchEvent<KubeObject>) => {
      const all = event.type === 'reset' ? event.items : [event.object];
      const poison = all.find(({ metadata }) => broken.has(metadata?.uid ?? ''));
      if (poison !== undefined) throw new TypeError(`no ${poison.metadata?.name ?? ''}`);
      taken.push(`${event.type} ${all.map(text).join()}`);
    },
  });
  return { clock, taken, reported, broken, delivery };
}

describe('news of a watch that its handler throws over', () => {
  it('is reported, holds up no other object, and is told again until it is taken', async () => {
    const { clock, taken, reported, broken, delivery } = setUp();
    broken.add('a');
    delivery.deliver({ type: 'upsert', object: object('a') });
    delivery.deliver({ type: 'upsert', object: object('b') });
    assert.deepEqual(taken, ['upsert b']);
    assert.deepEqual(reported, ['watch: news of things was not taken: no a']);
    await clock.advance(1_000);
    assert.equal(reported.length, 2);
    broken.clear();
    await clock.advance(1_999);
    assert.deepEqual(taken, ['upsert b']);
    await clock.advance(1);
    assert.deepEqual(taken, ['upsert b', 'upsert a']);
    assert.equal(clock.timers, 0);
  });

  it('gives way to newer news of the same object', async () => {
    const { clock, taken, broken, delivery } = setUp();
    broken.add('a');
    delivery.deliver({ type: 'upsert', object: object('a', '1') });
    broken.clear();
    delivery.deliver({ type: 'upsert', object: object('a', '2') });
    await clock.advance(60_000);
    assert.deepEqual(taken, ['upsert a2']);
  });

  it('of everything is told again as it is by then', async () => {
    const { clock, taken, broken, delivery } = setUp();
    broken.add('a');
    delivery.deliver({ type: 'reset', items: [object('a'), object('b'), object('c')] });
    delivery.deliver({ type: 'upsert', object: object('b', '2') });
    delivery.deliver({ type: 'delete', object: object('c') });
    broken.clear();
    await clock.advance(1_000);
    assert.deepEqual(taken, ['upsert b2', 'delete c', 'reset a,b2']);
  });

  it('is told ever more seldom', async () => {
    const { clock, reported, broken, delivery } = setUp();
    broken.add('a');
    delivery.deliver({ type: 'delete', object: object('a') });
    await clock.advance(600_000);
    assert.ok(reported.length >= 10 && reported.length <= 20, `${reported.length} times`);
  });

  it('is forgotten when the watch ends', async () => {
    const { clock, reported, broken, delivery } = setUp();
    broken.add('a');
    delivery.deliver({ type: 'upsert', object: object('a') });
    delivery.end();
    await clock.advance(600_000);
    assert.equal(reported.length, 1);
  });
});
