import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../testing/fixtures.ts';
import { watchSilence } from './ssh-silence.ts';

function setUp(onPing: () => void = () => undefined) {
  const clock = new FakeClock();
  const socket = { bytesRead: 100, bytesWritten: 100 };
  const seen: string[] = [];
  const start = clock.monotonic();
  const note = (what: string) => () => {
    seen.push(`${what} ${String((clock.monotonic() - start) / 1000)}`);
  };
  const stop = watchSilence({
    socket,
    clock,
    ping: () => {
      note('ping')();
      onPing();
    },
    onGone: note('gone'),
  });
  return { clock, socket, seen, stop };
}

describe('the silence of a host', () => {
  it('is none while nothing is asked', async () => {
    const { clock, seen, stop } = setUp();
    await clock.advance(600_000);
    assert.deepEqual(seen, []);
    stop();
    assert.equal(clock.timers, 0);
  });

  it('is none while what is asked is answered, and nothing is added to that', async () => {
    const { clock, socket, seen } = setUp();
    for (let at = 0; at < 60; at += 1) {
      socket.bytesWritten += 10;
      socket.bytesRead += 10;
      await clock.advance(10_000);
    }
    assert.deepEqual(seen, []);
  });

  it('is asked about when an answer takes long, and forgotten when that is answered', async () => {
    const { clock, socket, seen } = setUp();
    socket.bytesWritten += 10;
    await clock.advance(8_000);
    assert.deepEqual(seen, ['ping 5']);
    socket.bytesRead += 10;
    await clock.advance(600_000);
    assert.equal(seen.length, 1);
  });

  it('is asked about, though later, where an answer and a question came so close that either may have been last', async () => {
    const { clock, socket, seen } = setUp(() => {
      socket.bytesWritten += 1;
    });
    socket.bytesWritten += 10;
    socket.bytesRead += 10;
    await clock.advance(600_000);
    assert.deepEqual(seen, ['ping 12', 'gone 17']);
  });

  it('ends before a host is lost, whenever the link was cut beside a question', async () => {
    for (let asked = 1; asked <= 10; asked += 1) {
      const { clock, socket, seen } = setUp(() => {
        socket.bytesWritten += 1;
      });
      socket.bytesWritten += 10;
      socket.bytesRead += 10;
      // the question that was on its way is given up, and another follows
      await clock.advance(asked * 1_000);
      socket.bytesWritten += 10;
      await clock.advance(600_000);
      const end = Number(seen.at(-1)?.replace('gone ', ''));
      assert.ok(end <= 18, `asked after ${asked} s: ${seen.join(', ')}`);
    }
  });

  it('is the end when nothing at all is answered', async () => {
    const { clock, socket, seen } = setUp();
    await clock.advance(10_000);
    socket.bytesWritten += 10;
    await clock.advance(600_000);
    assert.deepEqual(seen, ['ping 15', 'gone 23']);
    assert.equal(clock.timers, 0);
  });
});
