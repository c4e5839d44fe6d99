/** What every link to a host promises (src/hosts/link/link.ts), as tests that run over any of them. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { after, before, describe, it } from 'node:test';
import { mountsAtOrBelow } from '../../src/hosts/far/mountinfo.ts';
import type { FileOp, HostLink } from '../../src/hosts/link/link.ts';
import { kindOf } from '../../src/model/errors.ts';
import type { Outcome } from './processes.ts';

export interface ContractHost {
  readonly link: HostLink;
  /** a folder on the host for the test alone; it does not exist yet */
  readonly folder: string;
  /** a command on the host, not by the link */
  readonly inside: (command: readonly string[]) => Promise<Outcome>;
  /** where Node is on the host */
  readonly node: string;
  /** without it whole trees can't be given to a group safely, which is then said */
  readonly lacksFindutils?: boolean;
}

const signal = new AbortController().signal;
const MIB = 1024 * 1024;
const names = [
  'plain',
  'with space',
  ' leading and trailing ',
  'new\nline',
  'ends in newline\n',
  '-rf',
  '--',
  "quote'single",
  'quote"double',
  '$(touch pwned)',
  '`touch pwned`',
  '*',
  '?[a]',
  'back\\slash\\n\\101',
  '%s%n',
  'tab\tbed',
  'ünï©ødé 🚀',
  '.hidden',
  '..data',
  '#',
  '~',
  'a;b&c|d>e<f',
];

