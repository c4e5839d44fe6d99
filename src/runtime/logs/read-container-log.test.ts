import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, describe, it } from 'node:test';
import type { HostFiles } from '../../hosts/link/link.ts';
import { LocalFiles } from '../../hosts/unix/local-files.ts';
import { readContainerLog } from './read-container-log.ts';

const folder = mkdtempSync(`${tmpdir()}/farlet-logs-`);
const files = new LocalFiles({ host: 'box' });
const { signal } = new AbortController();
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
const options = {
  follow: true,
  tailLines: undefined,
  limitBytes: undefined,
  since: undefined,
  timestamps: false,
};
const line = (text: string): string => `2026-01-01T00:00:00Z stdout F ${text}\n`;

describe('following a log through its rotation', () => {
  it('neither loses nor doubles what the old file still gets', async () => {
    const path = `${folder}/0.log`;
    writeFileSync(path, line('one'));
    let running = true;
    const clock = {
      monotonic: () => 0,
      // the runtime's last words come while the follower lets the old file settle
      sleep: () => {
        appendFileSync(`${path}.1`, line('three'));
        running = false;
        return Promise.resolve();
      },
    };
    const seen: string[] = [];
    for await (const piece of readContainerLog(
      { files, path, options, isRunning: () => running, clock },
      { signal },
    )) {
      seen.push(...piece.toString().trim().split('\n'));
      if (seen.length > 1) continue;
      renameSync(path, `${path}.1`);
      appendFileSync(`${path}.1`, line('two'));
      writeFileSync(path, line('four'));
    }
    assert.deepEqual(seen, ['one', 'two', 'three', 'four']);
  });

  it('ends its watch, however it ends itself', async () => {
    const path = `${folder}/watched.log`;
    writeFileSync(path, line('one'));
    let watching = 0;
    const watched = {
      open: files.open.bind(files),
      list: files.list.bind(files),
      async *changes() {
        watching += 1;
        try {
          for (;;) {
            await Promise.resolve();
            appendFileSync(path, line('more'));
            yield;
          }
        } finally {
          watching -= 1;
        }
      },
    } as unknown as HostFiles;
    const seen: string[] = [];
    for await (const piece of readContainerLog(
      { files: watched, path, options, isRunning: () => true },
      { signal },
    )) {
      seen.push(piece.toString().trim());
      if (seen.length === 3) break;
    }
    assert.deepEqual([seen, watching], [['one', 'more', 'more'], 0]);
  });
});

/**
 * A runtime that has rotated the log as often, each file with its number, when the follower has read what is
 * first.
 */
async function followed(path: string, rotate: (aside: (name: string) => string) => void): Promise<string[]> {
  writeFileSync(path, line('0'));
  let running = true;
  const clock = { monotonic: () => 0, sleep: () => Promise.resolve() };
  const seen: string[] = [];
  for await (const piece of readContainerLog(
    { files, path, options, isRunning: () => running, clock },
    { signal },
  )) {
    seen.push(...piece.toString().trim().split('\n'));
    if (!running) continue;
    rotate((name) => `${path}.${name}`);
    running = false;
  }
  return seen;
}

