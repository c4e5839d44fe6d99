/** The API server over undici, with the credentials that a kubeconfig or a pod has. */
import type { Dispatcher } from 'undici';
import { KubeError } from '../model/errors.ts';
import { childController, withDeadline } from '../util/abort.ts';
import { systemClock, type Clock } from '../util/clock.ts';
import { shortRound } from '../util/rounds.ts';
import type { KubeClient, PatchType, RequestOptions } from './client.ts';
import type { CredentialsLook } from './credentials.ts';
import { connectionFor, watchConnection } from './dispatchers.ts';
import { Transport, type TransportRequest } from './transport.ts';
import { StoreEpoch } from './versions.ts';

export interface ApiRequest {
  readonly code: string;
  readonly method: string;
  readonly host: string;
  readonly seconds: number;
}

export interface ConnectKubeOptions {
  /** a file; absent: the pod's service account, else the usual places */
  readonly kubeconfig?: string | undefined;
  readonly userAgent: string;
  readonly clock?: Clock;
  readonly onRequest?: (request: ApiRequest) => void;
  readonly onCredentials?: (look: CredentialsLook) => void;
}

/** A watch's raw answer: JSON lines. */
export interface KubeStream {
  readonly body: AsyncIterable<Buffer>;
}

/** How many watches there are now. */
export interface StreamCounts {
  readonly open: number;
  /** asked for, and not answered yet: waiting for a connection or the server */
  readonly waiting: number;
}

export interface KubeConnection extends KubeClient {
  readonly server: string;
  /** PEM of the certificate that the API server was last shown; undefined: none */
  clientCertificate(): string | Buffer | undefined;
  /** Opens a watch; rejects like a call if the server refuses it. The signal ends it. */
  stream(path: string, options: { query: RequestOptions['query']; signal: AbortSignal }): Promise<KubeStream>;
  /** Grows when the server's store went back to an earlier state: everything must then be listed again. */
  epoch(): number;
  streams(): StreamCounts;
  close(): Promise<void>;
}

/** The server begins to answer a watch at once; what waits for so long waits for nobody. */
const STREAM_ANSWER_MS = 60_000;
/** client-go: rest/request.go maxRetries */
const MAX_TRIES = 10;
const MIN_RETRY_MS = 100;
const ignore = (): void => undefined;
const accepted = new Set([200, 201, 202]);

const patchTypes: Record<PatchType, string> = {
  strategic: 'application/strategic-merge-patch+json',
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
};

interface Content {
  readonly type: string;
  readonly body: object;
}

/**
 * Loads credentials at once (throws FarletError `invalid` for a file that cannot be used) and connects
 * lazily.
 */
export function connectKube(options: ConnectKubeOptions): KubeConnection {
  return new Connection(options);
}

class Connection implements KubeConnection {
  readonly server: string;
  readonly #host: string;
  readonly #transport: Transport;
  readonly #onRequest: ConnectKubeOptions['onRequest'];
  readonly #clock: Clock;
  readonly #epoch = new StoreEpoch();
  readonly #watches = new Set<{ readonly life: AbortController; isOpen: boolean }>();

  constructor(options: ConnectKubeOptions) {
    const { kubeconfig, userAgent, clock = systemClock, onRequest, onCredentials = ignore } = options;
    this.#clock = clock;
    this.#onRequest = onRequest;
    this.#transport = new Transport({ kubeconfig, userAgent, clock, onLook: onCredentials });
    this.server = this.#transport.server;
    this.#host = URL.parse(this.server)?.host ?? this.server;
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
    const content = body === undefined ? undefined : { type: 'application/json', body };
    await this.#call('DELETE', path, content, options);
  }

  async stream(
    path: string,
    { query, signal }: { query: RequestOptions['query']; signal: AbortSignal },
  ): Promise<KubeStream> {
    const life = childController(signal);
    const watch = { life, isOpen: false };
    this.#watches.add(watch);
    life.signal.addEventListener('abort', () => this.#watches.delete(watch), { once: true });
    try {
      const what = `watch of ${path} at ${this.server}`;
      const request = { kind: watchConnection(path), method: 'GET', path, query } as const;
      const answer = await withDeadline(life.signal, STREAM_ANSWER_MS, what, (limited) => {
        // the deadline is for the beginning only: the body goes on for as long as the watch may
        const giveUp = (): void => {
          life.abort(limited.reason);
        };
        limited.addEventListener('abort', giveUp, { once: true });
        return this.#transport.send({ ...request, signal: life.signal }).finally(() => {
          limited.removeEventListener('abort', giveUp);
        });
      });
      if (answer.statusCode !== 200) throw await this.#transport.refusal(answer);
      watch.isOpen = true;
      return { body: answer.body as AsyncIterable<Buffer> };
    } catch (error) {
      life.abort(error);
      throw error;
    }
  }

  clientCertificate(): string | Buffer | undefined {
    return this.#transport.certificate;
  }

  epoch(): number {
    return this.#epoch.value;
  }

  streams(): StreamCounts {
    const open = [...this.#watches].filter(({ isOpen }) => isOpen).length;
    return { open, waiting: this.#watches.size - open };
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  async #call<T>(
    method: Dispatcher.HttpMethod,
    path: string,
    content: Content | undefined,
    options: RequestOptions = {},
  ): Promise<T> {
    const { kind, timeoutMs } = connectionFor(method, path);
    const { signal, query } = options;
    const limitMs = options.timeoutMs ?? timeoutMs;
    const until = this.#clock.monotonic() + limitMs;
    return withDeadline(signal, limitMs, `${method} ${path} at ${this.server}`, async (limited) => {
      for (let tries = 1; ; tries += 1) {
        try {
          return await this.#once<T>({ kind, method, path, query, content, signal: limited });
        } catch (error) {
          const asked = error instanceof KubeError ? error.retryAfterMs : undefined;
          const waitMs = Math.max(asked ?? 0, MIN_RETRY_MS * tries);
          if (asked === undefined || tries >= MAX_TRIES || this.#clock.monotonic() + waitMs >= until)
            throw error;
          await this.#clock.sleep(waitMs, { signal: limited });
        }
      }
    });
  }

  async #once<T>(request: TransportRequest): Promise<T> {
    const { kind, method, path } = request;
    if (kind !== 'leases') await shortRound();
    const started = this.#clock.monotonic();
    let code = '<error>';
    let answered: { status: number; text: string };
    try {
      const answer = await this.#transport.send(request);
      code = String(answer.statusCode);
      if (!accepted.has(answer.statusCode)) throw await this.#transport.refusal(answer);
      answered = { status: answer.statusCode, text: await this.#transport.whole(request, answer) };
    } finally {
      const seconds = (this.#clock.monotonic() - started) / 1000;
      this.#onRequest?.({ code, method, host: this.#host, seconds });
    }
    // a write that has been answered is not to end as one that came too late
    if (method === 'GET') await shortRound();
    const decoded = this.#transport.decode(request, answered) as T;
    if (kind === 'leases') this.#received(path, decoded);
    return decoded;
  }

  #received(path: string, answer: unknown): void {
    const { name, resourceVersion } =
      (answer as { metadata?: { name?: string; resourceVersion?: string } }).metadata ?? {};
    if (name === undefined) return;
    const at = path.endsWith(`/${name}`) ? path : `${path}/${name}`;
    if (!this.#epoch.observed(at, resourceVersion)) return;
    const gone = new KubeError('gone', `the store of ${this.server} went back to an earlier state`, {
      status: 410,
      reason: 'Expired',
    });
    for (const { life } of [...this.#watches]) life.abort(gone);
  }
}
