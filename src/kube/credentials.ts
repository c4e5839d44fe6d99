/**
 * The credentials that farlet presents to the API server: read again every few seconds, as kubeconfigs are
 * replaced, token files change and plugins' answers expire. What can't be used leaves in place what was
 * there.
 */
import type { RequestOptions as HttpsOptions } from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import type { SecureContextOptions } from 'node:tls';
import { FarletError, kindOf, messageOf } from '../model/errors.ts';
import { orAbort, withDeadline } from '../util/abort.ts';
import type { Clock } from '../util/clock.ts';
import { destroy, openDispatchers, retire, type Dispatchers } from './dispatchers.ts';
import { ExecAuth, type ExecCredentials } from './exec-credentials.ts';
import { filesOf, kubeconfigText, loadKubeconfig, nameOf, type Kubeconfig } from './kubeconfig.ts';
import { credentialsProblem, serverProblem, type Presented } from './usable-credentials.ts';

export interface Access {
  readonly dispatchers: Dispatchers;
  readonly headers: Readonly<Record<string, string>>;
  readonly readAt: number;
  readonly identity: string;
  readonly presented: Presented;
  readonly certificate: string | Buffer | undefined;
}

export interface CredentialsOptions {
  readonly kubeconfig: string | undefined;
  readonly clock: Clock;
  /** What became of a look at the files; `problem` undefined: what they hold is in use. */
  readonly onLook: (look: CredentialsLook) => void;
}

export interface CredentialsLook {
  readonly files: readonly string[];
  readonly problem: string | undefined;
  /** other certificates, or another way to the server, than before */
  readonly isNew: boolean;
}

type Tls = SecureContextOptions & Pick<HttpsOptions, 'rejectUnauthorized' | 'servername'>;

const FRESH_MS = 10_000;
/** A plugin may have to ask somebody; one that never comes back must not hold every call. */
const READ_MS = 60_000;
/** What a disk of the network may take. */
const FILE_MS = 10_000;

export class Credentials {
  readonly server: string;
  readonly #options: CredentialsOptions;
  readonly #life = new AbortController();
  #kubeconfig: Kubeconfig;
  #exec: ExecAuth | undefined;
  #reading: Promise<Access> | undefined;
  #current: Access | undefined;
  #isStale = false;

  /** @throws FarletError `invalid` for a kubeconfig that can't be used */
  constructor(options: CredentialsOptions) {
    this.#options = options;
    this.#kubeconfig = loadKubeconfig(options.kubeconfig);
    this.server = this.#kubeconfig.server;
    this.#exec = execOf(this.#kubeconfig, options.clock);
  }

  get current(): Access | undefined {
    return this.#current;
  }

