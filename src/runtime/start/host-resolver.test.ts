import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../testing/fixtures.ts';
import type { DnsSettings } from '../spec/dns.ts';
import { HostResolver } from './host-resolver.ts';

const { signal } = new AbortController();
const of = (search: string): DnsSettings => ({ servers: [], searches: [search], options: [] });

function setUp() {
  const clock = new FakeClock();
  const told: string[] = [];
  let reads = 0;
  let next: () => Promise<DnsSettings> = () => Promise.resolve(of('a'));
  const resolver = new HostResolver({
    clock,
    read: () => {
      reads += 1;
      return next();
    },
    onChange: ({ searches }) => told.push(searches.join(' ')),
  });
  const ask = async (by = signal): Promise<string> =>
    (await resolver.settings({ signal: by })).searches.join(' ');
  return { clock, told, ask, reads: () => reads, then: (answer: typeof next) => (next = answer) };
}

describe("a host's resolver settings", () => {
  it('are read once for pods of one burst, and again for those that come later', async () => {
    const { clock, told, ask, reads, then } = setUp();
    assert.deepEqual([await ask(), await ask()], ['a', 'a']);
    assert.equal(reads(), 1);
    then(() => Promise.resolve(of('b')));
    await clock.advance(10_000);
    assert.equal(await ask(), 'b');
    await clock.advance(10_000);
    assert.equal(await ask(), 'b');
    assert.equal(reads(), 3);
    assert.deepEqual(told, ['a', 'b']);
  });

  it('are read once for those that ask at once, though the first is called off', async () => {
    const { ask, reads, then } = setUp();
    const answer = Promise.withResolvers<DnsSettings>();
    then(() => answer.promise);
    const first = new AbortController();
    const [calledOff, other] = [ask(first.signal), ask()];
    first.abort(new Error('not wanted any more'));
    await assert.rejects(calledOff, /not wanted any more/);
    answer.resolve(of('a'));
    assert.equal(await other, 'a');
    assert.equal(reads(), 1);
  });

  it('that can not be read hold for nobody', async () => {
    const { ask, then } = setUp();
    then(() => Promise.reject(new Error('no such file')));
    await assert.rejects(ask(), /no such file/);
    then(() => Promise.resolve(of('a')));
    assert.equal(await ask(), 'a');
  });
});
