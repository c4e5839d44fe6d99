import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { FakeClock } from '../../testing/fixtures.ts';
import { endWhenIdle } from './end-when-idle.ts';

const HOUR_MS = 3_600_000;

class Line extends Duplex {
  bytesRead = 0;
  bytesWritten = 0;
  /** false: the other end takes nothing any more */
  takes = true;
  override _read(): void {
    // nothing comes by itself
  }
  /** As a socket's: what waits counts as written. */
  say(text: string): void {
    this.bytesWritten += text.length;
    this.write(text);
  }
  override _write(_chunk: Buffer, _: BufferEncoding, done: () => void): void {
    if (this.takes) done();
  }
}

describe('idle streams', () => {
  it('end after the time, or a quarter of it later', async () => {
    const clock = new FakeClock();
    const line = new Line();
    endWhenIdle(line, { idleMs: 4 * HOUR_MS, clock });
    await clock.advance(3 * HOUR_MS);
    line.bytesRead += 1;
    await clock.advance(4 * HOUR_MS);
    assert.equal(line.destroyed, false);
    await clock.advance(HOUR_MS);
    assert.equal(line.destroyed, true);
    assert.equal(clock.timers, 0);
  });

  it('whoever reads no more is idle, however much there is to write', async () => {
    const clock = new FakeClock();
    const line = new Line();
    line.takes = false;
    endWhenIdle(line, { idleMs: 4, clock });
    for (let at = 0; at < 5; at += 1) {
      line.say('x');
      await clock.advance(1);
    }
    assert.equal(line.destroyed, true);
  });

  it('those in use stay, and 0 is for ever', async () => {
    const clock = new FakeClock();
    const [busy, kept] = [new Line(), new Line()];
    endWhenIdle(busy, { idleMs: 4, clock });
    endWhenIdle(kept, { idleMs: 0, clock });
    for (let at = 0; at < 50; at += 1) {
      busy.say('x');
      await clock.advance(1);
    }
    assert.deepEqual([busy.destroyed, kept.destroyed], [false, false]);
    busy.destroy();
    await clock.advance(1);
    assert.equal(clock.timers, 0, 'nothing is looked at any more');
  });
});
