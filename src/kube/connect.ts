/** The API server over undici, with the credentials that the Kubernetes client reads from a kubeconfig or a pod. */
import { existsSync } from 'node:fs';
import type { RequestOptions as HttpsOptions } from 'node:https';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent, ProxyAgent, type buildConnector, type Dispatcher } from 'undici';
import { FarletError, KubeError, messageOf } from '../model/errors.ts';
import { withDeadline } from '../util/abort.ts';
import { systemClock, type Clock } from '../util/clock.ts';
import type { KubeClient, PatchType, RequestOptions } from './client.ts';
import { statusError } from './errors.ts';

export interface ApiRequest {
  readonly code: string;
  readonly method: string;
  readonly host: string;
  readonly seconds: number;
}

export interface ConnectKubeOptions {
  /** a file; absent: the pod's service account, else the usual places */
  readonly kubeconfig?: string;
  readonly userAgent: string;
  readonly clock?: Clock;
  readonly onRequest?: (request: ApiRequest) => void;
}

/** A watch's raw answer: JSON lines. */
export interface KubeStream {
  readonly body: AsyncIterable<Buffer>;
}

export interface KubeConnection extends KubeClient {
  readonly server: string;
  /** PEM of the certificate that the API server was last shown; undefined: none */
  clientCertificate(): string | Buffer | undefined;
  /** Opens a watch; rejects like a call if the server refuses it. The signal ends it. */
  stream(path: string, options: { query: RequestOptions['query']; signal: AbortSignal }): Promise<KubeStream>;
  close(): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const CREDENTIALS_FRESH_MS = 10_000;
const MAX_CONNECTIONS = { watches: 64, calls: 8 };

const patchTypes: Record<PatchType, string> = {
  strategic: 'application/strategic-merge-patch+json',
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
};

/**
 * Watches share HTTP/2 connections: one TLS connection each would be hundreds. Calls go over a few of HTTP/1.1: one that is
 * given up closes its connection, where Node's HTTP/2 never comes back from a stream that is destroyed while its body is
 * on the way.
 */
interface Dispatchers {
  readonly watches: Dispatcher;
  readonly calls: Dispatcher;
}

interface Access {
  readonly dispatchers: Dispatchers;
  readonly headers: Record<string, string>;
  readonly readAt: number;
  readonly identity: string;
  readonly certificate: string | Buffer | undefined;
}

/** Whether anything says where the API server is: the file given, a pod's service account, or the usual places. */
export function isClusterConfigured(kubeconfig: string | undefined): boolean {
  return (
    kubeconfig !== undefined ||
    process.env.KUBERNETES_SERVICE_HOST !== undefined ||
    (process.env.KUBECONFIG ?? '') !== '' ||
    existsSync(join(homedir(), '.kube', 'config'))
  );
}

/** Loads credentials at once (throws FarletError `invalid` for a file that can't be used) and connects lazily. */
export function connectKube(options: ConnectKubeOptions): KubeConnection {
  return new Connection(options);
}

class Connection implements KubeConnection {
  readonly server: string;
  readonly #config: KubeConfig;
  readonly #options: ConnectKubeOptions;
  readonly #clock: Clock;
  #access: Promise<Access> | undefined;
  #current: Access | undefined;

  constructor(options: ConnectKubeOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#config = loadConfig(options.kubeconfig);
    this.server = this.#config.getCurrentCluster()?.server ?? '';
  }

  get<T>(path: string, options?: RequestOptions): Promise<T> {
    return this.#call<T>('GET', path, undefined, options);
  }

  create<T>(path: string, body: object, options?: RequestOptions): Promise<T> {
    return this.#call<T>('POST', path, { type: 'application/json', body }, options);
  }

  replace<T>(path: string, body: object, options?: RequestOptions): Promise<T> {
    return this.#call<T>('PUT', path, { type: 'application/json', body }, options);
  }

  patch<T>(path: string, type: PatchType, body: object, options?: RequestOptions): Promise<T> {
    return this.#call<T>('PATCH', path, { type: patchTypes[type], body }, options);
  }

  async delete(path: string, body?: object, options?: RequestOptions): Promise<void> {
    await this.#call(
      'DELETE',
      path,
      body === undefined ? undefined : { type: 'application/json', body },
      options,
    );
  }

  async stream(
    path: string,
    { query, signal }: { query: RequestOptions['query']; signal: AbortSignal },
  ): Promise<KubeStream> {
    const answer = await this.#send('watches', 'GET', path, { query, signal });
    if (answer.statusCode !== 200)
      throw statusError(answer.statusCode, await answer.body.text(), answer.headers);
    return { body: answer.body as AsyncIterable<Buffer> };
  }

  clientCertificate(): string | Buffer | undefined {
    return this.#current?.certificate;
  }

