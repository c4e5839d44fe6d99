import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FsUsage } from '../hosts/link/link.ts';
import { FakeClock, settle } from '../testing/fixtures.ts';
import { ServedVolumes } from './served-volumes.ts';

const { signal } = new AbortController();
const fs: FsUsage = { capacityBytes: 100, availableBytes: 60, freeBytes: 70, inodes: 10, inodesFree: 6 };
const figures = {
  capacityBytes: 100,
  availableBytes: 60,
  usedBytes: 30,
  inodes: 10,
  inodesFree: 6,
  inodesUsed: 4,
};
const claim = { name: 'data', namespace: 'shop' };

function setUp() {
  const clock = new FakeClock();
  const asked: string[] = [];
  const answers = new Map<string, () => Promise<FsUsage>>();
  let disk = '/pv/a';
  const volumes = new ServedVolumes({
    files: {
      usage: (path, { mayHang }) => {
        assert.equal(mayHang, true);
        asked.push(path);
        return answers.get(path)?.() ?? Promise.resolve(fs);
      },
    },
    volumes: (uid) =>
      uid === '1'
        ? [
            { name: 'disk', path: disk, claim },
            { name: 'far', path: '/nfs/b' },
          ]
        : [],
    clock,
    signal,
  });
  return { clock, asked, answers, volumes, moveTo: (path: string) => (disk = path) };
}

describe('volumes that others serve', () => {
  it('are told of with their claim, and asked once a minute', async () => {
    const { clock, asked, volumes } = setUp();
    const { at, ...rest } = { at: clock.now(), inMemory: false, isServed: true };
    const first = await volumes.read(['1', '2']);
    assert.deepEqual(first.get('1'), [
      { at, ...figures, ...rest, name: 'disk', claim },
      { at, ...figures, ...rest, name: 'far', claim: undefined },
    ]);
    assert.deepEqual(first.get('2'), []);
    await clock.advance(59_999);
    await volumes.read(['1']);
    assert.deepEqual(asked, ['/pv/a', '/nfs/b']);
    await clock.advance(1);
    await volumes.read(['1']);
    assert.equal(asked.length, 4);
  });

  it('hold nobody up for longer than a second, and only once', async () => {
    const { clock, asked, answers, volumes } = setUp();
    const silent = Promise.withResolvers<FsUsage>();
    answers.set('/nfs/b', () => silent.promise);
    const reading = volumes.read(['1']);
    await clock.advance(1_000);
    assert.deepEqual(
      (await reading).get('1')?.map(({ name }) => name),
      ['disk'],
    );
    await clock.advance(120_000);
    assert.deepEqual(
      (await volumes.read(['1'])).get('1')?.map(({ name }) => name),
      ['disk'],
    );
    assert.equal(asked.filter((path) => path === '/nfs/b').length, 1, 'not while it is being asked');
    silent.resolve(fs);
    await settle();
    assert.equal((await volumes.read(['1'])).get('1')?.length, 2);
  });

  it('are not known once they can not be looked at, and forgotten with their pod', async () => {
    const { clock, asked, answers, volumes, moveTo } = setUp();
    await volumes.read(['1']);
    answers.set('/nfs/b', () => Promise.reject(new Error('stale file handle')));
    await clock.advance(60_000);
    assert.deepEqual(
      (await volumes.read(['1'])).get('1')?.map(({ name }) => name),
      ['disk'],
    );
    moveTo('/pv/c');
    await volumes.read(['1']);
    moveTo('/pv/a');
    await volumes.read(['1']);
    assert.deepEqual(asked.slice(-2), ['/pv/c', '/pv/a'], 'asked again');
  });
});
