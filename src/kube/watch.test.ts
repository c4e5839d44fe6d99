import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeError } from '../model/errors.ts';
import { ignoredFaults } from '../model/faults.ts';
import type { KubeObject } from '../model/kube.ts';
import { FakeClock, quietLog } from '../testing/fixtures.ts';
import { watchObjects, type WatchEvent } from './watch.ts';

const refused = new KubeError('unavailable', 'connection refused', { status: 0, reason: '' });
const gone = new KubeError('gone', 'too old resource version', { status: 410, reason: 'Expired' });

/** What happened, in order: lists, watches with their version, waits in ms. The script's end ends the watch. */
async function play(script: readonly ('list' | KubeError)[]): Promise<string[]> {
  const seen: string[] = [];
  const over = new AbortController();
  const next = (): void => {
    const step = script[at++];
    if (step === undefined) over.abort(new Error('the script is over'));
    over.signal.throwIfAborted();
    if (step instanceof KubeError) throw step;
  };
  let at = 0;
  let lists = 0;
  const clock = new FakeClock();
  clock.sleep = (ms) => {
    seen.push(`wait ${String(ms)}`);
    return Promise.resolve();
  };
  await watchObjects<KubeObject>(
    {
      client: {
        get: <T>() =>
          Promise.resolve().then(() => {
            seen.push('list');
            next();
            lists += 1;
            return { metadata: { resourceVersion: String(lists) }, items: [] } as T;
          }),
        stream: (_path, { query }) =>
          Promise.resolve().then(() => {
            seen.push(`watch ${String(query?.resourceVersion)}`);
            next();
            throw new Error('no watch of the script succeeds');
          }),
      },
      clock,
      log: quietLog,
      faults: ignoredFaults,
      random: () => 0,
      path: '/api/v1/pods',
      what: 'things',
      onEvent: (event: WatchEvent<KubeObject>) => {
        seen.push(event.type);
      },
    },
    { signal: over.signal },
  ).catch((error: unknown) => {
    if (!over.signal.aborted) throw error;
  });
  return seen;
}

describe('watch', () => {
  it('waits longer with each failure, and resumes where it was', async () => {
    assert.deepEqual(await play(['list', refused, refused]), [
      'list',
      'reset',
      'watch 1',
      'wait 800',
      'watch 1',
      'wait 1600',
      'watch 1',
    ]);
  });

  it('lists at once when a server that is back says that the version has expired', async () => {
    assert.deepEqual(await play(['list', refused, refused, gone, 'list']), [
      'list',
      'reset',
      'watch 1',
      'wait 800',
      'watch 1',
      'wait 1600',
      'watch 1',
      'list',
      'reset',
      'watch 2',
    ]);
  });

  it('does not list in a loop when every watch expires', async () => {
    assert.deepEqual(await play(['list', gone, 'list', gone, 'list', gone]), [
      'list',
      'reset',
      'watch 1',
      'list',
      'reset',
      'watch 2',
      'wait 800',
      'list',
      'reset',
      'watch 3',
      'wait 1600',
      'list',
    ]);
  });
});
