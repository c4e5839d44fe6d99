/**
 * Credentials from a program that the kubeconfig names (client-go: plugin/pkg/client/auth/exec), with a
 * deadline.
 */
import { spawn } from 'node:child_process';
import { FarletError, messageOf } from '../model/errors.ts';
import type { Clock } from '../util/clock.ts';
import { excerpt, isJson, shown } from './answers.ts';

export interface ExecPlugin {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  /** given to the program where the kubeconfig wants it (provideClusterInfo) */
  readonly cluster: object | undefined;
}

export interface ExecCredentials {
  readonly token: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** ms since the epoch; undefined: until the server refuses them */
  readonly expiresAt: number | undefined;
}

const MAX_OUTPUT_BYTES = 1024 * 1024;
/** A server that refuses whatever it is shown must not start a program with every call. */
const RENEW_AT_MOST_EVERY_MS = 10_000;
const AFTER_EXIT_MS = 1_000;
const versions = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];

/** @throws FarletError `invalid` for a plugin that can't be used */
export function execPlugin(exec: unknown, cluster: object): ExecPlugin {
  const { apiVersion, command, args, env, interactiveMode, provideClusterInfo } = isJson(exec)
    ? exec
    : ({} as Record<string, unknown>);
  if (typeof command !== 'string' || command === '')
    throw new FarletError('invalid', 'the kubeconfig’s exec section names no command');
  if (typeof apiVersion !== 'string' || !versions.includes(apiVersion))
    throw new FarletError(
      'invalid',
      `the kubeconfig’s exec section has apiVersion ${shown(apiVersion)}; it must be one of ${versions.join(', ')}`,
    );
  if (interactiveMode === 'Always')
    throw new FarletError(
      'invalid',
      `the credential plugin ${command} wants a terminal (interactiveMode: Always), and farlet has none`,
    );
  return {
    apiVersion,
    command,
    args: Array.isArray(args) ? args.map(shownWhole) : [],
    env: (Array.isArray(env) ? env : []).flatMap((each: unknown) =>
      isJson(each) ? [{ name: shownWhole(each.name), value: shownWhole(each.value) }] : [],
    ),
    cluster: provideClusterInfo === true ? cluster : undefined,
  };
}

/** YAML gives numbers where a text looks like one. */
function shownWhole(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export class ExecAuth {
  readonly #plugin: ExecPlugin;
  readonly #clock: Clock;
  #held: (ExecCredentials & { readonly readAt: number }) | undefined;

  constructor(plugin: ExecPlugin, clock: Clock) {
    this.#plugin = plugin;
    this.#clock = clock;
  }

  /**
   * The cached credentials until they expire or are refused; then runs the program. The signal ends the
   * program.
   */
  async get({ signal }: { signal: AbortSignal }): Promise<ExecCredentials> {
    const held = this.#held;
    if (held !== undefined && (held.expiresAt === undefined || this.#clock.now() < held.expiresAt))
      return held;
    const fresh = {
      ...(await runPlugin(this.#plugin, { clock: this.#clock, signal })),
      readAt: this.#clock.monotonic(),
    };
    this.#held = fresh;
    return fresh;
  }

  /** The server did not know them (401). */
  refused(): void {
    const age = this.#clock.monotonic() - (this.#held?.readAt ?? 0);
    if (age >= RENEW_AT_MOST_EVERY_MS) this.#held = undefined;
  }
}

interface Run {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

async function runPlugin(plugin: ExecPlugin, run: Run): Promise<ExecCredentials> {
  const what = `the credential plugin ${plugin.command}`;
  try {
    return parseCredential(plugin, await outputOf(plugin, run));
  } catch (error) {
    run.signal.throwIfAborted();
    throw new FarletError('unauthenticated', `${what}: ${messageOf(error)}`, { cause: error });
  }
}

function outputOf({ apiVersion, command, args, env, cluster }: ExecPlugin, run: Run): Promise<string> {
  const spec = { interactive: false, ...(cluster === undefined ? {} : { cluster }) };
  const info = JSON.stringify({ apiVersion, kind: 'ExecCredential', spec });
  const own = Object.fromEntries(env.map(({ name, value }) => [name, value]));
  const child = spawn(command, [...args], {
    env: { ...process.env, ...own, KUBERNETES_EXEC_INFO: info },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: run.signal,
    killSignal: 'SIGKILL',
  });
  const printed: Buffer[] = [];
  let size = 0;
  let complaint = '';
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= MAX_OUTPUT_BYTES) printed.push(chunk);
    else child.kill('SIGKILL');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    if (complaint.length < 1000) complaint += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    const end = (code: number | null, killedBy: NodeJS.Signals | null): void => {
      child.stdout.destroy();
      child.stderr.destroy();
      if (size > MAX_OUTPUT_BYTES) reject(new Error(`it printed more than ${MAX_OUTPUT_BYTES} bytes`));
      else if (code === 0) resolve(Buffer.concat(printed).toString());
      else reject(new Error(`it ended with ${String(code ?? killedBy)}: ${excerpt(complaint)}`));
    };
    child.once('error', reject);
    child.once('close', end);
    // what the program leaves behind may hold its pipes for ever
    child.once('exit', (code, killedBy) => {
      const giveUp = run.clock.after(AFTER_EXIT_MS, () => {
        end(code, killedBy);
      });
      child.once('close', giveUp);
    });
  });
}

/**
 * Parses the program's output by the rules of client-go (refreshCredsLocked). Never shows the output: it is a
 * secret.
 */
export function parseCredential(
  { apiVersion }: Pick<ExecPlugin, 'apiVersion'>,
  text: string,
): ExecCredentials {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('what it printed is not JSON');
  }
  if (!isJson(value) || value.kind !== 'ExecCredential' || value.apiVersion !== apiVersion)
    throw new Error(`what it printed is no ExecCredential of ${apiVersion}`);
  if (!isJson(value.status)) throw new Error('its ExecCredential has no status');
  const { token, clientCertificateData, clientKeyData, expirationTimestamp } = value.status;
  const [shown, cert, key] = [token, clientCertificateData, clientKeyData].map((each) =>
    typeof each === 'string' && each !== '' ? each : undefined,
  );
  if ((cert === undefined) !== (key === undefined))
    throw new Error('its ExecCredential has a certificate without a key, or a key without a certificate');
  if (shown === undefined && cert === undefined)
    throw new Error('its ExecCredential has neither a token nor a certificate');
  const expiresAt =
    expirationTimestamp === undefined || expirationTimestamp === null
      ? undefined
      : typeof expirationTimestamp === 'string'
        ? Date.parse(expirationTimestamp)
        : Number.NaN;
  if (Number.isNaN(expiresAt))
    throw new Error('its ExecCredential has an expirationTimestamp that is no time');
  return { token: shown, cert, key, expiresAt };
}
