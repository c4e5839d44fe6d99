/** Takes a control group of this machine away (pkg/kubelet/cm/pod_container_manager_linux.go Destroy). */
import { readdir, readFile, rmdir } from 'node:fs/promises';
import type { Clock } from '../../util/clock.ts';
import type { FileOp } from '../link/link.ts';

/** What was killed is gone a moment later. */
const TRIES = 20;
const PAUSE_MS = 50;

export async function removeCgroup(
  { path, kill = false }: Extract<FileOp, { op: 'remove-cgroup' }>,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<void> {
  // the runtime has mostly taken away what was in it
  if (await isRemoved(path)) return;
  for (let tries = kill ? TRIES : 1; ; tries -= 1) {
    if (kill) await killBelow(path);
    try {
      await removeBelow(path);
      return;
    } catch (error) {
      if (tries === 1 || codeOf(error) !== 'EBUSY') throw error;
      await clock.sleep(PAUSE_MS, { signal });
    }
  }
}

/** Whether it is gone: it had nothing in it, or was not there. */
async function isRemoved(path: string): Promise<boolean> {
  try {
    await rmdir(path);
    return true;
  } catch (error) {
    return codeOf(error) === 'ENOENT';
  }
}

async function foldersOf(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => `${path}/${name}`);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function removeBelow(path: string): Promise<void> {
  for (const folder of await foldersOf(path)) await removeBelow(folder);
  await rmdir(path).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
}

async function killBelow(path: string): Promise<void> {
  for (const folder of await foldersOf(path)) await killBelow(folder);
  const pids = await readFile(`${path}/cgroup.procs`, 'utf8').catch(() => '');
  for (const pid of pids.split('\n').map(Number)) {
    // 0 stands for a process that can't be seen from here
    if (pid > 0) signalled(pid);
  }
}

function signalled(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
