import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock, pod, settle } from '../../testing/fixtures.ts';
import type { ReadyVolume } from './ready-volume.ts';
import { VolumeOperation, type VolumeToMount } from './volume-operation.ts';

const ready: ReadyVolume = {
  mounted: { hostPath: '/v', readOnly: false, managed: true, specName: 'v', isDevice: false, gid: undefined },
  written: undefined,
  renewAt: undefined,
};
const wish = (generation: number): VolumeToMount => ({
  pod: pod({ metadata: { generation } }),
  volume: { name: 'v', specName: 'v', plugin: 'p', work: { kind: 'image' }, bound: undefined },
});

function operate(outcomes: (Error | undefined | 'hang')[]) {
  const clock = new FakeClock();
  const stop = new AbortController();
  const attempts: (number | undefined)[] = [];
  const told: string[] = [];
  let release: () => void = () => undefined;
  const operation = new VolumeOperation(wish(0), {
    clock,
    signal: stop.signal,
    setUp: async ({ pod: { metadata } }) => {
      attempts.push(metadata.generation);
      const outcome = outcomes.shift();
      if (outcome === 'hang') await new Promise<void>((resolve) => (release = resolve));
      if (outcome instanceof Error) throw outcome;
      return ready;
    },
    onAttempt: (_, { error, firstReadyAfter }) => {
      told.push(error instanceof Error ? error.message : `ready ${String(firstReadyAfter)}`);
    },
  });
  return {
    clock,
    stop,
    attempts,
    told,
    operation,
    letGo: () => {
      release();
    },
  };
}
const { signal } = new AbortController();
const isDone = async (promise: Promise<void>): Promise<boolean> => {
  let done = false;
  void promise.then(
    () => (done = true),
    () => undefined,
  );
  await settle();
  return done;
};

describe('an operation on a volume', () => {
  it('is tried again after a backoff that doubles up to 2m2s', async () => {
    const { clock, operation, told, attempts } = operate(Array.from({ length: 12 }, () => new Error('no')));
    const number = operation.want(wish(1));
    await settle();
    const waits: number[] = [];
    for (let failures = 1; failures < 11; failures += 1) {
      const before = attempts.length;
      let waited = 0;
      for (const step of [500, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 58_000]) {
        if (attempts.length > before) break;
        await clock.advance(step);
        waited += step;
        await settle();
      }
      waits.push(waited);
    }
    assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 122_000, 122_000]);
    assert.ok(told.every((text) => text === 'no'));
    assert.equal(await isDone(operation.settled(number, { signal })), false);
  });

  it('works towards the newest wish, one attempt at a time', async () => {
    const { operation, attempts, letGo, told } = operate(['hang']);
    const first = operation.want(wish(1));
    await settle();
    operation.want(wish(2));
    const third = operation.want(wish(3));
    assert.deepEqual(attempts, [1]);
    letGo();
    await operation.settled(first, { signal });
    await operation.settled(third, { signal });
    assert.deepEqual(attempts, [1, 3]);
    assert.deepEqual(told, ['ready 0', 'ready undefined']);
  });

  it('is made again once it is forgotten, also while an attempt is under way', async () => {
    const { operation, attempts, letGo, told } = operate([undefined, 'hang']);
    await operation.settled(operation.want(wish(1)), { signal });
    operation.want(wish(2));
    await settle();
    operation.forget();
    const third = operation.settled(operation.want(wish(3)), { signal });
    assert.equal(operation.ready, undefined);
    assert.equal(operation.wasReady, true);
    letGo();
    await third;
    assert.deepEqual(attempts, [1, 2, 3]);
    assert.deepEqual(told, ['ready 0', 'ready undefined']);
  });

  it('ends with all who wait for it when it is stopped, and starts no more', async () => {
    const { operation, attempts, letGo } = operate([undefined, 'hang']);
    await operation.settled(operation.want(wish(1)), { signal });
    operation.forget();
    const waits = operation.settled(operation.want(wish(2)), { signal });
    await settle();
    const gone = new Error('the pod is gone');
    operation.stop(gone);
    await assert.rejects(waits, gone);
    letGo();
    await operation.idle();
    await assert.rejects(operation.settled(operation.want(wish(3)), { signal }), gone);
    await operation.idle();
    assert.deepEqual(attempts, [1, 2]);
  });

  it('is not begun again by who forgets it before it was ever ready', async () => {
    const { operation, attempts, letGo } = operate(['hang']);
    const first = operation.settled(operation.want(wish(1)), { signal });
    await settle();
    operation.forget();
    letGo();
    await first;
    assert.deepEqual(attempts, [1]);
  });

  it('holds nothing up once it was ready', async () => {
    const { operation, clock, attempts } = operate([undefined, new Error('gone'), undefined]);
    await operation.settled(operation.want(wish(1)), { signal });
    await operation.settled(operation.want(wish(2)), { signal });
    assert.equal(operation.ready, ready);
    // the next sync comes during the backoff
    await operation.settled(operation.want(wish(3)), { signal });
    assert.deepEqual(attempts, [1, 2]);
    await clock.advance(500);
    await settle();
    assert.deepEqual(attempts, [1, 2, 3]);
  });

  it('is tried at once when what it needs has come', async () => {
    const { operation, attempts } = operate([new Error('missing')]);
    const number = operation.want(wish(1));
    await settle();
    operation.retryNow();
    await operation.settled(number, { signal });
    assert.deepEqual(attempts, [1, 1]);
  });

  it('ends with its signal, and whoever waits is told', async () => {
    const { operation, stop, attempts, clock } = operate([new Error('no')]);
    const waiting = operation.settled(operation.want(wish(1)), { signal });
    await settle();
    stop.abort(new Error('unmounted'));
    await assert.rejects(waiting, { message: 'unmounted' });
    await operation.idle();
    await clock.advance(200_000);
    await settle();
    assert.deepEqual(attempts, [1]);
  });
});