describe('following a log that is rotated more than once between two looks', () => {
  const rotations: {
    name: string;
    rotate: (path: string, aside: (name: string) => string) => void;
    expect: string[];
  }[] = [
    {
      name: 'reads every file of it',
      rotate: (path, aside) => {
        renameSync(path, aside('1'));
        writeFileSync(aside('2'), line('1'));
        writeFileSync(aside('3'), line('2'));
        writeFileSync(path, line('3'));
      },
      expect: ['0', '1', '2', '3'],
    },
    {
      name: 'reads what it holds to its end though it was compressed',
      rotate: (path, aside) => {
        appendFileSync(path, line('still'));
        rmSync(path);
        writeFileSync(aside('1.gz'), 'compressed');
        writeFileSync(aside('2'), line('1'));
        writeFileSync(path, line('2'));
      },
      expect: ['0', 'still', '1', '2'],
    },
    {
      name: 'says what it could not read',
      rotate: (path, aside) => {
        rmSync(path);
        for (const name of ['1.gz', '2.gz', '3.gz']) writeFileSync(aside(name), 'compressed');
        writeFileSync(path, line('3'));
      },
      expect: [
        '0',
        'farlet: lines are missing here: 2 rotated files were compressed or removed before being read',
        '3',
      ],
    },
  ];
  for (const [index, { name, rotate, expect }] of rotations.entries())
    it(name, async () => {
      const own = `${folder}/rotated-${String(index)}`;
      mkdirSync(own);
      const path = `${own}/0.log`;
      writeFileSync(`${path}.0.gz`, 'older');
      assert.deepEqual(
        await followed(path, (aside) => {
          rotate(path, aside);
        }),
        expect,
      );
    });
});

describe('a log that is not followed', () => {
  const once = { ...options, follow: false };

  it('is what it was when it was asked for, however fast it grows', async () => {
    const path = `${folder}/growing.log`;
    writeFileSync(path, line('x'.repeat(1000)).repeat(200));
    let pieces = 0;
    let bytes = 0;
    for await (const piece of readContainerLog(
      { files, path, options: once, isRunning: () => true },
      { signal },
    )) {
      pieces += 1;
      bytes += piece.length;
      appendFileSync(path, line('more').repeat(10_000));
    }
    assert.equal(bytes, 200 * 1001);
    assert.ok(pieces < 10, 'lines are sent together');
  });

  it('has no more lines than were asked for, the last ones of that moment', async () => {
    const path = `${folder}/tail.log`;
    writeFileSync(path, line('one') + line('two'));
    const raced = {
      open: async (...args: Parameters<typeof files.open>) => {
        const file = await files.open(...args);
        appendFileSync(path, line('three'));
        return file;
      },
    } as unknown as HostFiles;
    const seen: string[] = [];
    const tail = { ...once, tailLines: 1 };
    for await (const piece of readContainerLog(
      { files: raced, path, options: tail, isRunning: () => true },
      { signal },
    ))
      seen.push(piece.toString());
    assert.deepEqual(seen, ['two\n']);
  });

  const missing: [string, string, string][] = [
    ['that is gone', `${folder}/gone.log`, `${folder}/gone.log`],
    ['whose folders are gone', `${folder}/a/b/0.log`, `${folder}/a`],
  ];
  for (const [name, path, at] of missing)
    it(`${name}: a kubelet's words`, async () => {
      await assert.rejects(
        async () => {
          for await (const _ of readContainerLog(
            { files, path, options: once, isRunning: () => false },
            { signal },
          ));
        },
        {
          message: `failed to try resolving symlinks in path "${path}": lstat ${at}: no such file or directory`,
        },
      );
    });

  it('ends with its client though nothing of it is sent, and keeps nobody waiting', async () => {
    const path = `${folder}/endless.log`;
    const size = 1024 * 1024 * 1024;
    const future = { ...once, since: { seconds: 4e9, nanos: 0 } };
    const block = Buffer.alloc(512 * 1024, line('x'));
    let reads = 0;
    const control = new AbortController();
    const endless = {
      open: () =>
        Promise.resolve({
          opened: { size },
          read: (_position: number, length: number) => {
            reads += 1;
            return Promise.resolve(block.subarray(0, length));
          },
          close: () => Promise.resolve(),
        }),
    } as unknown as HostFiles;
    // another's turn: it comes although all of the file is in memory
    setImmediate(() =>
      setImmediate(() => {
        control.abort(new Error('the client has gone'));
      }),
    );
    await assert.rejects(async () => {
      for await (const _ of readContainerLog(
        { files: endless, path, options: future, isRunning: () => true },
        control,
      ));
    }, /the client has gone/);
    assert.ok(reads < 20, `${String(reads)} reads`);
  });
});
