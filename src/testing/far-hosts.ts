/**
 * Hosts' files as tests have them: this machine's, and the same by the program of far hosts, in its shell and
 * in busybox's.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Duplex } from 'node:stream';
import type { HostFiles } from '../hosts/link/link.ts';
import { LocalFiles } from '../hosts/unix/local-files.ts';
import type { OpenShell } from '../hosts/far/remote-agents.ts';
import { RemoteFiles } from '../hosts/far/remote-files.ts';
import { systemClock } from '../util/clock.ts';

/**
 * A process of this machine in place of a far host's; `programs` is the folder of those that come first, sh
 * among them.
 */
export function shellHere(programs = '/bin'): OpenShell {
  return ([file = '', ...args]) => {
    const env = { PATH: `${programs}:${process.env.PATH ?? ''}` };
    const { stdin, stdout, stderr } = spawn(`${programs}/${file}`, args, { stdio: 'pipe', env });
    return Promise.resolve({ stream: Duplex.from({ readable: stdout, writable: stdin }), stderr });
  };
}

export interface TriedHosts {
  readonly all: readonly (readonly [name: string, files: HostFiles])[];
  close(): void;
}

/** Only root can run the program of far hosts. */
export function triedHosts(): TriedHosts {
  const applets = mkdtempSync(`${tmpdir()}/farlet-applets-`);
  const hasBusybox = spawnSync('busybox', ['--install', '-s', applets]).status === 0;
  const far = (programs: string): RemoteFiles =>
    new RemoteFiles({ host: 'box', clock: systemClock, open: shellHere(programs) });
  const local = new LocalFiles({ host: 'box' });
  const remotes: [string, RemoteFiles][] = [];
  if (process.getuid?.() === 0) {
    remotes.push(['a far host', far('/bin')]);
    if (hasBusybox) remotes.push(['a far host of busybox', far(applets)]);
  }
  return {
    all: [['this machine', local], ...remotes],
    close: () => {
      local.close();
      for (const [, remote] of remotes) remote.close();
      rmSync(applets, { recursive: true });
    },
  };
}
