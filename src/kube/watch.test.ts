import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeError } from '../model/errors.ts';
import { ignoredFaults } from '../model/faults.ts';
import type { KubeObject } from '../model/kube.ts';
import { FakeClock, quietLog } from '../testing/fixtures.ts';
import { watchObjects, type WatchEvent } from './watch.ts';

const refused = new KubeError('unavailable', 'connection refused', { status: 0, reason: '' });
const busy = new KubeError('resource-exhausted', 'too many', { status: 429, reason: 'TooManyRequests' });
const bookmark = {
  type: 'BOOKMARK',
  object: { apiVersion: 'v1', kind: 'Pod', metadata: { resourceVersion: '7' } },
};
const gone = new KubeError('gone', 'too old resource version', { status: 410, reason: 'Expired' });

/** A watch that opens, tells of version 7 and ends: after how long, and how. */
interface Opened {
  readonly afterMs: number;
  readonly breaks?: Error;
}

/**
 * What happened, in order: lists, watches with their version, waits in ms. The watch ends with the script.
 */
async function play(script: readonly ('list' | KubeError | Opened)[]): Promise<string[]> {
  const seen: string[] = [];
  const over = new AbortController();
  const next = (): 'list' | Opened => {
    const step = script[at++];
    if (step === undefined) over.abort(new Error('the script is over'));
    over.signal.throwIfAborted();
    if (step === undefined || step instanceof KubeError) throw step ?? new Error('the script is over');
    return step;
  };
  async function* lines({ afterMs, breaks }: Opened): AsyncGenerator<Buffer> {
    yield Buffer.from(`${JSON.stringify(bookmark)}\n`);
    // as far as the bookmarks that come each minute: the way is not silent
    for (let left = afterMs; left > 0; left -= 60_000) {
      await clock.advance(Math.min(left, 60_000));
      yield Buffer.from('\n');
      yield Buffer.from(`${JSON.stringify(bookmark)}\n`);
    }
    if (breaks !== undefined) throw breaks;
  }
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
            const opened = next();
            if (opened === 'list') throw new Error('the script has a list where a watch is asked for');
            return { body: lines(opened) };
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
  const seenFirst = ['list', 'reset', 'watch 1'];
  const endings: [name: string, ending: KubeError | Opened, then: string[]][] = [
    ['ended in due time goes on', { afterMs: 300_000 }, ['watch 7']],
    ['a busy server refused goes on', busy, ['wait 800', 'watch 1']],
    ['ended before its time is listed again', { afterMs: 200_000 }, ['list']],
    [
      'broke off is listed again, though it told of something',
      { afterMs: 200_000, breaks: new Error('reset by peer') },
      ['list'],
    ],
    ['broke off at once is listed again, later', { afterMs: 0, breaks: refused }, ['wait 800', 'list']],
    ['could not be opened is listed again', refused, ['wait 800', 'list']],
    ['has expired is listed again', gone, ['list']],
  ];
  for (const [name, ending, then] of endings)
    it(`that ${name}`, async () => {
      const seen = await play(['list', ending]);
      assert.deepEqual(seen, [...seenFirst, ...then]);
    });

  it('waits longer with each failure', async () => {
    assert.deepEqual(await play(['list', busy, busy]), [
      ...seenFirst,
      'wait 800',
      'watch 1',
      'wait 1600',
      'watch 1',
    ]);
    assert.deepEqual(await play(['list', refused, refused, refused, 'list']), [
      ...seenFirst,
      'wait 800',
      'list',
      'wait 1600',
      'list',
      'wait 3200',
      'list',
      'reset',
      'watch 2',
    ]);
  });

  it('lists at once when a server that is less busy says that the version has expired', async () => {
    assert.deepEqual(await play(['list', busy, busy, gone, 'list']), [
      ...seenFirst,
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
