import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock, settle } from '../testing/fixtures.ts';
import { claimsFirst } from './claims-first.ts';

function stage(nodes: number) {
  const clock = new FakeClock();
  const claimed = claimsFirst(nodes, { clock });
  const started: string[] = [];
  const { signal } = new AbortController();
  const claim = (node: string): void => {
    void claimed({ signal }).then(() => started.push(node));
  };
  return { clock, claimed, started, claim };
}

describe('claims first', () => {
  it('a node alone starts at once', async () => {
    const { started, claim } = stage(1);
    claim('a');
    await settle();
    assert.deepEqual(started, ['a']);
  });

  it('none starts before all are claimed', async () => {
    const { started, claim } = stage(3);
    claim('a');
    claim('b');
    await settle();
    assert.deepEqual(started, []);
    claim('c');
    await settle();
    assert.deepEqual(started, ['a', 'b', 'c']);
  });

  it('one that another farlet runs is not waited for long, and starts at once when it is claimed', async () => {
    const { clock, started, claim } = stage(3);
    claim('a');
    claim('b');
    await clock.advance(4_999);
    assert.deepEqual(started, []);
    await clock.advance(1);
    assert.deepEqual(started, ['a', 'b']);
    claim('c');
    await settle();
    assert.deepEqual(started, ['a', 'b', 'c']);
  });

  it('ends with the signal', async () => {
    const { claimed } = stage(2);
    const stop = new AbortController();
    const waiting = claimed({ signal: stop.signal });
    stop.abort(new Error('the process ends'));
    await assert.rejects(waiting, /the process ends/);
  });
});
