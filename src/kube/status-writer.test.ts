import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, PodCondition, PodStatus } from '../model/kube.ts';
import { FakeClock, pod, quietLog, settle } from '../testing/fixtures.ts';
import { StatusWriter } from './status-writer.ts';

const own = pod({ metadata: { uid: 'u', resourceVersion: '1' }, status: {} });

/** An API server that answers each write as soon as the test lets it. */
function setUp(log = quietLog) {
  const clock = new FakeClock();
  const written: string[] = [];
  const ended: string[] = [];
  const server = {
    answer: (): Promise<unknown> => Promise.resolve(),
    keeps: (status: PodStatus): PodStatus => status,
  };
  const none = (): Promise<never> => Promise.reject(new Error('not asked for'));
  const writer = new StatusWriter({
    client: {
      get: none,
      create: none,
      replace: none,
      delete: none,
      patch: async <T>(_path: string, _type: string, body: object): Promise<T> => {
        const { status } = body as { status: PodStatus };
        written.push(status.reason ?? '');
        await server.answer();
        return pod({
          metadata: { uid: 'u', resourceVersion: String(written.length + 1) },
          status: server.keeps(status),
        }) as unknown as T;
      },
    },
    clock,
    log,
    signal: new AbortController().signal,
    merge: (_api, desired) => desired,
    onWrite: (result) => ended.push(result),
  });
  const set = (reason: string, lingerMs?: number, subject: Pod = own): void => {
    writer.set(subject, {
      status: { reason },
      mayRun: true,
      ...(lingerMs === undefined ? {} : { lingerMs }),
    });
  };
  return { clock, written, ended, server, writer, set };
}

describe('a status', () => {
  it('is written at once, and the same one not again', async () => {
    const { written, set } = setUp();
    set('a');
    await settle();
    set('a');
    await settle();
    assert.deepEqual(written, ['a']);
  });

  it('of many pods that can not be written for one and the same reason is told of once', async () => {
    const warned: object[] = [];
    const { server, set } = setUp({ ...quietLog, warn: (fields: object) => warned.push(fields) });
    const lost = new Error('the lease could not be renewed');
    server.answer = () => Promise.reject(lost);
    for (const uid of ['a', 'b', 'c']) set('x', undefined, pod({ metadata: { uid, name: uid }, status: {} }));
    await settle();
    assert.deepEqual(warned, [{ err: lost, pod: 'a', namespace: 'default', uid: 'a' }]);
  });

  it('that is not written yet is counted, with how long it has been wished for', async () => {
    const { clock, ended, server, set, writer } = setUp();
    server.answer = () => Promise.reject(new Error('away'));
    set('a');
    await settle();
    await clock.advance(3_000);
    const { count, oldestMs } = writer.backlog();
    assert.deepEqual({ count, oldestMs }, { count: 1, oldestMs: 3_000 });
    assert.ok(ended.length > 1 && ended.every((result) => result === 'failed'), ended.join());
    server.answer = () => Promise.resolve();
    await clock.advance(60_000);
    await settle();
    assert.equal(ended.at(-1), 'written');
    assert.deepEqual(writer.backlog(), { count: 0, oldestMs: 0 });
  });

  it('of which newer ones came while it was written is followed by the newest', async () => {
    const { written, server, set } = setUp();
    const first = Promise.withResolvers<undefined>();
    server.answer = () => first.promise;
    set('a');
    await settle();
    set('b');
    set('c');
    first.resolve(undefined);
    await settle();
    assert.deepEqual(written, ['a', 'c']);
  });
});

describe('a status that the API server does not keep as it is', () => {
  it('is written once, and the next one as ever', async () => {
    const { written, server, set, writer } = setUp();
    server.keeps = ({ reason }) => (reason === 'odd' ? {} : { reason: reason ?? '' });
    set('odd');
    await writer.settled('u');
    set('odd');
    await writer.settled('u');
    assert.deepEqual(written, ['odd']);
    set('b');
    await writer.settled('u');
    assert.deepEqual(written, ['odd', 'b']);
  });

  it('is written again when somebody else has changed it', async () => {
    const { written, set, writer } = setUp();
    set('a');
    await writer.settled('u');
    writer.observed(pod({ metadata: { uid: 'u', resourceVersion: '9' }, status: { reason: 'theirs' } }));
    await writer.settled('u');
    assert.deepEqual(written, ['a', 'a']);
  });
});

/** One pod of an API server that shows each writer what any of them wrote, as its watch would. */
function contested() {
  const clock = new FakeClock();
  const writers: StatusWriter[] = [];
  let version = 1;
  let writes = 0;
  const none = (): Promise<never> => Promise.reject(new Error('not asked for'));
  const add = (): StatusWriter => {
    const writer = new StatusWriter({
      client: {
        get: none,
        create: none,
        replace: none,
        delete: none,
        patch: <T>(_path: string, _type: string, body: object): Promise<T> => {
          writes += 1;
          version += 1;
          const { status } = body as { status: PodStatus };
          const answer = pod({ metadata: { uid: 'u', resourceVersion: String(version) }, status });
          queueMicrotask(() => {
            for (const each of writers) each.observed(answer);
          });
          return Promise.resolve(answer as unknown as T);
        },
      },
      clock,
      log: quietLog,
      signal: new AbortController().signal,
      merge: (_api, desired) => desired,
    });
    writers.push(writer);
    return writer;
  };
  const set = (writer: StatusWriter, hostIP: string): void => {
    writer.set(own, { status: { hostIP }, mayRun: true });
  };
  return { clock, add, set, writes: () => writes };
}

