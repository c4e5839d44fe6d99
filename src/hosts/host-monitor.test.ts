import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeFiles } from '../testing/fake-host.ts';
import { FakeClock, quietLog } from '../testing/fixtures.ts';
import { HostMonitor, type HostWatcher } from './host-monitor.ts';
import { Beat } from '../util/beat.ts';

class Watcher implements HostWatcher {
  readonly name: string;
  readonly everyMs: number;
  readonly taken: (string | undefined)[] = [];
  hold = Promise.resolve();
  fails = false;
  constructor(name: string, everyMs: number) {
    this.name = name;
    this.everyMs = everyMs;
  }
  queries() {
    if (this.fails) throw new Error('not now');
    return [{ look: 'text', path: this.name }] as const;
  }
  async take(answers: readonly { text?: string }[]) {
    this.taken.push(...answers.map(({ text }) => text));
    await this.hold;
  }
}

function setUp(...watchers: Watcher[]) {
  // a time at which every period of these tests begins
  const clock = new FakeClock(30_000);
  const files = new FakeFiles();
  for (const { name } of watchers) files.seen.set(`text ${name}`, { text: name });
  const state = { ready: true };
  const stop = new AbortController();
  const running = new HostMonitor({
    files: files.files,
    beat: new Beat(clock, 0),
    clock,
    log: quietLog,
    isReady: () => state.ready,
    watchers,
  }).run(stop.signal);
  running.catch(() => undefined);
  return { clock, state, stop, running, looks: files.looks };
}

describe('the host monitor', () => {
  it('looks once for all who are due, and gives each its own answers', async () => {
    const [a, b] = [new Watcher('a', 10_000), new Watcher('b', 30_000)];
    const { clock, looks, stop, running } = setUp(a, b);
    await clock.advance(30_000);
    assert.deepEqual(
      looks.map((queries) => queries.map(({ path }) => path).join()),
      ['a,b', 'a', 'a', 'a,b'],
    );
    assert.deepEqual(
      [a.taken, b.taken],
      [
        ['a', 'a', 'a', 'a'],
        ['b', 'b'],
      ],
    );
    stop.abort(new Error('over'));
    await assert.rejects(running, { message: 'over' });
  });

  it('asks nobody who is still busy, and lets nobody wait for them', async () => {
    const [slow, quick] = [new Watcher('slow', 10_000), new Watcher('quick', 10_000)];
    const gate = Promise.withResolvers<undefined>();
    slow.hold = gate.promise.then(() => undefined);
    const { clock } = setUp(slow, quick);
    await clock.advance(20_000);
    assert.deepEqual([slow.taken.length, quick.taken.length], [1, 3]);
    gate.resolve(undefined);
    await clock.advance(10_000);
    assert.deepEqual([slow.taken.length, quick.taken.length], [2, 4]);
  });

  it('goes on after a watcher that fails, and does not look at a host that is not ready', async () => {
    const [bad, good] = [new Watcher('bad', 10_000), new Watcher('good', 10_000)];
    bad.fails = true;
    const { clock, state, looks } = setUp(bad, good);
    await clock.advance(10_000);
    assert.deepEqual([bad.taken.length, good.taken.length], [0, 2]);
    state.ready = false;
    await clock.advance(20_000);
    assert.equal(looks.length, 2);
  });
});
