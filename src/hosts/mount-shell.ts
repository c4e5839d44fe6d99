/**
 * Mounts and unmounts through one small shell that stays. Starting `mount` from farlet itself would copy the page
 * tables of a large process each time and stop everything else meanwhile: several milliseconds of every pod's start.
 *
 * The shell's script is fixed; what to do comes on its stdin, one word a line, and is never part of a command's text.
 * It ends with farlet: its stdin closes.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Clock } from '../util/clock.ts';
import { Lane } from '../util/lane.ts';

export type MountOrder =
  | { readonly verb: 'mount-tmpfs'; readonly path: string; readonly options: string }
  | { readonly verb: 'unmount'; readonly path: string };

/** A mount that hangs (a dead network file system) holds the next one up for no longer than this. */
const ANSWER_MS = 5_000;

/** One answer a line: the exit code, and what was printed. */
const script = `set -f
while IFS= read -r verb && IFS= read -r options && IFS= read -r path; do
  case $verb in
    mount-tmpfs) text=$(mount -t tmpfs -o "$options" -- tmpfs "$path" 2>&1) ;;
    unmount) text=$(umount -- "$path" 2>&1) ;;
    *) text='unknown verb'; false ;;
  esac
  code=$?
  set -- $text
  printf '%s %s\\n' "$code" "$*"
done`;

export class MountShell {
  readonly #clock: Pick<Clock, 'after'>;
  readonly #turns = new Lane(1);
  #shell: ChildProcessWithoutNullStreams | undefined;

  constructor(options: { clock: Pick<Clock, 'after'> }) {
    this.#clock = options.clock;
  }

  /**
   * Resolves with `done`, or with `stuck` where no answer came within 5 s of its turn: then it may have been done or
   * not. Rejects with what the command printed. Once its turn has come an abort no longer stops it, so that a mount
   * never appears after its caller has given up.
   */
  run(order: MountOrder, { signal }: { signal: AbortSignal }): Promise<'done' | 'stuck'> {
    if (order.path.includes('\n'))
      return Promise.reject(new Error('a path with a line break cannot be mounted'));
    return this.#turns.run(signal, async () => {
      const answer = await this.#ask(order);
      if (answer === undefined) return 'stuck';
      const code = answer.slice(0, answer.indexOf(' '));
      if (code !== '0') throw new Error(`exit code ${code}: ${answer.slice(code.length + 1)}`);
      return 'done';
    });
  }

  #ask(order: MountOrder): Promise<string | undefined> {
    const shell = (this.#shell ??= start());
    hold(shell, true);
    return new Promise((resolve) => {
      let heard = '';
      const end = (answer: string | undefined): void => {
        cancel();
        shell.stdout.off('data', listen);
        shell.off('error', fail);
        shell.off('exit', fail);
        hold(shell, false);
        resolve(answer);
      };
      const fail = (): void => {
        this.#shell = undefined;
        end(undefined);
      };
      const listen = (chunk: Buffer): void => {
        heard += chunk.toString();
        if (heard.endsWith('\n')) end(heard.slice(0, -1));
      };
      const cancel = this.#clock.after(ANSWER_MS, () => {
        kill(shell);
        fail();
      });
      shell.stdout.on('data', listen);
      shell.once('error', fail).once('exit', fail);
      const options = order.verb === 'mount-tmpfs' ? order.options : '';
      shell.stdin.write(`${order.verb}\n${options}\n${order.path}\n`);
    });
  }
}

function start(): ChildProcessWithoutNullStreams {
  const shell = spawn('/bin/sh', ['-c', script], {
    stdio: 'pipe',
    // a group of its own, so that a command that hangs can be killed with it
    detached: true,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
  });
  // what it can't be told is seen as its end
  shell.on('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  shell.stderr.resume();
  return shell;
}

/** Whether the shell keeps the process from ending: only while something is asked of it. */
function hold(shell: ChildProcessWithoutNullStreams, held: boolean): void {
  for (const handle of [
    shell,
    shell.stdin as unknown as Socket,
    shell.stdout as unknown as Socket,
    shell.stderr as unknown as Socket,
  ]) {
    if (held) handle.ref();
    else handle.unref();
  }
}

function kill(shell: ChildProcessWithoutNullStreams): void {
  if (shell.pid === undefined) return;
  try {
    process.kill(-shell.pid, 'SIGKILL');
  } catch {
    // it is gone already
  }
}
