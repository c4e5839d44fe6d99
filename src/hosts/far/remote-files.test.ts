/** The program of far hosts, run on this machine: on real files and mounts, as root only. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { Duplex, Transform } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { FakeClock } from '../../testing/fixtures.ts';
import { systemClock } from '../../util/clock.ts';
import type { FileOp, HostFiles } from '../link/link.ts';
import { LocalFiles } from '../unix/local-files.ts';
import type { ShellChannel } from './remote-agent.ts';
import { RemoteAgents } from './remote-agents.ts';
import type { RemoteStep } from './remote-encoding.ts';
import { RemoteFiles } from './remote-files.ts';

const { signal } = new AbortController();
/** how often the host was asked for a piece of a file */
let reads = 0;

function openShell([file = '', ...args]: readonly string[]): Promise<ShellChannel> {
  const { stdin, stdout, stderr } = spawn(file, args, { stdio: 'pipe' });
  const counted = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      if (/^[0-9a-f]+ pread /.test(chunk.toString('latin1'))) reads += 1;
      done(null, chunk);
    },
  });
  counted.pipe(stdin);
  counted.once('close', () => stdin.destroy());
  return Promise.resolve({ stream: Duplex.from({ readable: stdout, writable: counted }), stderr });
}

describe('files of a far host', { skip: process.getuid?.() !== 0 && 'only root may mount' }, () => {
  const remote = new RemoteFiles({ host: 'box', open: openShell, clock: systemClock });
  const local = new LocalFiles({ host: 'box' });
  let root = '';

  before(() => {
    root = mkdtempSync(`${tmpdir()}/farlet-remote-`);
  });
  after(() => {
    remote.close();
    local.close();
    rmSync(root, { recursive: true });
  });

  /** without line breaks, of which an answer keeps none of the command's */
  const said = (files: HostFiles, op: FileOp): Promise<string> =>
    files.apply([op], { signal }).then(
      () => 'done',
      (error: unknown) => (error as Error).message.trim().replaceAll(/\s+/g, ' '),
    );

  for (const [pace, ...ops] of [
    ['brief', 'mkdir', 'write'],
    ['brief', ...Array<string>(64).fill('mkdir')],
    ['slow', ...Array<string>(65).fill('mkdir')],
    ['slow', 'mkdir', 'large'],
    ['slow', 'mkdir', 'remove-tree'],
    ['risky', 'mkdir', 'mayHang'],
    ['hangs', 'own-tree', 'mayHang'],
  ])
    it(`are asked for ${ops.length > 2 ? `${ops.length} changes` : ops.join(' and ')} as for what is ${pace}`, async () => {
      const told: string[] = [];
      const onRequest = (request: { pace: string }): void => void told.push(request.pace);
      const files = new RemoteFiles({ host: 'box', open: openShell, clock: systemClock, onRequest });
      const [path, owner] = [`${root}/paces`, { uid: 0, gid: 0 }];
      const known: Record<string, FileOp> = {
        mkdir: { op: 'mkdir', path, mode: 0o755 },
        write: { op: 'write', path: `${path}/f`, data: Buffer.from('x'), mode: 0o644, ...owner },
        large: { op: 'write', path: `${path}/f`, data: Buffer.alloc(65 * 1024), mode: 0o644, ...owner },
        'remove-tree': { op: 'remove-tree', path },
        'own-tree': { op: 'own-tree', path: root, gid: 0, readOnly: false, onlyOnRootMismatch: true },
      };
      const chosen = ops.flatMap((name) => known[name] ?? []);
      await files.apply(chosen, { signal, mayHang: ops.includes('mayHang') });
      files.close();
      assert.deepEqual(told, [pace]);
    });

  it('have the mount table of the host', async () => {
    const entries = await remote.mounts({ signal });
    assert.ok(entries.some(({ path }) => path === '/'));
  });

  for (const keep of [undefined, true])
    it(`take no file for a folder${keep === true ? ' that is kept' : ''}`, async () => {
      const path = `${root}/in-the-way`;
      writeFileSync(path, '', { mode: 0o600 });
      const op: FileOp = { op: 'mkdir', path, mode: 0o755, ...(keep === true ? { keep } : {}) };
      assert.match(await said(remote, op), /in-the-way.*not a directory/i);
      assert.match(await said(local, op), /in-the-way.*not a directory/i);
      assert.equal(statSync(path).mode & 0o777, 0o600);
    });

  it('tell of mounts that fail what is told on this machine', async () => {
    const path = `${root}/point`;
    mkdirSync(path);
    const mount = { op: 'mount', type: 'nfs', source: 'no.such.host.invalid:/x', path } as const;
    for (const op of [
      { ...mount, options: [] },
      { ...mount, options: ['ro', 'soft'] },
      { op: 'mount-tmpfs', path: `${root}/absent`, mode: 0o755, sizeBytes: 4096 },
    ] satisfies FileOp[]) {
      const text = await said(remote, op);
      assert.match(text, /^mount failed: exit status \d+ Mounting command: mount Mounting arguments: -t /);
      assert.equal(text, await said(local, op));
    }
  });

  it('neither unmount nor delete where the table of mounts can not be read', async () => {
    mkdirSync(`${root}/no-awk`);
    writeFileSync(`${root}/no-awk/awk`, '#!/bin/sh\nkill -9 $$\n', { mode: 0o755 });
    const env = { PATH: `${root}/no-awk:${process.env.PATH ?? ''}` };
    const blind = new RemoteFiles({
      host: 'box',
      open: ([file = '', ...args]) => {
        const { stdin, stdout, stderr } = spawn(file, args, { stdio: 'pipe', env });
        return Promise.resolve({ stream: Duplex.from({ readable: stdout, writable: stdin }), stderr });
      },
      clock: systemClock,
    });
    const path = `${root}/unseen`;
    mkdirSync(path);
    await local.apply([{ op: 'mount-tmpfs', path, mode: 0o755 }], { signal });
    writeFileSync(`${path}/data`, '');
    try {
      for (const op of ['unmount', 'remove-tree'] as const)
        assert.match(await said(blind, { op, path }), /the table of mounts can't be read/);
      assert.equal(existsSync(`${path}/data`), true);
    } finally {
      blind.close();
      await local.apply([{ op: 'unmount', path }], { signal });
    }
  });

  it('send what a followed file gains along with the change', async () => {
    const folder = `${root}/logs`;
    const path = `${folder}/0.log`;
    mkdirSync(folder);
    writeFileSync(path, 'first\n');
    const file = await remote.open(path, { signal });
    const block = 64 * 1024;
    let seen = (await file.read(0, block)).toString('latin1');
    assert.equal(seen, 'first\n');
    const control = new AbortController();
    const changes = remote
      .changes(folder, { signal: control.signal, file: () => file })
      [Symbol.asyncIterator]();
    /** Reads on until as much is there; answers how often the host was asked for what was not empty. */
    const readTo = async (length: number): Promise<number> => {
      let asked = 0;
      while (seen.length < length) {
        await changes.next();
        for (let got = block; got === block;) {
          const askedBefore = reads;
          const piece = await file.read(seen.length, block);
          if (piece.length > 0) asked += reads - askedBefore;
          got = piece.length;
          seen += piece.toString('latin1');
        }
      }
      return asked;
    };
    const appendAndRead = async (text: string): Promise<number> => {
      const had = seen;
      appendFileSync(path, text, 'latin1');
      const asked = await readTo(had.length + text.length);
      assert.ok(seen === had + text);
      return asked;
    };
    let asked = 0;
    const lines = ['second\n', '', '\0 8\n', ...Array.from({ length: 7 }, (_, at) => `line ${String(at)}\n`)];
    for (const line of lines) asked += await appendAndRead(line);
    // a reader looks on its own once a second, which may be just then
    assert.ok(asked <= 3, `asked ${String(asked)} times for ${String(lines.length)} lines`);
    await appendAndRead('x'.repeat(block));
    await appendAndRead(randomBytes(3 * block + 7).toString('latin1'));

    renameSync(path, `${path}.rotated`);
    appendFileSync(`${path}.rotated`, 'late\n');
    writeFileSync(path, 'next\n');
    const had = seen.length;
    await readTo(had + 5);
    assert.equal(seen.slice(had), 'late\n');
    assert.equal(await file.moved(), true);
    control.abort();
    assert.equal((await changes.next()).done, true);
  });

  it('tell that a file that is read has gone with all its names', async () => {
    const path = `${root}/gone.log`;
    writeFileSync(path, 'abcdef');
    const file = await remote.open(path, { signal });
    assert.equal(file.opened.size, 6);
    assert.equal((await file.read(0, 3)).toString(), 'abc');
    renameSync(path, `${path}.1`);
    writeFileSync(path, 'new');
    assert.equal((await file.read(3, 2)).toString(), 'de');
    assert.deepEqual([await file.moved(), file.isLost?.()], [true, false]);
    rmSync(`${path}.1`);
    assert.equal((await file.read(5, 10)).toString(), '');
    assert.deepEqual([await file.moved(), file.isLost?.()], [true, true]);
  });
});

it(
  'data of a file that can not be opened is left out, and its agent goes on',
  { timeout: 20_000 },
  async () => {
    const agents = new RemoteAgents({ host: 'box', clock: systemClock, open: openShell });
    const ask = (...steps: RemoteStep[]) => agents.ask(steps, { signal, pace: 'brief' });
    const data = Buffer.from('some\ndata\n');
    const refused = await ask({ verb: 'append', args: ['/none/file'], data });
    assert.ok(!refused.ok && refused.kind === 'not-found', inspect(refused));
    assert.equal((await ask({ verb: 'touch', args: ['/', '00644', undefined] })).ok, true);
    agents.close();
  },
);

describe('an agent that is stuck', { skip: process.getuid?.() !== 0 && 'only root runs the program' }, () => {
  it('is killed with all it has started', async () => {
    const clock = new FakeClock();
    const pids: number[] = [];
    const agents = new RemoteAgents({
      host: 'box',
      clock,
      open: ([file = '', ...args]) => {
        const { stdin, stdout, stderr, pid = 0 } = spawn(file, args, { stdio: 'pipe' });
        pids.push(pid);
        return Promise.resolve({ stream: Duplex.from({ readable: stdout, writable: stdin }), stderr });
      },
    });
    // looks on and on, and sleeps in between
    const steps = [1, 1_000_000].map((looks) => ({ verb: 'watch', args: [looks, '/none'] }));
    const stuck = assert.rejects(agents.ask(steps, { signal, pace: 'quick' }), {
      kind: 'deadline-exceeded',
    });
    /** its children come and go */
    const sleeps = (pid: number): boolean => {
      try {
        const [child = ''] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
        return readFileSync(`/proc/${child}/comm`, 'utf8').startsWith('sleep');
      } catch {
        return false;
      }
    };
    await until(() => pids.some(sleeps));
    await clock.advance(30_000);
    await stuck;
    const [pid] = pids;
    await until(() => !existsSync(`/proc/${String(pid)}/exe`));
    agents.close();
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
