import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FakeClock } from '../testing/fixtures.ts';
import { silentLog } from '../model/log.ts';
import { FollowedFiles, type Followed } from './followed-files.ts';
import { Beat } from './beat.ts';

describe('followed files', () => {
  let folder: string;
  let clock: FakeClock;
  let looks: (string | undefined)[];
  let logged: string[];
  let released: string[];
  let all: FollowedFiles;
  let followed: Followed<string>;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'followed-'));
    clock = new FakeClock();
    looks = [];
    logged = [];
    released = [];
    const log = {
      ...silentLog,
      warn: (_: object, message: string) => logged.push(message),
      info: (_: object, message: string) => logged.push(message),
    };
    all = new FollowedFiles({
      clock,
      log,
      onLook: (_, problem) => looks.push(problem),
      onReleased: (path) => released.push(path),
    });
    followed = all.follow({
      files: { cert: join(folder, 'cert'), key: join(folder, 'key') },
      parse: ({ cert, key }) => {
        if (!cert.equals(key)) throw new Error('cert and key do not go together');
        return cert.toString();
      },
    });
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const write = (files: Partial<Record<'cert' | 'key', string>>): void => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  };

  type Step = [change: () => void, value: string, problem: RegExp | undefined, logged: string[]];
  const rows: [name: string, steps: Step[]][] = [
    ['the same', [[() => undefined, 'a', undefined, []]]],
    [
      'both new',
      [
        [
          () => {
            write({ cert: 'b', key: 'b' });
          },
          'b',
          undefined,
          ['changed files are in use'],
        ],
      ],
    ],
    [
      'one after the other: the former until both are there',
      [
        [
          () => {
            write({ cert: 'b' });
          },
          'a',
          /go together/,
          ['changed files can not be used: the former stay in use'],
        ],
        [() => undefined, 'a', /go together/, []],
        [
          () => {
            write({ key: 'b' });
          },
          'b',
          undefined,
          ['changed files are in use'],
        ],
      ],
    ],
    [
      'gone, and back as it was',
      [
        [
          () => {
            rmSync(join(folder, 'key'));
          },
          'a',
          /^key .*\/key can't be read: ENOENT/,
          ['changed files can not be used: the former stay in use'],
        ],
        [
          () => {
            write({ key: 'a' });
          },
          'a',
          undefined,
          [],
        ],
      ],
    ],
    [
      'larger than anybody needs',
      [
        [
          () => {
            write({ key: 'x'.repeat(4 * 1024 * 1024 + 1) });
          },
          'a',
          /at most 4194304 are read/,
          ['changed files can not be used: the former stay in use'],
        ],
      ],
    ],
  ];
  for (const [name, steps] of rows)
    it(name, async () => {
      write({ cert: 'a', key: 'a' });
      assert.equal(await followed.read(), 'a');
      for (const [change, value, problem, lines] of steps) {
        change();
        looks.length = 0;
        logged.length = 0;
        assert.equal(await followed.read(), value);
        // one for each file
        assert.equal(looks.length, 2);
        for (const look of looks)
          if (problem === undefined) assert.equal(look, undefined);
          else assert.match(look ?? '', problem);
        assert.deepEqual(logged, lines);
      }
    });

  it('never usable: says why', async () => {
    write({ cert: 'a' });
    await assert.rejects(followed.read(), /key .* can't be read/);
    assert.deepEqual(looks, []);
  });

  it('a mounted Secret, whose link is swapped, is noticed on the beat', async () => {
    for (const [version, text] of Object.entries({ first: 'a', second: 'b' })) {
      mkdirSync(join(folder, version));
      for (const file of ['cert', 'key']) writeFileSync(join(folder, version, file), text);
    }
    symlinkSync('first', join(folder, '..data'));
    for (const file of ['cert', 'key']) symlinkSync(`..data/${file}`, join(folder, file));
    assert.equal(await followed.read(), 'a');
    symlinkSync('second', join(folder, '..new'));
    renameSync(join(folder, '..new'), join(folder, '..data'));
    const life = new AbortController();
    const running = all.run({ beat: new Beat(clock, 0), signal: life.signal });
    await clock.advance(30_000);
    while (clock.timers === 0) await new Promise(setImmediate);
    assert.deepEqual(logged, ['changed files are in use']);
    const other = all.follow({ files: { cert: join(folder, 'cert') }, parse: () => '' });
    followed.release();
    assert.deepEqual(released, [join(folder, 'key')]);
    other.release();
    assert.deepEqual(released, [join(folder, 'key'), join(folder, 'cert')]);
    looks.length = 0;
    await clock.advance(30_000);
    assert.deepEqual(looks, []);
    life.abort(new Error('over'));
    await assert.rejects(running, /over/);
  });
});