describe('a status that something else overwrites', () => {
  it('is put back ever more slowly: two that disagree write less than ten times a minute', async () => {
    const { clock, add, set, writes } = contested();
    const [first, second] = [add(), add()];
    set(first, '10.0.0.1');
    await settle();
    set(second, '10.0.0.2');
    for (let second = 0; second < 600; second += 1) await clock.advance(100);
    assert.ok(writes() >= 4, `${String(writes())} writes`);
    assert.ok(writes() < 10, `${String(writes())} writes`);
  });

  it('is put back once, where that is the end of it', async () => {
    const { clock, written, set, writer } = setUp();
    set('a');
    await settle();
    writer.observed(pod({ metadata: { uid: 'u', resourceVersion: '3' }, status: { reason: 'theirs' } }));
    set('a');
    await settle();
    assert.deepEqual(written, ['a']);
    await clock.advance(1_200);
    assert.deepEqual(written, ['a', 'a']);
    assert.equal(clock.timers, 0);
  });

  it('is not put back sooner by a sync that has nothing new, where the API server adds nulls', async () => {
    const { clock, written, server, writer } = setUp();
    const desired = (): PodStatus => ({ reason: 'a', conditions: [{ type: 'Ready', status: 'True' }] });
    const sync = (): void => {
      writer.set(own, { status: desired(), mayRun: true });
    };
    server.keeps = () => ({
      reason: 'a',
      conditions: [{ type: 'Ready', status: 'True', lastProbeTime: null } as object as PodCondition],
    });
    sync();
    await settle();
    sync();
    writer.observed(pod({ metadata: { uid: 'u', resourceVersion: '3' }, status: { reason: 'theirs' } }));
    sync();
    await settle();
    assert.deepEqual(written, ['a']);
    await clock.advance(1_200);
    assert.deepEqual(written, ['a', 'a']);
  });

  it('gives way to news at once', async () => {
    const { clock, written, set, writer } = setUp();
    set('a');
    await settle();
    writer.observed(pod({ metadata: { uid: 'u', resourceVersion: '3' }, status: { reason: 'theirs' } }));
    set('b');
    await settle();
    assert.deepEqual(written, ['a', 'b']);
    assert.equal(clock.timers, 0);
  });

  it('is let go with its pod', async () => {
    const { clock, written, set, writer } = setUp();
    set('a');
    await settle();
    writer.observed(pod({ metadata: { uid: 'u', resourceVersion: '3' }, status: { reason: 'theirs' } }));
    writer.forget('u');
    await clock.advance(10_000);
    assert.deepEqual(written, ['a']);
    assert.equal(clock.timers, 0);
  });
});

describe('a status that may linger', () => {
  it('is left out when a newer one comes in time', async () => {
    const { clock, written, set } = setUp();
    set('a');
    await settle();
    set('sandbox', 500);
    await clock.advance(499);
    set('running');
    await clock.advance(1_000);
    assert.deepEqual(written, ['a', 'running']);
    assert.equal(clock.timers, 0);
  });

  it('is written when its time is over, however often it was renewed', async () => {
    const { clock, written, set } = setUp();
    set('x', 500);
    await clock.advance(300);
    set('y', 500);
    await clock.advance(199);
    assert.deepEqual(written, []);
    await clock.advance(1);
    assert.deepEqual(written, ['y']);
  });

  it('lingers on when the write before it ends, or the object is seen again', async () => {
    const { clock, written, server, writer, set } = setUp();
    const first = Promise.withResolvers<undefined>();
    server.answer = () => first.promise;
    set('a');
    await settle();
    set('sandbox', 500);
    first.resolve(undefined);
    await settle();
    writer.observed(own);
    await settle();
    assert.deepEqual(written, ['a']);
    await clock.advance(500);
    assert.deepEqual(written, ['a', 'sandbox']);
  });

  it('does not hold up what is not to wait, and waits for the write before it', async () => {
    const { clock, written, server, set } = setUp();
    const first = Promise.withResolvers<undefined>();
    server.answer = () => first.promise;
    set('a');
    await settle();
    set('not ready');
    set('not ready, and more', 500);
    first.resolve(undefined);
    await settle();
    assert.deepEqual(written, ['a', 'not ready, and more']);
    set('later', 500);
    await settle();
    assert.deepEqual(written.slice(2), []);
    await clock.advance(500);
    assert.deepEqual(written.slice(2), ['later']);
  });

  it('lingers after what is not to wait, and was there already', async () => {
    const { written, set } = setUp();
    set('a');
    await settle();
    set('a');
    set('passing', 500);
    await settle();
    assert.deepEqual(written, ['a']);
  });

  it('is current before it is written', () => {
    const { writer, set } = setUp();
    set('sandbox', 500);
    assert.equal(writer.current('u')?.reason, 'sandbox');
  });

  it('is written at once when somebody waits for it', async () => {
    const { clock, written, writer, set } = setUp();
    set('sandbox', 500);
    await writer.settled('u');
    assert.deepEqual(written, ['sandbox']);
    set('other', 500);
    await writer.flush();
    assert.deepEqual(written, ['sandbox', 'other']);
    assert.equal(clock.timers, 0);
  });

  it('goes with its pod', async () => {
    const { clock, written, writer, set } = setUp();
    set('sandbox', 500);
    writer.forget('u');
    await clock.advance(1_000);
    assert.deepEqual(written, []);
  });
});
