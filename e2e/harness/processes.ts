/** Starts programs, keeps their output, and makes sure none outlives its owner. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, closeSync } from 'node:fs';
import { dirname } from 'node:path';

export interface Running {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  exited(): boolean;
  /** undefined while it runs; null when a signal ended it */
  exitCode(): number | null | undefined;
  /** Sends the signal and waits until the process is gone; after ten seconds it is killed. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** What is still running and must not outlive this process, however it ends. */
const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/**
 * Runs a long-lived program with its output in a file; it is killed when this process ends, unless detached.
 */
export function start(
  name: string,
  command: readonly string[],
  options: { logFile: string; env?: Record<string, string>; cwd?: string; detached?: boolean },
): Running {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const out = openSync(options.logFile, 'a');
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    stdio: ['ignore', out, out],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    detached: options.detached ?? false,
  });
  closeSync(out);
  let failure: Error | undefined;
  child.once('error', (error) => (failure = error));
  if (options.detached === true) child.unref();
  else {
    children.add(child);
    child.once('exit', () => children.delete(child));
  }
  const exited = (): boolean => failure !== undefined || child.exitCode !== null || child.signalCode !== null;
  return {
    name,
    pid: child.pid ?? -1,
    logFile: options.logFile,
    exited,
    exitCode: () => (exited() ? child.exitCode : undefined),
    stop: (signal = 'SIGTERM') => stopChild(child, signal),
  };
}

async function stopChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise<void>((resolve) =>
    child.once('exit', () => {
      resolve();
    }),
  );
  child.kill(signal);
  const killer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(killer);
}

/** What a finished command printed; a non-zero exit is an error that shows it. */
export async function run(
  command: readonly string[],
  options: { env?: Record<string, string>; input?: string; timeoutMs?: number; cwd?: string } = {},
): Promise<string> {
  const { code, stdout, stderr } = await outcome(command, options);
  if (code !== 0) throw new Error(`${command.join(' ')} exited with ${String(code)}:\n${stderr}${stdout}`);
  return stdout;
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, whatever its exit code. */
export function outcome(
  command: readonly string[],
  options: { env?: Record<string, string>; input?: string; timeoutMs?: number; cwd?: string } = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const [file = '', ...args] = command;
    const child = spawn(file, args, {
      stdio: 'pipe',
      env: { ...process.env, ...options.env },
      timeout: options.timeoutMs ?? 60_000,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, stdout, stderr });
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** The end of a log file, for failure reports. */
export function tail(file: string, lines = 40): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '(no log)';
  }
}

/**
 * Tries until `check` returns something; a failure tells what it was waiting for, and what `describe` finds.
 */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  options: { timeoutMs?: number; everyMs?: number; describe?: () => Promise<string> } = {},
): Promise<T> {
  const end = Date.now() + (options.timeoutMs ?? 30_000);
  let last: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) break;
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 100));
  }
  const details = (await options.describe?.()) ?? '';
  const cause = last instanceof Error ? `\nlast error: ${last.message}` : '';
  throw new Error(`waited in vain for: ${what}${cause}${details === '' ? '' : `\n${details}`}`);
}
