/** The program of far hosts, run on this machine: on real files and mounts, as root only. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Duplex } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../util/clock.ts';
import type { FileOp, HostFiles } from './link.ts';
import { LocalFiles } from './local-files.ts';
import type { ShellChannel } from './remote-agent.ts';
import { RemoteFiles } from './remote-files.ts';

const { signal } = new AbortController();

function openShell([file = '', ...args]: readonly string[]): Promise<ShellChannel> {
  const { stdin, stdout, stderr } = spawn(file, args, { stdio: 'pipe' });
  return Promise.resolve({ stream: Duplex.from({ readable: stdout, writable: stdin }), stderr });
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
    rmSync(root, { recursive: true });
  });

  /** without line breaks, of which an answer keeps none of the command's */
  const said = (files: HostFiles, op: FileOp): Promise<string> =>
    files.apply([op], { signal }).then(
      () => 'done',
      (error: unknown) => (error as Error).message.trim().replaceAll(/\s+/g, ' '),
    );

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
});
