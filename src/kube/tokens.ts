/** Service account tokens bound to pods (pkg/kubelet/token/token_manager.go). */
import type { Pod, TokenRequest } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import { podFields } from '../model/pod-ref.ts';
import { MAX_TOKEN_AGE_MS } from '../model/token-age.ts';
import type { Clock } from '../util/clock.ts';
import type { KubeClient } from './client.ts';
import { paths } from './paths.ts';
import { lru } from '../util/lru.ts';

const MAX_TOKENS = 10_000;
const MAX_JITTER_MS = 10_000;
const DEFAULT_SECONDS = 3600;

export interface TokenInput {
  readonly pod: Pod;
  readonly serviceAccountName: string;
  readonly audience?: string | undefined;
  readonly expirationSeconds?: number | undefined;
}

export interface BoundToken {
  readonly token: string;
  /** ms since the epoch */
  readonly expiresAt: number;
  /** when a new one is to be asked for */
  readonly renewAt: number;
}

export interface TokensOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly random?: () => number;
  /** the API server was asked for a token: it issued one, or failed to */
  readonly onRequest?: (result: 'issued' | 'failed') => void;
}

export class Tokens {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #random: () => number;
  readonly #cache = lru<BoundToken>(MAX_TOKENS);
  readonly #onRequest: TokensOptions['onRequest'];

  constructor(options: TokensOptions) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#random = options.random ?? Math.random;
    this.#onRequest = options.onRequest;
  }

  /**
   * A valid token: the cached one until 80 % of its life or a day has passed, and longer if no new one is to
   * be had.
   */
  async get(input: TokenInput, { signal }: { signal: AbortSignal }): Promise<BoundToken> {
    const key = keyOf(input);
    const held = this.#cache.get(key);
    const now = this.#clock.now();
    if (held !== undefined && now < held.renewAt) return held;
    try {
      const fresh = await this.#request(input, signal);
      this.#cache.set(key, fresh);
      this.#onRequest?.('issued');
      return fresh;
    } catch (error) {
      if (!signal.aborted) this.#onRequest?.('failed');
      if (held === undefined || now >= held.expiresAt) throw error;
      this.#log.warn(
        { ...podFields(input.pod.metadata), err: error },
        'token could not be renewed: the old one is used until it expires',
      );
      return { ...held, renewAt: Math.min(held.expiresAt, now + MAX_JITTER_MS) };
    }
  }

  /** The pod is gone. */
  forget(podUid: string): void {
    for (const key of this.#cache.keys()) if (key.startsWith(`${podUid}/`)) this.#cache.delete(key);
  }

  async #request(
    { pod, serviceAccountName, audience, expirationSeconds = DEFAULT_SECONDS }: TokenInput,
    signal: AbortSignal,
  ): Promise<BoundToken> {
    const { name, namespace, uid } = pod.metadata;
    const asked = this.#clock.now();
    const answer = await this.#client.create<TokenRequest>(
      paths.token(namespace, serviceAccountName),
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          ...(audience === undefined || audience === '' ? {} : { audiences: [audience] }),
          expirationSeconds,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
        },
      },
      { signal },
    );
    const expiresAt = Date.parse(answer.status?.expirationTimestamp ?? '');
    const life = Math.min(expiresAt - asked, expirationSeconds * 1000);
    return {
      token: answer.status?.token ?? '',
      expiresAt,
      // a clock that is ahead by more than a token's life would have it used for longer
      renewAt: Math.min(
        expiresAt,
        asked + Math.min(life * 0.8, MAX_TOKEN_AGE_MS) - this.#random() * MAX_JITTER_MS,
      ),
    };
  }
}

function keyOf({ pod, serviceAccountName, audience, expirationSeconds }: TokenInput): string {
  return [
    pod.metadata.uid,
    serviceAccountName,
    audience ?? '',
    String(expirationSeconds ?? DEFAULT_SECONDS),
  ].join('/');
}
