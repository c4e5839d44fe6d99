/**
 * Looks at paths of this machine that may never be answered (a hard mount of a server that is silent), each in a process of its
 * own that is killed: none keeps a thread from everybody else.
 */
import { FarletError, kindOf } from '../../model/errors.ts';
import { failureOf } from '../link/errno.ts';
import type { FileInfo } from '../link/link.ts';
import { parseStat, STAT_FORMAT } from '../far/remote-queries.ts';
import { runCommand } from './run-command.ts';

const LIMIT_MS = 20_000;
const real = '[ -e "$1" ] || { echo "no such file or directory"; exit 1; }; exec readlink -n -f "$1"';

export async function statApart(
  path: string,
  { follow, signal }: { follow: boolean; signal: AbortSignal },
): Promise<FileInfo> {
  return parseStat(await asked(['stat', ...(follow ? ['-L'] : []), '-c', STAT_FORMAT, path], signal));
}

export function realPathApart(path: string, { signal }: { signal: AbortSignal }): Promise<string> {
  return asked(['sh', '-c', real, 'sh', path], signal);
}

async function asked(command: readonly string[], signal: AbortSignal): Promise<string> {
  try {
    const { code, output } = await runCommand(command, { signal, timeoutMs: LIMIT_MS });
    if (code === 0) return output;
    throw new ToldError(output);
  } catch (error) {
    if (kindOf(error) !== 'deadline-exceeded') throw error;
    throw new FarletError('deadline-exceeded', `no answer within ${String(LIMIT_MS / 1000)}s`);
  }
}

/** What a program complained of, with the code that it stands for. */
class ToldError extends Error {
  readonly code: string;
  constructor(output: string) {
    super(output.trim());
    this.code = failureOf(output)?.code ?? '';
  }
}
