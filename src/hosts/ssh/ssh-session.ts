/**
 * The process of sshd that serves a connection. One whose connection was cut without a word lives on for as
 * long as sshd takes it for alive, hours by default, and keeps its listeners.
 */
import type { Client } from 'ssh2';
import { orAbort } from '../../util/abort.ts';

export interface SshSession {
  readonly pid: number;
  /** ticks since the host's boot: tells it from another process of that number */
  readonly startedAt: string;
}

interface Look {
  readonly signal: AbortSignal;
}

const MAX_OUTPUT = 4_096;

/** Of this connection; undefined where the host does not tell. */
export async function sshSession(client: Client, { signal }: Look): Promise<SshSession | undefined> {
  return parseStat(await output(client, 'cat /proc/$PPID/stat', { signal }));
}

/** Ends it, and with it its listeners, if it is still the same. */
export async function endSession(
  client: Client,
  session: SshSession,
  { signal }: Look,
): Promise<'ended' | 'gone'> {
  const { pid, startedAt } = session;
  const now = parseStat(await output(client, `cat /proc/${String(pid)}/stat`, { signal }));
  if (now?.startedAt !== startedAt) return 'gone';
  await output(client, `kill ${String(pid)}`, { signal });
  return 'ended';
}

/**
 * The sessions of one host, one after the other. While sshd takes a former one for alive, the streams that it
 * carried stay open on the host, and commands wait at their ends: it is ended when the next one is there.
 */
export class SshSessions {
  #last: SshSession | undefined;

  /** To be called for each connection that has come up. Rejects with the signal's reason alone. */
  async began(client: Client, { signal }: Look): Promise<void> {
    const former = this.#last;
    this.#last = await sshSession(client, { signal });
    if (former !== undefined) await endSession(client, former, { signal });
  }
}

/** /proc/PID/stat (proc(5)) of an sshd. */
export function parseStat(text: string): SshSession | undefined {
  const match = /^(\d+) \(sshd[^)]*\) (.+)$/m.exec(text);
  const startedAt = match?.[2]?.split(' ')[19];
  if (match?.[1] === undefined || startedAt === undefined || !/^\d+$/.test(startedAt)) return undefined;
  return { pid: Number(match[1]), startedAt };
}

/** What a command of the login shell prints; empty where it can't be run. */
function output(client: Client, command: string, { signal }: Look): Promise<string> {
  const all = new Promise<string>((resolve) => {
    client.exec(command, (error, stream) => {
      if (error !== undefined) {
        resolve('');
        return;
      }
      let text = '';
      stream.on('data', (chunk: Buffer) => {
        text = (text + chunk.toString()).slice(0, MAX_OUTPUT);
      });
      stream.stderr.resume();
      stream
        .on('error', () => undefined)
        .once('close', () => {
          resolve(text);
        });
      const stop = (): void => {
        stream.destroy();
      };
      if (signal.aborted) stop();
      else {
        signal.addEventListener('abort', stop, { once: true });
        stream.once('close', () => {
          signal.removeEventListener('abort', stop);
        });
      }
    });
  });
  return orAbort(all, signal);
}
