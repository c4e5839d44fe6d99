import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock, settle } from '../../testing/fixtures.ts';
import { mayBeUnderWay, startPatienceMs, startWidth, workedOn, type StartCall } from './start-pace.ts';
import { StartPermits } from './start-permits.ts';

const forever = new AbortController().signal;

/** Starts by name: when they were let in, and how to end them. */
function setUp(width: number, roundTripMs = 0) {
  const clock = new FakeClock();
  const limit = { width };
  const permits = new StartPermits({ clock, width: () => limit.width, roundTripMs: () => roundTripMs });
  const order: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<string>>();
  const start = (
    name: string,
    { call = 'sandbox', signal = forever }: { call?: StartCall; signal?: AbortSignal } = {},
  ): Promise<string> => {
    const end = Promise.withResolvers<string>();
    ends.set(name, end);
    const outcome = permits.run({ call, signal }, () => {
      order.push(name);
      return end.promise;
    });
    outcome.catch(() => undefined);
    return outcome;
  };
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.resolve(name);
    await settle();
  };
  return { clock, limit, order, start, end, ends };
}

describe('how many starts at a time', () => {
  for (const [cpus, width] of [
    [1, 2],
    [2, 3],
    [3, 5],
    [4, 6],
    [64, 96],
  ] as const)
    it(`is ${width} on ${cpus} CPUs`, () => {
      assert.equal(startWidth(cpus), width);
    });

  for (const [roundTripMs, workMs, count] of [
    [0, 50, 3],
    [2, 50, 3],
    [5, 300, 3],
    [40, 50, 7],
    [200, 50, 24],
    [200, 300, 7],
    [200, 0, 40],
    [60_000, 50, 40],
  ] as const)
    it(`is ${count} where 3 are worked on for ${workMs} ms each, ${roundTripMs} ms away`, () => {
      const part = workedOn({ roundTripMs, workMs });
      const may = (calls: number): boolean => mayBeUnderWay(Array<number>(calls).fill(part), 3);
      assert.deepEqual([may(count), may(count + 1)], [true, false]);
    });

  it('is one at least, and as many as the shorter ones leave room for', () => {
    assert.equal(mayBeUnderWay([1], 0.5), true);
    const long = Array<number>(5).fill(0.75);
    assert.equal(mayBeUnderWay(long, 3), true);
    assert.equal(mayBeUnderWay([...long, 0.75], 3), false);
    assert.equal(mayBeUnderWay([...long.slice(1), ...Array<number>(8).fill(0.125)], 3), true);
  });

  it('is waited for less, the more hang', () => {
    assert.deepEqual([0, 1, 3, 9, 1_000].map(startPatienceMs), [2_000, 1_000, 500, 200, 200]);
  });
});

