/**
 * The program of far hosts (hosts/far), run on the machine that farlet itself runs on, for what takes a
 * command: mounts, and looks that a server may hold up. It is started once and forks for each request. Farlet
 * itself would stand still meanwhile: to fork a process takes as long as its memory is large, 30 ms with
 * 5,000 pods.
 */
import { spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import type { OpenShell } from '../far/remote-agents.ts';
import { localCommand } from '../far/remote-program.ts';

/** In farlet's own rights and mount namespace. All that it has started ends with its stream. */
export const openLocalShell: OpenShell = () => {
  const [file, ...args] = localCommand;
  const child = spawn(file, args, {
    stdio: 'pipe',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    cwd: '/',
    detached: true,
  });
  const { stdin, stdout, stderr } = child;
  const stream = Duplex.from({ readable: stdout, writable: stdin });
  child.once('error', (error) => stream.destroy(error));
  child.once('close', () => stream.destroy());
  stream.once('close', () => {
    if (child.pid !== undefined) killGroup(child.pid);
  });
  return Promise.resolve({ stream, stderr });
};

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // it has ended by itself
  }
}