export function describeLink(name: string, host: () => ContractHost): void {
  describe(name, () => {
    let at = '';
    let link: HostLink;
    const mountsBelow = async (path: string): Promise<string[]> =>
      mountsAtOrBelow(await link.files.mounts({ signal }), path);
    const apply = (...ops: FileOp[]): Promise<void> => link.files.apply(ops, { signal });
    const mkdir = (path: string, mode = 0o755): FileOp => ({ op: 'mkdir', path, mode });
    const write = (path: string, data: string | Buffer, mode = 0o644): FileOp => ({
      op: 'write',
      path,
      data: Buffer.from(data),
      mode,
    });
    const read = (path: string, maxBytes = 64 * MIB): Promise<Buffer> =>
      link.files.readFile(path, { signal, maxBytes });
    const kind = async (promise: Promise<unknown>): Promise<string> =>
      promise.then(
        () => 'no error',
        (error: unknown) => kindOf(error),
      );
    const stat = async (path: string): Promise<string> => {
      const info = await link.files.stat(path, { signal });
      return info === undefined
        ? 'nothing'
        : `${info.type} ${info.mode.toString(8)} ${String(info.uid)}:${String(info.gid)} ${String(info.size)}`;
    };

    before(async () => {
      ({ link, folder: at } = host());
      await apply(mkdir(at, 0o700));
    });
    after(async () => {
      await apply({ op: 'remove-tree', path: at });
      assert.equal((await host().inside(['test', '-e', at])).code, 1);
    });

    describe('changes', () => {
      it('makes folders with their parents, with exact modes and owners', async () => {
        await apply({ ...mkdir(`${at}/a/b/c`, 0o2770), uid: 12, gid: 34 } as FileOp);
        assert.match(await stat(`${at}/a/b/c`), /^directory 2770 12:34 /);
        assert.match(await stat(`${at}/a/b`), /^directory 755 0:0 /);
        await apply(mkdir(`${at}/a/b/c`, 0o755));
        assert.match(await stat(`${at}/a/b/c`), /^directory 755 12:34 /);
        await apply({ ...mkdir(`${at}/a/g`, 0o1777), gid: 7 } as FileOp);
        assert.match(await stat(`${at}/a/g`), /^directory 1777 0:7 /);
      });

      it('writes files with exact bytes, modes and owners, keeping the inode', async () => {
        const path = `${at}/w`;
        await apply({ ...write(path, 'first\n', 0o400), uid: 5, gid: 6 } as FileOp);
        assert.equal(await stat(path), 'file 400 5:6 6');
        const { inode } = (await link.files.stat(path, { signal })) ?? {};
        await apply(write(path, 'second', 0o6755));
        assert.equal(await stat(path), 'file 6755 5:6 6');
        assert.equal((await link.files.stat(path, { signal }))?.inode, inode);
        assert.equal((await read(path)).toString(), 'second');
        await apply(write(path, ''));
        assert.equal(await stat(path), 'file 644 5:6 0');
      });

      it('carries every byte, and big files', async () => {
        const every = Buffer.from(Array.from({ length: 1024 }, (_, index) => index % 256));
        const big = randomBytes(3 * MIB + 12_345);
        await apply(write(`${at}/every`, every), write(`${at}/big`, big), write(`${at}/after`, 'x'));
        assert.ok((await read(`${at}/every`)).equals(every));
        assert.ok((await read(`${at}/big`)).equals(big));
        assert.equal((await read(`${at}/after`)).toString(), 'x');
        const tail = await link.files.readTail(`${at}/big`, { signal, maxBytes: 1000 });
        assert.ok(tail.equals(big.subarray(-1000)));
        assert.equal(await kind(read(`${at}/big`, MIB)), 'invalid');
      });

      it('takes names as they are', async () => {
        const folder = `${at}/names`;
        await apply(
          mkdir(folder),
          ...names.map((each) => write(`${folder}/${each}`, each)),
          ...names.map((each): FileOp => ({ op: 'symlink', path: `${folder}/l${each}`, target: each })),
        );
        const found = await link.files.list(folder, { signal });
        assert.deepEqual(
          found?.map((entry) => `${entry.type} ${entry.name}`).sort(),
          names.flatMap((each) => [`file ${each}`, `symlink l${each}`]).sort(),
        );
        for (const each of names) {
          assert.equal((await read(`${folder}/${each}`)).toString(), each);
          assert.equal(await link.files.readLink(`${folder}/l${each}`, { signal }), each);
        }
        await apply(
          ...names.map((each): FileOp => ({
            op: 'rename',
            from: `${folder}/${each}`,
            to: `${folder}/r${each}`,
          })),
          ...names.map((each): FileOp => ({ op: 'remove', path: `${folder}/l${each}` })),
          ...names.map((each): FileOp => ({ op: 'chmod', path: `${folder}/r${each}`, mode: 0o600 })),
        );
        assert.equal((await link.files.list(folder, { signal }))?.length, names.length);
        await apply({ op: 'remove-tree', path: folder });
        assert.equal(await stat(folder), 'nothing');
      });

      it('replaces links and what they name in one step', async () => {
        const [one, two] = [`${at}/swap/one`, `${at}/swap/two`];
        await apply(mkdir(one), mkdir(two), write(`${one}/f`, '1'), write(`${two}/f`, '2'));
        await apply({ op: 'symlink', path: `${at}/swap/data`, target: 'one' });
        await apply(
          { op: 'symlink', path: `${at}/swap/tmp`, target: 'two' },
          { op: 'rename', from: `${at}/swap/tmp`, to: `${at}/swap/data` },
        );
        assert.equal((await read(`${at}/swap/data/f`)).toString(), '2');
        await apply({ op: 'symlink', path: `${at}/swap/data`, target: 'one' });
        assert.equal(await link.files.readLink(`${at}/swap/data`, { signal }), 'one');
        assert.equal((await link.files.list(one, { signal }))?.length, 1);
        await apply({ op: 'lchown', path: `${at}/swap/data`, uid: 9, gid: 8 });
        assert.match(await stat(`${at}/swap/data`), /^symlink \d+ 9:8 /);
        assert.match(await stat(one), /^directory 755 0:0 /);
        assert.match(
          (await link.files.stat(`${at}/swap/data`, { signal, follow: true }))?.type ?? '',
          /directory/,
        );
      });

      it('stops at the first failure and says which it was', async () => {
        const promise = apply(
          write(`${at}/before`, 'x'),
          { op: 'chmod', path: `${at}/missing`, mode: 0o600 },
          write(`${at}/never`, 'y'.repeat(700_000)),
        );
        await assert.rejects(promise, /chmod .*missing/);
        assert.equal(await kind(apply({ op: 'chmod', path: `${at}/missing`, mode: 0o600 })), 'not-found');
        assert.match(await stat(`${at}/before`), /^file/);
        assert.equal(await stat(`${at}/never`), 'nothing');
        assert.equal((await read(`${at}/before`)).toString(), 'x');
      });

      it('removes what is there, and not what is not', async () => {
        await apply(mkdir(`${at}/rm/empty`), write(`${at}/rm/file`, ''), mkdir(`${at}/rm/full/x`));
        await apply(
          { op: 'remove', path: `${at}/rm/empty` },
          { op: 'remove', path: `${at}/rm/file` },
          { op: 'remove', path: `${at}/rm/missing` },
          { op: 'remove-tree', path: `${at}/rm/missing` },
        );
        assert.notEqual(await kind(apply({ op: 'remove', path: `${at}/rm/full` })), 'no error');
        await apply({ op: 'remove-tree', path: `${at}/rm` });
        assert.equal(await stat(`${at}/rm`), 'nothing');
      });

      it('mounts, never deletes through a mount, unmounts', async () => {
        const path = `${at}/mnt dir/t\\mp`;
        const mount: FileOp = { op: 'mount-tmpfs', path, mode: 0o1777, sizeBytes: MIB };
        await apply(mkdir(path), mount, write(`${path}/kept`, 'x'), mount);
        assert.equal((await read(`${path}/kept`)).toString(), 'x');
        assert.match(await stat(path), /^directory 1777 /);
        assert.deepEqual(await mountsBelow(at), [path]);
        const usage = await link.files.usage(path, { signal });
        assert.equal(usage.capacityBytes, MIB);
        assert.ok(usage.availableBytes < MIB && usage.inodes > usage.inodesFree);
        assert.equal(await kind(apply({ op: 'remove-tree', path: at })), 'conflict');
        assert.equal((await read(`${path}/kept`)).toString(), 'x');
        assert.equal(await kind(apply(write(`${path}/big`, Buffer.alloc(2 * MIB)))), 'resource-exhausted');
        assert.equal((await read(`${path}/kept`)).toString(), 'x');
        await apply({ op: 'unmount', path }, { op: 'unmount', path });
        assert.deepEqual(await mountsBelow(at), []);
        assert.equal(await stat(`${path}/kept`), 'nothing');
      });

      it('keeps a folder that is to be kept, and files that are there', async () => {
        const [folder, file] = [`${at}/kept`, `${at}/kept/file`];
        await apply(mkdir(folder, 0o700), write(file, 'kept', 0o600));
        await apply(
          { op: 'mkdir', path: folder, mode: 0o777, keep: true },
          { op: 'touch', path: file, mode: 0o644 },
          { op: 'touch', path: `${folder}/new`, mode: 0o640 },
        );
        assert.equal((await stat(folder)).slice(0, 13), 'directory 700');
        assert.equal(await stat(file), 'file 600 0:0 4');
        assert.equal(await stat(`${folder}/new`), 'file 640 0:0 0');
      });

      it('makes folders within a root, and nothing where a link leads out', async () => {
        const root = `${at}/root`;
        await apply(mkdir(root, 0o750), mkdir(`${at}/outside`));
        await apply({ op: 'symlink', path: `${root}/out`, target: '../outside' });
        await apply({ op: 'mkdir-within', root, path: 'a b/c' });
        assert.equal((await stat(`${root}/a b/c`)).slice(0, 13), 'directory 750');
        assert.equal(await kind(apply({ op: 'mkdir-within', root, path: 'out/x' })), 'forbidden');
        assert.equal(await stat(`${at}/outside/x`), 'nothing');
      });

      it('gives a tree to a group', async () => {
        const path = `${at}/tree`;
        await apply(mkdir(path), mkdir(`${path}/sub dir`), write(`${path}/sub dir/f`, 'x', 0o600));
        const op = { op: 'own-tree', path, gid: 1234, readOnly: false } as const;
        if (host().lacksFindutils === true) {
          await assert.rejects(apply({ ...op, onlyOnRootMismatch: false }), /install findutils/);
          return;
        }
        await apply({ ...op, onlyOnRootMismatch: false });
        assert.equal((await stat(path)).slice(0, 21), 'directory 2775 0:1234');
        assert.equal((await stat(`${path}/sub dir`)).slice(0, 21), 'directory 2775 0:1234');
        assert.equal(await stat(`${path}/sub dir/f`), 'file 660 0:1234 1');
        await apply(write(`${path}/new`, 'x', 0o600));
        await apply({ ...op, onlyOnRootMismatch: true });
        assert.match(await stat(`${path}/new`), /^file 600 /);
      });

      it('binds folders and files, again and again, and unmounts all there is', async () => {
        const [source, other, target] = [`${at}/bind source`, `${at}/other`, `${at}/bind target`];
        await apply(mkdir(source), mkdir(other), write(`${source}/f`, 'one'), write(`${other}/f`, 'two'));
        await apply({ op: 'bind', source, path: target });
        await apply({ op: 'bind', source, path: target });
        assert.equal((await read(`${target}/f`)).toString(), 'one');
        assert.deepEqual(await mountsBelow(target), [target]);
        const entry = (await link.files.mounts({ signal })).find(({ path }) => path === target);
        assert.ok(entry?.root.endsWith('/bind source'));
        await apply({ op: 'bind', source: other, path: target, options: ['ro'] });
        assert.equal((await read(`${target}/f`)).toString(), 'two');
        assert.equal(await kind(apply(write(`${target}/g`, 'x'))), 'forbidden');
        await apply({ op: 'unmount', path: target });
        await apply({ op: 'bind', source: `${source}/f`, path: `${at}/bound file` });
        assert.equal((await read(`${at}/bound file`)).toString(), 'one');
        await apply(mkdir(`${at}/deep`), { op: 'mount-tmpfs', path: `${at}/deep`, mode: 0o755 });
        await apply(mkdir(`${at}/deep/x y`), {
          op: 'mount-tmpfs',
          path: `${at}/deep/x y`,
          mode: 0o2770,
          gid: 77,
        });
        assert.equal((await stat(`${at}/deep/x y`)).slice(0, 19), 'directory 2770 0:77');
        await apply({ op: 'unmount', path: `${at}/deep` }, { op: 'unmount', path: `${at}/bound file` });
        assert.deepEqual(await mountsBelow(at), []);
        assert.equal(await kind(apply({ op: 'bind', source: `${at}/none`, path: target })), 'not-found');
      });

      it('compresses a file where it lies', async () => {
        const path = `${at}/log file`;
        await apply(write(path, 'line\n'.repeat(10_000), 0o640), { op: 'gzip', path });
        assert.equal(await stat(path), 'nothing');
        assert.match(await stat(`${path}.gz`), /^file 640 0:0 /);
        assert.equal(gunzipSync(await read(`${path}.gz`)).toString(), 'line\n'.repeat(10_000));
        assert.equal(await kind(apply({ op: 'gzip', path })), 'not-found');
      });

      it('has unrelated folders spread over the disk, where the file system knows how', async () => {
        const [folder, absent] = [`${at}/spread`, `${at}/not-there`] as const;
        await apply(mkdir(folder), { op: 'spread', path: folder }, { op: 'spread', path: absent });
        assert.equal(await stat(absent), 'nothing');
        const { stdout } = await host().inside(['stat', '-f', '-c', '%T', folder]);
        if (!stdout.startsWith('ext')) return;
        assert.match((await host().inside(['lsattr', '-d', folder])).stdout, /^\S*T/);
      });

      it('sets what is there and makes nothing', async () => {
        await apply(write(`${at}/value`, '100000'), { op: 'set', path: `${at}/value`, value: '-1' });
        assert.match((await read(`${at}/value`)).toString(), /^-1/);
        assert.equal(await kind(apply({ op: 'set', path: `${at}/no-value`, value: '1' })), 'not-found');
        assert.equal(await stat(`${at}/no-value`), 'nothing');
        await apply(mkdir(`${at}/group/below`), { op: 'remove-cgroup', path: `${at}/group` });
        assert.equal(await stat(`${at}/group`), 'nothing');
        await apply({ op: 'remove-cgroup', path: `${at}/group` });
      });

      it('removes a control group, with what runs in it only if that is to be killed', async () => {
        const { stdout } = await host().inside([
          'sh',
          '-c',
          'cd /sys/fs/cgroup; [ -e cgroup.controllers ] || cd pids; mkdir -p "farlet-contract-$$/below"; cd "farlet-contract-$$/below"; sleep 1000 >/dev/null 2>&1 & echo $! >cgroup.procs; dirname "$PWD"',
        ]);
        const path = stdout.trim();
        assert.equal(await kind(apply({ op: 'remove-cgroup', path })), 'conflict');
        await apply({ op: 'remove-cgroup', path, kill: true });
        assert.equal(await stat(path), 'nothing');
      });

      it('looks at many things at once', async () => {
        const path = `${at}/looked at`;
        await apply(mkdir(path), write(`${path}/f`, 'two\nlines\n', 0o600));
        await apply({ op: 'symlink', path: `${at}/link`, target: `${path}/f` });
        const [text, missing, stats, usage, tree] = await link.files.look(
          [
            { look: 'text', path: `${path}/f` },
            { look: 'text', path: `${path}/none` },
            { look: 'stat', path: `${at}/link` },
            { look: 'usage', path },
            { look: 'tree', path },
          ],
          { signal },
        );
        assert.deepEqual([text, missing], [{ text: 'two\nlines\n' }, {}]);
        assert.deepEqual([stats?.stat?.type, stats?.stat?.size], ['file', 10]);
        assert.ok((usage?.usage?.capacityBytes ?? 0) > (usage?.usage?.availableBytes ?? 0));
        assert.equal(tree?.tree?.inodes, 2);
        assert.ok(tree.tree.bytes >= 4096);
        assert.equal(await link.files.realPath(`${at}/link`, { signal }), `${path}/f`);
      });

      it('tells errors apart by kind', async () => {
        await apply(write(`${at}/file`, 'x'), mkdir(`${at}/ro`));
        const mount = ['mount', '-t', 'tmpfs', '-o', 'ro', 'tmpfs', `${at}/ro`];
        assert.equal((await host().inside(mount)).code, 0);
        try {
          assert.equal(await kind(apply(write(`${at}/ro/x`, 'x'))), 'forbidden');
          assert.equal(await kind(apply(mkdir(`${at}/ro/y`))), 'forbidden');
        } finally {
          await apply({ op: 'unmount', path: `${at}/ro` });
        }
        assert.equal(await kind(read(`${at}/missing`)), 'not-found');
        assert.equal(await kind(read(`${at}/file/below`)), 'not-found');
        assert.equal(await kind(apply(write(`${at}/missing/x`, 'x'))), 'not-found');
        assert.equal(await kind(apply(write(`${at}/missing/x`, 'x'.repeat(100_000)))), 'not-found');
        assert.equal(await kind(link.files.open(`${at}/missing`, { signal })), 'not-found');
        assert.equal(await kind(link.files.usage(`${at}/missing`, { signal })), 'not-found');
        assert.equal(await link.files.list(`${at}/missing`, { signal }), undefined);
        assert.equal(await link.files.readLink(`${at}/missing`, { signal }), undefined);
        assert.equal(await link.files.stat(`${at}/file/below`, { signal }), undefined);
        assert.equal((await read(`${at}/file`)).toString(), 'x');
      });
    });

    describe('reads', () => {
      it('reads what has no size', async () => {
        assert.match((await read('/proc/meminfo')).toString(), /^MemTotal:/);
        assert.equal((await read('/proc/sys/kernel/random/boot_id')).length, 37);
      });

      it('reads on in a file whose name has gone to another', async () => {
        const [path, old] = [`${at}/0.log`, `${at}/0.log.20260101-000000`];
        await apply(write(path, 'abcdef'));
        const file = await link.files.open(path, { signal });
        assert.equal((await file.read(0, 3)).toString(), 'abc');
        assert.equal((await file.read(3, 100)).toString(), 'def');
        assert.equal((await file.read(6, 100)).length, 0);
        assert.equal(await file.moved(), false);
        await apply({ op: 'rename', from: path, to: old }, write(path, 'new'));
        await host().inside(['sh', '-c', 'printf ghi >>"$1"', 'sh', old]);
        assert.equal((await file.read(6, 100)).toString(), 'ghi');
        assert.equal(await file.moved(), true);
        assert.equal(file.opened.size, 6);
        await apply({ op: 'remove', path: old });
        // a file that is held open can be read on, one that isn't says that it can't
        const rest = await file.read(6, 100);
        assert.equal(file.isLost?.() === true ? 'ghi' : rest.toString(), 'ghi');
        await file.close();
        const next = await link.files.open(path, { signal });
        assert.equal((await next.read(0, 100)).toString(), 'new');
        await next.close();
      });

      it('tells when a folder changes, and ends with the signal', async () => {
        await apply(mkdir(`${at}/watched`), write(`${at}/watched/f`, ''));
        const control = new AbortController();
        const file = await link.files.open(`${at}/watched/f`, { signal });
        let seen = '';
        const options = { signal: control.signal, file: () => file };
        for await (const _ of link.files.changes(`${at}/watched`, options)) {
          seen += (await file.read(seen.length, 100)).toString();
          if (seen.length === 3) control.abort();
          else await host().inside(['sh', '-c', 'printf x >>"$1"', 'sh', `${at}/watched/f`]);
        }
        assert.equal(seen, 'xxx');
      });
    });

    describe('as a whole', () => {
      it('serves fifty calls at once', async () => {
        await apply(mkdir(`${at}/many`));
        const all = Array.from({ length: 50 }, async (_, index) => {
          const path = `${at}/many/${String(index)}`;
          const data = randomBytes(20_000 + index);
          await apply(write(path, data), { op: 'chmod', path, mode: 0o600 });
          assert.ok((await read(path)).equals(data));
          assert.equal(await stat(path), `file 600 0:0 ${String(data.length)}`);
        });
        await Promise.all(all);
        assert.equal((await link.files.list(`${at}/many`, { signal }))?.length, 50);
      });

      it('calls off what has not begun, and goes on with the next', async () => {
        const done = AbortSignal.abort(new Error('called off'));
        await assert.rejects(link.files.apply([mkdir(`${at}/no`)], { signal: done }), /called off/);
        const control = new AbortController();
        const calls = Array.from({ length: 40 }, () =>
          link.files.apply([write(`${at}/maybe`, randomBytes(100_000)), mkdir(`${at}/maybe-not`)], {
            signal: control.signal,
          }),
        );
        control.abort(new Error('called off'));
        const ended = await Promise.allSettled(calls);
        assert.ok(ended.some(({ status }) => status === 'rejected'));
        assert.equal(await stat(`${at}/no`), 'nothing');
        await apply(write(`${at}/maybe`, 'y'));
        assert.equal((await read(`${at}/maybe`)).toString(), 'y');
      });

      it('dials from the host, both directions, with ends that arrive', async () => {
        const script =
          'const s = require("net").createServer({ allowHalfOpen: true }, (c) => { let n = 0; c.on("data", (d) => { n += d.length; c.write(d); }); c.on("end", () => c.end("|" + n)); }); s.listen(0, "127.0.0.1", () => console.log(s.address().port)); setTimeout(() => process.exit(), 60000)';
        const port = await startInside(host(), script);
        const socket = await link.dial({ host: '127.0.0.1', port }, { signal });
        const sent = randomBytes(MIB);
        const chunks: Buffer[] = [];
        const over = new Promise<void>((resolve, reject) => {
          socket.on('data', (chunk: Buffer) => chunks.push(chunk));
          socket.once('end', resolve).once('error', reject);
        });
        socket.end(sent);
        await over;
        const got = Buffer.concat(chunks);
        assert.ok(got.subarray(0, MIB).equals(sent));
        assert.equal(got.subarray(MIB).toString(), `|${String(MIB)}`);
        socket.destroy();
        await assert.rejects(link.dial({ host: '127.0.0.1', port: 1 }, { signal }), /refused/i);
        assert.equal(await kind(link.dial({ host: '127.0.0.1', port: 1 }, { signal })), 'unavailable');
        const called = link.dial(
          { host: '127.0.0.1', port },
          { signal: AbortSignal.abort(new Error('off')) },
        );
        assert.notEqual(await kind(called), 'no error');
      });

      it('reaches the runtime by a socket that is nobody else’s', async () => {
        const { target } = link.cri();
        assert.match(target, /^unix:/);
        const socket = connect(target.slice('unix:'.length));
        const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0';
        const answer = await new Promise<Buffer>((resolve, reject) => {
          socket.once('data', resolve).once('error', reject);
          socket.once('close', () => {
            reject(new Error('closed without an answer'));
          });
          socket.write(preface, 'latin1');
        });
        // a SETTINGS frame
        assert.equal(answer[3], 4);
        socket.destroy();
      });
    });
  });
}

/** Starts a Node script on the host that prints a port first; it ends by itself. */
async function startInside(host: ContractHost, script: string): Promise<number> {
  const command = `nohup "$1" -e "$2" >"$3" 2>&1 & for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 0.2; [ -s "$3" ] && break; done; cat "$3"`;
  const { stdout, stderr } = await host.inside([
    'sh',
    '-c',
    command,
    'sh',
    host.node,
    script,
    `${host.folder}/port`,
  ]);
  const port = Number(stdout.trim());
  assert.ok(port > 0, `no port: ${stdout}${stderr}`);
  return port;
}