describe('starts', () => {
  it('go side by side up to the width, the others in order of arrival', async () => {
    const { order, start, end } = setUp(2);
    const first = start('a');
    for (const name of ['b', 'c', 'd']) void start(name);
    await settle();
    assert.deepEqual(order, ['a', 'b']);
    await end('b');
    assert.deepEqual(order, ['a', 'b', 'c']);
    await end('a');
    assert.deepEqual(order, ['a', 'b', 'c', 'd']);
    assert.equal(await first, 'a');
  });

  it('are more side by side on a far host, and fewer again as it takes longer for each', async () => {
    const { clock, order, start, end } = setUp(1, 100);
    for (let index = 0; index < 100; index += 1) void start(String(index));
    await settle();
    assert.equal(order.length, 3, 'of sandboxes 150 ms of work is the first guess');
    for (let index = 0; index < 60; index += 1) {
      await clock.advance(400);
      await end(String(index));
    }
    assert.equal(order.length, 61, 'one at a time: it has as much work as it can do');
  });

  it('are counted by what calls like them take: the shorter, the more are on their way', async () => {
    const { order, start } = setUp(1, 100);
    for (let index = 0; index < 20; index += 1) void start(`create-${index}`, { call: 'create' });
    await settle();
    assert.equal(order.length, 10);
    void start('sandbox');
    await settle();
    assert.equal(order.length, 10, 'of sandboxes there would be three');
  });

  it('wait behind those that came before, though they need less room', async () => {
    const { order, start, end } = setUp(1, 100);
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) void start(name, { call: 'start' });
    void start('create', { call: 'create' });
    await settle();
    assert.deepEqual(order, ['a', 'b', 'c', 'd', 'e']);
    await end('a');
    assert.deepEqual(order.slice(5, 6), ['f']);
  });

  it('take the room of one before them that is called off', async () => {
    const { order, start } = setUp(1, 100);
    const off = new AbortController();
    for (const name of ['a', 'b', 'c', 'd', 'e']) void start(name, { call: 'start' });
    void start('f', { call: 'start', signal: off.signal });
    void start('create', { call: 'create' });
    await settle();
    assert.deepEqual(order, ['a', 'b', 'c', 'd', 'e']);
    off.abort(new Error('the pod is to stop'));
    await settle();
    assert.deepEqual(order, ['a', 'b', 'c', 'd', 'e', 'create']);
  });

  it('of pods that have a sandbox go before those of new ones', async () => {
    const { order, start, end } = setUp(1);
    void start('a');
    void start('new');
    void start('create', { call: 'create' });
    void start('start', { call: 'start' });
    for (const name of ['a', 'create', 'start']) await end(name);
    assert.deepEqual(order, ['a', 'create', 'start', 'new']);
  });

  it('of a new one has its turn, however many that have begun try again and again', async () => {
    const { order, start, end } = setUp(1);
    void start('create-0', { call: 'create' });
    void start('new');
    for (let index = 0; !order.includes('new'); index += 1) {
      void start(`create-${index + 1}`, { call: 'create' });
      await end(`create-${index}`);
      assert.ok(index < 50, order.join());
    }
    assert.equal(order.indexOf('new'), 21);
    await end('new');
    assert.match(order.at(-1) ?? '', /^create/);
  });

  it('that fail leave their place to the next', async () => {
    const { order, start, ends } = setUp(1);
    const failing = start('a');
    void start('b');
    ends.get('a')?.reject(new Error('no'));
    await assert.rejects(failing, /no/);
    await settle();
    assert.deepEqual(order, ['a', 'b']);
  });

  it('that are called off leave the queue at once', async () => {
    const { order, start, end } = setUp(1);
    const off = new AbortController();
    void start('a');
    const waiting = start('b', { signal: off.signal });
    void start('c');
    off.abort(new Error('the pod is to stop'));
    await assert.rejects(waiting, /the pod is to stop/);
    await end('a');
    assert.deepEqual(order, ['a', 'c']);
    await assert.rejects(start('d', { signal: off.signal }), /the pod is to stop/);
  });

  it('go on where the host turns out to have more CPUs', async () => {
    const { limit, order, start, end } = setUp(1);
    for (const name of ['a', 'b', 'c', 'd']) void start(name);
    limit.width = 3;
    await end('a');
    assert.deepEqual(order, ['a', 'b', 'c', 'd']);
  });
});

describe('a start that hangs', () => {
  it('lets the next one in and goes on itself', async () => {
    const { clock, order, start, end } = setUp(1);
    const hanging = start('hangs');
    void start('b');
    await clock.advance(1_999);
    assert.deepEqual(order, ['hangs']);
    await clock.advance(1);
    assert.deepEqual(order, ['hangs', 'b']);
    void start('c');
    await end('hangs');
    assert.equal(await hanging, 'hangs');
    // its place was given away: its end lets no second one in
    assert.deepEqual(order, ['hangs', 'b']);
    await end('b');
    assert.deepEqual(order, ['hangs', 'b', 'c']);
  });

  it('by the hundred still lets another in within seconds', async () => {
    const { clock, order, start } = setUp(3);
    for (let index = 0; index < 100; index += 1) void start(`hangs-${index}`);
    void start('healthy');
    await clock.advance(10_000);
    assert.equal(order.at(-1), 'healthy');
  });

  it('is forgotten once it has ended', async () => {
    const { clock, order, start, end } = setUp(1);
    void start('hangs');
    await clock.advance(2_000);
    await end('hangs');
    void start('b');
    void start('c');
    await clock.advance(1_999);
    assert.deepEqual(order, ['hangs', 'b']);
  });

  it('leaves no timer behind', async () => {
    const { clock, start, end } = setUp(2);
    void start('a');
    await end('a');
    assert.equal(clock.timers, 0);
  });
});
