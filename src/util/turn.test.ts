import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { calmTurn, inTurns, nextTurn } from './turn.ts';

describe('turns of the event loop', () => {
  it('have one piece each, of whoever waits longest, and others come between', async () => {
    const seen: string[] = [];
    const work = async (name: string): Promise<void> => {
      for (let piece = 1; piece <= 3; piece++) {
        await nextTurn();
        seen.push(`${name}${piece}`);
      }
    };
    let isOver = false;
    const others = (): void => {
      seen.push('-');
      if (!isOver) setImmediate(others);
    };
    setImmediate(others);
    await Promise.all([work('a'), work('b'), work('c')]);
    isOver = true;
    assert.equal(
      seen.join(' ').replace(/^(- )+/, ''),
      ['a1', 'b1', 'c1', 'a2', 'b2', 'c2', 'a3', 'b3', 'c3'].join(' - '),
    );
  });

  it('are given again after nobody waited', async () => {
    await nextTurn();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    await nextTurn();
  });

  const pieces = (seen: string[], name: string) =>
    (function* (): Generator<undefined, string> {
      for (let piece = 1; piece <= 2; piece++) {
        seen.push(`${name}${piece}`);
        yield;
      }
      return name;
    })();

  it('do one work after the other, whatever became of the one before', async () => {
    const seen: string[] = [];
    const aborted = AbortSignal.abort(new Error('gone'));
    const faulty = (function* (): Generator<undefined, never> {
      yield;
      throw new Error('broken');
    })();
    const results = await Promise.allSettled([
      inTurns(pieces(seen, 'a')),
      inTurns(faulty),
      inTurns(pieces(seen, 'b'), { signal: aborted }),
      inTurns(pieces(seen, 'c')),
    ]);
    assert.deepEqual(
      results.map((each) => (each.status === 'fulfilled' ? each.value : (each.reason as Error).message)),
      ['a', 'broken', 'gone', 'c'],
    );
    assert.deepEqual(seen, ['a1', 'a2', 'c1', 'c2']);
  });
});

describe('a calm turn', () => {
  it('is one after the other, with rounds of the loop between', async () => {
    const seen: string[] = [];
    let isOver = false;
    const others = (): void => {
      seen.push('-');
      if (!isOver) setImmediate(others);
    };
    setImmediate(others);
    await Promise.all(['a', 'b', 'c'].map((name) => calmTurn().then(() => seen.push(name))));
    isOver = true;
    assert.match(seen.join(''), /^-{3,}a-{3,}b-{3,}c$/);
  });

  it('waits while rounds are long, but not for ever', async () => {
    let rounds = 0;
    let isOver = false;
    const busy = (): void => {
      rounds += 1;
      for (const until = performance.now() + 40; performance.now() < until;);
      if (!isOver) setImmediate(busy);
    };
    setImmediate(busy);
    await calmTurn();
    isOver = true;
    assert.ok(rounds > 3);
  });
});
