import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Alarm } from './alarm.ts';
import { systemClock } from './clock.ts';
import { isQueued, shortRound } from './rounds.ts';

const nextRound = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

function work(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until;);
}

/** In a round of which nobody has asked anything yet. */
async function inFreshRound(): Promise<void> {
  do await nextRound();
  while (isQueued());
  await nextRound();
}

/** In a round of the loop that has gone on for too long. */
async function inLongRound(): Promise<void> {
  await inFreshRound();
  assert.equal(shortRound(), undefined);
  work(11);
}

const round = (): number => performance.nodeTiming.uvMetricsInfo.loopCount;

describe('a round of the loop', () => {
  it('that has hardly begun is waited for by nobody', async () => {
    await inFreshRound();
    assert.equal(shortRound(), undefined);
    assert.equal(shortRound(), undefined);
  });

  it('that is long leaves the rest to the next, in their order, and those that come then come after', async () => {
    await inLongRound();
    const long = round();
    const seen: string[] = [];
    const piece = async (name: string): Promise<void> => {
      await shortRound();
      assert.notEqual(round(), long);
      seen.push(name);
    };
    await Promise.all([...['a', 'b', 'c'].map(piece), nextRound().then(() => piece('d'))]);
    assert.deepEqual(seen, ['a', 'b', 'c', 'd']);
  });

  it('has as many as there is time for', async () => {
    await inLongRound();
    const rounds = new Set<number>();
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        await shortRound();
        rounds.add(round());
      }),
    );
    assert.ok(rounds.size < 50, `${rounds.size} rounds for 100 pieces`);
  });

  it('has one of them at least, however long rounds are for others', async () => {
    await inLongRound();
    let isOver = false;
    const busy = (): void => {
      work(12);
      void shortRound();
      if (!isOver) setImmediate(busy);
    };
    setImmediate(busy);
    const rounds: number[] = [];
    await Promise.all(
      ['a', 'b', 'c'].map(async () => {
        await shortRound();
        rounds.push(round());
        work(11);
      }),
    );
    isOver = true;
    assert.equal(new Set(rounds).size, 3);
  });
});

describe('who wakes in a long round', () => {
  const { signal: life } = new AbortController();
  const sleeps: [string, (signal: AbortSignal) => Promise<void>][] = [
    ['from a sleep', (signal) => systemClock.sleep(1, { signal })],
    ['from a sleep that can be woken', (signal) => new Alarm(systemClock).arm(signal).sleep(1)],
  ];
  for (const [name, sleep] of sleeps) {
    it(`${name} has a turn in the next`, async () => {
      await inFreshRound();
      assert.equal(shortRound(), undefined);
      const slept = sleep(life);
      work(11);
      const long = round();
      await slept;
      assert.notEqual(round(), long);
    });

    it(`${name} is let go at once where it is to end`, async () => {
      await inFreshRound();
      assert.equal(shortRound(), undefined);
      const ending = new AbortController();
      const why = new Error('it ends');
      const slept = sleep(ending.signal);
      setTimeout(() => {
        assert.ok(isQueued());
        ending.abort(why);
      }, 1);
      work(11);
      await assert.rejects(slept, why);
      assert.ok(isQueued());
    });
  }
});
