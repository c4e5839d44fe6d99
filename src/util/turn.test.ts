import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nextTurn } from './turn.ts';

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
});
