import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { HostError, kindOf } from '../../model/errors.ts';
import { DialLimits, onTheWay } from './dial-limits.ts';

const stream = (): Duplex =>
  new Duplex({
    read: () => undefined,
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
const { signal } = new AbortController();

describe('connections over a link', () => {
  const limits = (): DialLimits =>
    new DialLimits('box', [
      ['probe', 1],
      ['user', 2],
    ]);

  it('have places by what they are for: users can not take those of probes', async () => {
    const all = limits();
    for (let n = 0; n < 2; n += 1) await all.open('user', signal, () => Promise.resolve(stream()));
    const waiting = all.open('user', signal, () => Promise.resolve(stream()));
    const probe = await all.open('probe', signal, () => Promise.resolve(stream()));
    assert.deepEqual(all.usage(), [
      { use: 'probe', open: 1, waiting: 0 },
      { use: 'user', open: 2, waiting: 1 },
    ]);
    probe.destroy();
    waiting.catch(() => undefined);
  });

  it('come free when a connection is closed, and when one can not be made', async () => {
    const all = limits();
    const first = await all.open('probe', signal, () => Promise.resolve(stream()));
    const second = all.open('probe', signal, () => Promise.reject(new Error('refused')));
    first.destroy();
    await assert.rejects(second, /refused/);
    (await all.open('probe', signal, () => Promise.resolve(stream()))).destroy();
  });

  it('that wait in vain tell of the place, never of the target', async () => {
    const all = limits();
    await all.open('probe', signal, () => Promise.resolve(stream()));
    const time = new AbortController();
    const waiting = all.open('probe', time.signal, () => Promise.resolve(stream()));
    time.abort(new Error('probe timeout'));
    await assert.rejects(waiting, (error) => {
      assert.equal(kindOf(error), 'resource-exhausted');
      assert.ok(error instanceof HostError);
      assert.match(error.message, /^box: all 1 connections that probes may have at a time are in use: /);
      return true;
    });
  });

  it('wait only so many at a time', async () => {
    const all = limits();
    await all.open('probe', signal, () => Promise.resolve(stream()));
    for (let n = 0; n < 1_000; n += 1)
      all.open('probe', signal, () => Promise.resolve(stream())).catch(() => undefined);
    await assert.rejects(
      all.open('probe', signal, () => Promise.resolve(stream())),
      /in use/,
    );
  });
});

describe('the way to a host', () => {
  it('that is not there when the time is over says nothing of the target', async () => {
    const time = new AbortController();
    const reason = new Error('probe timeout');
    const way = { host: 'box', what: 'the ssh connection', signal: time.signal };
    const waiting = onTheWay(
      way,
      () =>
        new Promise((_, reject) => {
          time.signal.addEventListener('abort', () => {
            reject(reason);
          });
        }),
    );
    time.abort(reason);
    await assert.rejects(waiting, (error) => error instanceof HostError && error.cause === reason);
  });
});
