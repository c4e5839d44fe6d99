/**
 * The credentials that farlet presents to the API server: read again every few seconds, as token files change
 * and plugins' answers expire.
 */
import { existsSync } from 'node:fs';
import type { RequestOptions as HttpsOptions } from 'node:https';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig, type Cluster } from '@kubernetes/client-node';
import { FarletError, messageOf } from '../model/errors.ts';
import { orAbort, withDeadline } from '../util/abort.ts';
import type { Clock } from '../util/clock.ts';
import { openDispatchers, retire, type Dispatchers } from './dispatchers.ts';
import { ExecAuth, execPlugin } from './exec-credentials.ts';

export interface Access {
  readonly dispatchers: Dispatchers;
  readonly headers: Readonly<Record<string, string>>;
  readonly readAt: number;
  readonly identity: string;
  readonly certificate: string | Buffer | undefined;
}

const FRESH_MS = 10_000;
/** A plugin may have to ask somebody; one that never comes back must not hold every call. */
const READ_MS = 60_000;

/** Whether an API server is configured: by the given file, a pod's service account, or the usual places. */
export function isClusterConfigured(kubeconfig: string | undefined): boolean {
  return (
    kubeconfig !== undefined ||
    process.env.KUBERNETES_SERVICE_HOST !== undefined ||
    (process.env.KUBECONFIG ?? '') !== '' ||
    existsSync(join(homedir(), '.kube', 'config'))
  );
}

export class Credentials {
  readonly server: string;
  readonly #config: KubeConfig;
  readonly #exec: ExecAuth | undefined;
  readonly #clock: Clock;
  readonly #life = new AbortController();
  #reading: Promise<Access> | undefined;
  #current: Access | undefined;
  #isStale = false;

  /** @throws FarletError `invalid` for a kubeconfig that can't be used */
  constructor({ kubeconfig, clock }: { kubeconfig: string | undefined; clock: Clock }) {
    this.#clock = clock;
    this.#config = loadConfig(kubeconfig);
    const cluster = this.#config.getCurrentCluster();
    this.server = cluster?.server ?? '';
    const exec: unknown = this.#config.getCurrentUser()?.exec;
    if (exec === undefined || exec === null) return;
    this.#exec = new ExecAuth(execPlugin(exec, clusterInfo(cluster)), clock);
    // the library's way of asking plugins has no deadline and never asks again
    this.#config.users = this.#config.users.map((user) => ({ ...user, exec: undefined }));
  }

  get current(): Access | undefined {
    return this.#current;
  }

  /** Reads them at most once at a time; who asks may leave before they are there. */
  get({ signal }: { signal: AbortSignal }): Promise<Access> {
    const held = this.#current;
    if (held !== undefined && !this.#isStale && this.#clock.monotonic() - held.readAt < FRESH_MS)
      return Promise.resolve(held);
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

  /** The server did not know what it was shown (401): it is read anew with the next call. */
  refused(): void {
    this.#exec?.refused();
    this.#isStale = true;
  }

  close(): Access | undefined {
    this.#life.abort(new FarletError('cancelled', 'the connection to the API server is closed'));
    return this.#current;
  }

  async #read(signal: AbortSignal): Promise<Access> {
    const options: HttpsOptions = {};
    await orAbort(this.#config.applyToHTTPSOptions(options), signal);
    const plugged = await this.#exec?.get({ signal });
    const { ca, pfx, passphrase, rejectUnauthorized, servername } = options;
    const cert = plugged?.cert ?? options.cert;
    const key = plugged?.key ?? options.key;
    const tls = { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername };
    const identity = JSON.stringify(tls);
    const previous = this.#current;
    const isSame = previous?.identity === identity;
    const dispatchers = isSame ? previous.dispatchers : openDispatchers(this.#config, tls);
    if (previous !== undefined && !isSame) retire(previous.dispatchers);
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
      readAt: this.#clock.monotonic(),
      identity,
      // a certificate may be given as several; nobody here gives more than one
      certificate: isSame ? previous.certificate : firstOf(cert),
    };
    return this.#current;
  }
}

function loadConfig(file: string | undefined): KubeConfig {
  const config = new KubeConfig();
  try {
    if (file !== undefined) config.loadFromFile(file);
    else if (process.env.KUBERNETES_SERVICE_HOST !== undefined) config.loadFromCluster();
    else config.loadFromDefault();
  } catch (error) {
    throw new FarletError('invalid', `${nameOf(file)} can't be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (config.getCurrentCluster() === null) {
    throw new FarletError(
      'invalid',
      `${nameOf(file)} has no current context with a cluster; set current-context`,
    );
  }
  return config;
}

/** As a credential plugin is told of it (client.authentication.k8s.io Cluster). */
function clusterInfo(cluster: Cluster | null): object {
  const { server, tlsServerName, skipTLSVerify, caData, proxyUrl } = cluster ?? ({} as Partial<Cluster>);
  return Object.fromEntries(
    Object.entries({
      server,
      'tls-server-name': tlsServerName,
      'insecure-skip-tls-verify': skipTLSVerify === true ? true : undefined,
      'certificate-authority-data': caData,
      'proxy-url': proxyUrl,
    }).filter(([, value]) => value !== undefined),
  );
}

function firstOf(cert: HttpsOptions['cert']): string | Buffer | undefined {
  return Array.isArray(cert) ? cert[0] : cert;
}

/** Where a kubeconfig was looked for, as whoever set it knows it. */
function nameOf(file: string | undefined): string {
  if (file !== undefined) return `kubeconfig ${file}`;
  if (process.env.KUBERNETES_SERVICE_HOST !== undefined) return "the pod's service account";
  const variable = process.env.KUBECONFIG ?? '';
  return variable === ''
    ? 'kubeconfig ~/.kube/config'
    : `kubeconfig ${variable} (of the variable KUBECONFIG)`;
}