  async close(): Promise<void> {
    if (this.#current === undefined) return;
    const { watches, calls } = this.#current.dispatchers;
    await Promise.all([watches.destroy(), calls.destroy()]);
  }

  async #call<T>(
    method: Dispatcher.HttpMethod,
    path: string,
    content: { type: string; body: object } | undefined,
    options: RequestOptions = {},
  ): Promise<T> {
    const { signal, timeoutMs = DEFAULT_TIMEOUT_MS, query } = options;
    const started = this.#clock.monotonic();
    let code = '<error>';
    try {
      return await withDeadline(signal, timeoutMs, `${method} ${path} at ${this.server}`, async (limited) => {
        const answer = await this.#send('calls', method, path, {
          query,
          signal: limited,
          ...(content === undefined ? {} : { content }),
        });
        code = String(answer.statusCode);
        const text = await answer.body.text();
        if (answer.statusCode >= 400) throw statusError(answer.statusCode, text, answer.headers);
        return (text === '' ? {} : JSON.parse(text)) as T;
      });
    } finally {
      this.#options.onRequest?.({
        code,
        method,
        host: new URL(this.server).host,
        seconds: (this.#clock.monotonic() - started) / 1000,
      });
    }
  }

  async #send(
    over: keyof Dispatchers,
    method: Dispatcher.HttpMethod,
    path: string,
    options: {
      query: RequestOptions['query'];
      signal: AbortSignal;
      content?: { type: string; body: object };
    },
  ): Promise<Dispatcher.ResponseData> {
    const { query = {}, signal, content } = options;
    const url = new URL(this.server + path);
    for (const [key, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(key, String(value));
    const access = await this.#credentials();
    try {
      return await access.dispatchers[over].request({
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        signal,
        headersTimeout: 0,
        bodyTimeout: 0,
        headers: {
          ...access.headers,
          accept: 'application/json',
          'user-agent': this.#options.userAgent,
          ...(content === undefined ? {} : { 'content-type': content.type }),
        },
        ...(content === undefined ? {} : { body: JSON.stringify(content.body) }),
      });
    } catch (error) {
      signal.throwIfAborted();
      throw new KubeError(
        'unavailable',
        `the API server ${this.server} can't be reached: ${messageOf(error)}`,
        { status: 0, reason: 'ServiceUnavailable' },
        { cause: error },
      );
    }
  }

  /** Token files change and exec plugins' answers expire: read again every few seconds, at most once at a time. */
  #credentials(): Promise<Access> {
    if (this.#current !== undefined && this.#clock.monotonic() - this.#current.readAt < CREDENTIALS_FRESH_MS)
      return Promise.resolve(this.#current);
    this.#access ??= this.#readCredentials().finally(() => {
      this.#access = undefined;
    });
    return this.#access;
  }

  async #readCredentials(): Promise<Access> {
    const options: HttpsOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options;
    const tls = { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername };
    const identity = JSON.stringify(tls);
    const previous = this.#current;
    const isSame = previous?.identity === identity;
    const dispatchers = isSame ? previous.dispatchers : this.#dispatchers(tls);
    if (previous !== undefined && !isSame) {
      void previous.dispatchers.watches.close();
      void previous.dispatchers.calls.close();
    }
    const headers = Object.fromEntries(
      Object.entries(options.headers ?? {}).map(([name, value]) => [name, String(value)]),
    );
    this.#current = {
      dispatchers,
      headers,
      readAt: this.#clock.monotonic(),
      identity,
      // a certificate may be given as several; nobody here gives more than one
      certificate: isSame ? previous.certificate : firstOf(cert),
    };
    return this.#current;
  }

  #dispatchers(tls: object): Dispatchers {
    const wanted = this.#config.createDispatcherOptions(this.#config.getCurrentCluster(), tls);
    const both = (open: (options: Agent.Options) => Dispatcher): Dispatchers => ({
      watches: open({ keepAliveTimeout: 60_000, allowH2: true, connections: MAX_CONNECTIONS.watches }),
      calls: open({ keepAliveTimeout: 60_000, allowH2: false, connections: MAX_CONNECTIONS.calls }),
    });
    switch (wanted.type) {
      case 'agent': {
        // the client types its TLS options as Node's; undici's connector takes the same ones
        const connect = { ...wanted.connect, timeout: 10_000 } as buildConnector.BuildOptions;
        return both((options) => new Agent({ ...options, connect }));
      }
      case 'none':
        return both((options) => new Agent(options));
      case 'proxy': {
        const requestTls = wanted.requestTls as buildConnector.BuildOptions;
        return both((options) => new ProxyAgent({ ...options, uri: wanted.uri, requestTls }));
      }
      case 'socks':
        throw new FarletError(
          'unimplemented',
          `the kubeconfig's proxy ${wanted.uri} is a SOCKS proxy, which farlet can't use; use an HTTP proxy`,
        );
    }
  }
}

function loadConfig(file: string | undefined): KubeConfig {
  const config = new KubeConfig();
  try {
    if (file !== undefined) config.loadFromFile(file);
    else if (process.env.KUBERNETES_SERVICE_HOST !== undefined) config.loadFromCluster();
    else config.loadFromDefault();
  } catch (error) {
    throw new FarletError('invalid', `kubeconfig ${file ?? '(default)'} can't be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (config.getCurrentCluster() === null) {
    throw new FarletError(
      'invalid',
      `kubeconfig ${file ?? '(default)'} has no current context with a cluster; set current-context`,
    );
  }
  return config;
}

function firstOf(cert: HttpsOptions['cert']): string | Buffer | undefined {
  return Array.isArray(cert) ? cert[0] : cert;
}
