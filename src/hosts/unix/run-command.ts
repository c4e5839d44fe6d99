/** Runs a command of this machine to its end. */
import { spawn } from 'node:child_process';
import { FarletError } from '../../model/errors.ts';
import { limitSignal } from '../../util/abort.ts';

export interface CommandResult {
  /** undefined: ended by a signal */
  readonly code: number | undefined;
  /** the first 4 KiB of what it printed, to either stream */
  readonly output: string;
}

const MAX_OUTPUT = 4096;

/**
 * Rejects with kind `deadline-exceeded` after `timeoutMs`, with the signal's reason when it aborts, and with what spawn
 * says for a program that is missing. The command and all it has started are killed then; one that the kernel holds
 * (a server that is silent) is not waited for.
 */
export function runCommand(
  command: readonly string[],
  { signal, timeoutMs }: { signal: AbortSignal; timeoutMs?: number },
): Promise<CommandResult> {
  signal.throwIfAborted();
  const limited = timeoutMs === undefined ? signal : limitSignal(timeoutMs, signal);
  const [file = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
      cwd: '/',
      detached: true,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        if (output.length < MAX_OUTPUT) output = (output + chunk.toString()).slice(0, MAX_OUTPUT);
      });
    const abort = (): void => {
      if (child.pid !== undefined) killGroup(child.pid);
      const reason: unknown = signal.aborted ? signal.reason : undefined;
      reject(
        reason instanceof Error
          ? reason
          : new FarletError(
              'deadline-exceeded',
              `${file}: not done within ${String((timeoutMs ?? 0) / 1000)}s`,
            ),
      );
    };
    limited.addEventListener('abort', abort, { once: true });
    child.once('error', (error) => {
      limited.removeEventListener('abort', abort);
      reject(error);
    });
    child.once('close', (code) => {
      limited.removeEventListener('abort', abort);
      resolve({ code: code ?? undefined, output });
    });
  });
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // it has ended by itself
  }
}
