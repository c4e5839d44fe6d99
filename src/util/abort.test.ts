import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { childController } from './abort.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('a child controller', () => {
  it('aborts with its parent, for the same reason', () => {
    const parent = new AbortController();
    const child = childController(parent.signal);
    parent.abort(new Error('over'));
    assert.equal(child.signal.reason, parent.signal.reason);
    assert.equal(childController(parent.signal).signal.reason, parent.signal.reason);
  });

  it('leaves no listener once it has aborted, garbage collected in between or not', async () => {
    const { signal } = new AbortController();
    const children = Array.from({ length: 20 }, () => childController(signal));
    // what a turn of the event loop has touched is kept until its end
    await setImmediate();
    collectGarbage();
    for (const child of children) child.abort();
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });
});
