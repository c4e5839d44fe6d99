import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock, settle } from '../testing/fixtures.ts';
import { FewAtOnce } from './few-at-once.ts';

function setUp(): {
  clock: FakeClock;
  begun: string[];
  begin: (...names: string[]) => ((() => void) | undefined)[];
  few: FewAtOnce;
  end: (name: string) => Promise<void>;
  fail: (name: string) => Promise<void>;
} {
  const clock = new FakeClock();
  const begun: string[] = [];
  const works = new Map<string, PromiseWithResolvers<undefined>>();
  const few = new FewAtOnce({ few: 2, patienceMs: 20, clock });
  return {
    clock,
    begun,
    few,
    begin: (...names) =>
      names.map((name) =>
        few.begin(() => {
          const work = Promise.withResolvers<undefined>();
          begun.push(name);
          works.set(name, work);
          return work.promise;
        }),
      ),
    end: (name) => {
      works.get(name)?.resolve(undefined);
      return settle();
    },
    fail: (name) => {
      works.get(name)?.reject(new Error('boom'));
      return settle();
    },
  };
}

describe('few at once', () => {
  it('are begun at once, and the others in their order as those end, however they end', async () => {
    const { clock, begun, begin, end, fail } = setUp();
    begin('a', 'b', 'c', 'd');
    assert.deepEqual(begun, ['a', 'b']);
    await fail('b');
    assert.deepEqual(begun, ['a', 'b', 'c']);
    await end('a');
    assert.deepEqual(begun, ['a', 'b', 'c', 'd']);
    assert.equal(clock.timers, 0, 'nobody waits');
    await end('c');
    await end('d');
    begin('e', 'f', 'g');
    assert.deepEqual(begun.slice(4), ['e', 'f']);
  });

  it('hold the others up no longer than patience lasts, whoever else comes meanwhile', async () => {
    const { clock, begun, begin, end } = setUp();
    begin('hangs', 'hangs too', 'a');
    await clock.advance(15);
    begin('b');
    assert.deepEqual(begun, ['hangs', 'hangs too']);
    await clock.advance(5);
    assert.deepEqual(begun.slice(2), ['a']);
    await end('a');
    assert.deepEqual(begun.slice(2), ['a'], 'two are too many already');
    await clock.advance(19);
    assert.deepEqual(begun.slice(2), ['a']);
    await clock.advance(1);
    assert.deepEqual(begun.slice(2), ['a', 'b']);
    assert.equal(clock.timers, 0);
  });

  it('make up for what a loop that came late has missed, but no more than a few', async () => {
    const { clock, begun, begin } = setUp();
    begin('hangs', 'hangs too', 'a', 'b', 'c');
    clock.late(60);
    await settle();
    assert.deepEqual(begun.slice(2), ['a', 'b']);
  });

  it('can be taken back until they begin', async () => {
    const { clock, begun, begin, end } = setUp();
    const [, , cancelC] = begin('a', 'b', 'c', 'd');
    cancelC?.();
    await end('a');
    assert.deepEqual(begun, ['a', 'b', 'd']);
    const [cancelE] = begin('e');
    assert.equal(clock.timers, 1);
    cancelE?.();
    cancelE?.();
    assert.equal(clock.timers, 0);
  });

  it('let others have their turn, though they end at once', async () => {
    const { few } = setUp();
    const turns: number[] = [];
    let turn = 0;
    const round = (): void => {
      turn += 1;
      if (turn < 50) setImmediate(round);
    };
    setImmediate(round);
    for (let count = 0; count < 6; count++)
      few.begin(() => {
        turns.push(turn);
        return Promise.resolve();
      });
    await settle();
    assert.deepEqual(
      turns.map((at) => turns.filter((other) => other === at).length),
      [2, 2, 2, 2, 2, 2],
    );
  });
});
