/**
 * What a container may leave in a volume, and what reading it comes to: on this machine, and by the program
 * of far hosts.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { kindOf, toldOf } from '../../model/errors.ts';
import { triedHosts } from '../../testing/far-hosts.ts';

const { signal } = new AbortController();
const maxBytes = 1000;
const isRoot = process.getuid?.() === 0;

const hosts = triedHosts();
after(() => {
  hosts.close();
});

/** name below the volume; what is read, or the kind and the cause of the refusal */
const rows: readonly (readonly [string, string])[] = [
  ['file', 'inside'],
  ['deep/er/file', 'inside'],
  ['./deep//er/./file', 'inside'],
  ['empty', ''],
  ['deep/../file', 'inside'],
  ['../../../../file', 'inside'],
  ['link', 'inside'],
  ['folderlink/er/file', 'inside'],
  ['deep/up', 'inside'],
  ['rooted', 'inside'],
  ['hard', 'inside'],
  ['with space\n', 'odd'],
  ['out', 'not-found no such file or directory'],
  ['outfolder/secret', 'not-found no such file or directory'],
  ['dangling', 'not-found no such file or directory'],
  ['missing', 'not-found no such file or directory'],
  ['missing/file', 'not-found no such file or directory'],
  ['file/x', 'not-found not a directory'],
  ['link/x', 'not-found not a directory'],
  ['loop', 'internal too many levels of symbolic links'],
  ['deep', 'invalid is a directory'],
  ['.', 'invalid is a directory'],
  ['fifo', 'invalid'],
  ['fifolink', 'invalid'],
  ['socket', 'invalid'],
  ...(isRoot
    ? ([
        ['zero', 'invalid'],
        ['disk', 'invalid'],
      ] as const)
    : []),
  ['long', 'invalid'],
];

for (const [name, files] of hosts.all)
  describe(`files of pods on ${name}`, () => {
    let top = '';
    let root = '';
    const socket = createServer();

    before(async () => {
      top = mkdtempSync(`${tmpdir()}/farlet-hostile-`);
      root = `${top}/volume`;
      mkdirSync(`${root}/deep/er`, { recursive: true });
      writeFileSync(`${top}/secret`, 'outside');
      for (const [path, text] of [
        ['file', 'inside'],
        ['deep/er/file', 'inside'],
        ['empty', ''],
        ['with space\n', 'odd'],
        ['long', 'x'.repeat(maxBytes + 1)],
      ] as const)
        writeFileSync(`${root}/${path}`, text);
      for (const [path, target] of [
        ['link', 'deep/er/file'],
        ['folderlink', 'deep'],
        ['deep/up', '../file'],
        ['rooted', '/deep/er/file'],
        ['out', `${top}/secret`],
        ['outfolder', '..'],
        ['dangling', 'nowhere'],
        ['loop', 'loop'],
        ['fifolink', 'fifo'],
      ] as const)
        symlinkSync(target, `${root}/${path}`);
      linkSync(`${root}/file`, `${root}/hard`);
      execFileSync('mkfifo', [`${root}/fifo`]);
      if (isRoot) {
        execFileSync('mknod', [`${root}/zero`, 'c', '1', '5']);
        // whatever would wake a driver: this one there is none for
        execFileSync('mknod', [`${root}/disk`, 'b', '240', '7']);
      }
      await new Promise<void>((resolve) => socket.listen(`${root}/socket`, resolve));
    });
    after(() => {
      socket.close();
      rmSync(top, { recursive: true });
    });

    const said = (promise: Promise<Buffer>): Promise<string> =>
      promise.then(String, (error: unknown) => `${kindOf(error)} ${toldOf(error)}`);
    const matches = (text: string, wanted: string): void => {
      const [kind = '', ...why] = wanted.split(' ');
      const isRefusal = ['not-found', 'invalid', 'internal'].includes(kind);
      if (isRefusal) assert.match(text, new RegExp(`^${kind} .*${why.join(' ')}$`, 's'));
      else assert.equal(text, wanted);
    };

    for (const [path, wanted] of rows)
      it(`of ${JSON.stringify(path)}: ${wanted}`, async () => {
        matches(await said(files.readPodFile(root, path, { signal, maxBytes })), wanted);
      });

    it('may be read from their end', async () => {
      const tail = await files.readPodFile(root, 'deep/er/file', { signal, maxBytes: 4, tail: true });
      assert.equal(tail.toString(), 'side');
      await assert.rejects(files.readPodFile(root, 'fifo', { signal, maxBytes, tail: true }), {
        kind: 'invalid',
      });
    });

    it('are looked for in a folder that is there', async () => {
      matches(
        await said(files.readPodFile(`${top}/none`, 'file', { signal, maxBytes })),
        'not-found no such file or directory',
      );
    });

    it('are never waited for, whoever reads them', async () => {
      const fifo = `${root}/fifo`;
      const kinds = await Promise.all(
        [
          files.readFile(fifo, { signal, maxBytes }),
          files.readTail(fifo, { signal, maxBytes }),
          files.open(fifo, { signal }),
          files.apply([{ op: 'gzip', path: fifo }], { signal }),
        ].map((each: Promise<unknown>) => each.then(() => 'read', kindOf)),
      );
      assert.deepEqual(kinds, Array(4).fill('invalid'));
    });

    it('are not written to through links when logs are compressed', async () => {
      const [path, aim] = [`${root}/old.log`, `${root}/aim`];
      writeFileSync(path, 'lines');
      writeFileSync(aim, 'kept');
      symlinkSync(aim, `${path}.tmp`);
      await files.apply([{ op: 'gzip', path }], { signal });
      assert.equal((await files.readFile(aim, { signal, maxBytes })).toString(), 'kept');
    });
  });