  /** Reads them at most once at a time; a caller may leave before they are there. */
  get({ signal }: { signal: AbortSignal }): Promise<Access> {
    const held = this.#current;
    const isFresh = held !== undefined && this.#options.clock.monotonic() - held.readAt < FRESH_MS;
    if (isFresh && !this.#isStale) return Promise.resolve(held);
    this.#reading ??= withDeadline(
      this.#life.signal,
      READ_MS,
      `credentials for the API server ${this.server}`,
      (limited) => this.#read(limited),
    ).finally(() => {
      this.#reading = undefined;
    });
    return orAbort(this.#reading, signal);
  }

  /** The server did not know what it was shown (401): it is read again with the next call. */
  refused(): void {
    this.#exec?.refused();
    this.#isStale = true;
  }

  /** Ends every connection, but for watches on those of former credentials: their signals do. */
  async close(): Promise<void> {
    this.#life.abort(new FarletError('cancelled', 'the connection to the API server is closed'));
    if (this.#current !== undefined) await destroy(this.#current.dispatchers);
  }

  async #read(signal: AbortSignal): Promise<Access> {
    const before = this.#current;
    const { kubeconfig, clock } = this.#options;
    try {
      await this.#follow(signal);
      const options: HttpsOptions = {};
      await orAbort(this.#kubeconfig.config.applyToHTTPSOptions(options), signal);
      const plugged = await this.#exec?.get({ signal });
      const next = presentedBy(options, plugged);
      const problem = before === undefined ? undefined : credentialsProblem(before.presented, next);
      if (problem !== undefined) throw new FarletError('invalid', `${nameOf(kubeconfig)}: ${problem}`);
      return this.#take(next, options, plugged);
    } catch (error) {
      signal.throwIfAborted();
      // a plugin that has no more credentials, and whose former ones have expired
      if (before === undefined || kindOf(error) === 'unauthenticated') throw error;
      this.#report(messageOf(error), false);
      this.#isStale = false;
      this.#current = { ...before, readAt: clock.monotonic() };
      return this.#current;
    }
  }

  /** Takes another kubeconfig in place of the one that was read, if its files have changed. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { kubeconfig, clock } = this.#options;
    const what = nameOf(kubeconfig);
    const text = await withDeadline(signal, FILE_MS, what, () => kubeconfigText(kubeconfig));
    // what was refused may have been replaced: the library keeps tokens of files for a minute
    if (!this.#isStale && text === this.#kubeconfig.text) return;
    const next = loadKubeconfig(kubeconfig, text);
    const problem = serverProblem(this.server, next.server);
    if (problem !== undefined) throw new FarletError('invalid', `${what}: ${problem}`);
    if (!isDeepStrictEqual(next.plugin, this.#kubeconfig.plugin)) this.#exec = execOf(next, clock);
    this.#kubeconfig = next;
  }

  #take(presented: Presented, options: HttpsOptions, plugged: ExecCredentials | undefined): Access {
    const { config } = this.#kubeconfig;
    const before = this.#current;
    const { rejectUnauthorized, servername } = options;
    const tls: Tls = { ...presented.tls, rejectUnauthorized, servername };
    const identity = JSON.stringify([tls, config.getCurrentCluster()?.proxyUrl]);
    const isSame = before?.identity === identity;
    const dispatchers = isSame ? before.dispatchers : openDispatchers(config, tls);
    if (before !== undefined && !isSame) retire(before.dispatchers);
    const headers = Object.entries(options.headers ?? {}).map(
      ([name, value]) => [name, String(value)] as const,
    );
    this.#isStale = false;
    this.#current = {
      dispatchers,
      headers: {
        ...Object.fromEntries(headers),
        ...(plugged?.token === undefined ? {} : { Authorization: `Bearer ${plugged.token}` }),
      },
      readAt: this.#options.clock.monotonic(),
      identity,
      presented,
      // a certificate may be given as several; nobody here gives more than one
      certificate: isSame ? before.certificate : firstOf(presented.tls.cert),
    };
    this.#report(undefined, before !== undefined && !isSame);
    return this.#current;
  }

  #report(problem: string | undefined, isNew: boolean): void {
    const files = filesOf(this.#options.kubeconfig, this.#kubeconfig);
    if (files.length > 0) this.#options.onLook({ files, problem, isNew });
  }
}

function execOf({ plugin }: Kubeconfig, clock: Clock): ExecAuth | undefined {
  return plugin === undefined ? undefined : new ExecAuth(plugin, clock);
}

function presentedBy(options: HttpsOptions, plugged: ExecCredentials | undefined): Presented {
  const { ca, pfx, passphrase } = options;
  const cert = plugged?.cert ?? options.cert;
  const key = plugged?.key ?? options.key;
  const hasHeader = Object.keys(options.headers ?? {}).some((name) => /^authorization$/i.test(name));
  const hasToken = hasHeader || plugged?.token !== undefined;
  return { hasToken, tls: { ca, cert, key, pfx, passphrase } };
}

function firstOf(cert: Presented['tls']['cert']): string | Buffer | undefined {
  return Array.isArray(cert) ? cert[0] : cert;
}
