/**
 * Authenticates bearer tokens and authorizes callers by asking the API server; caches the answers for a while
 * (pkg/kubelet: cmd/kubelet/app/auth.go).
 */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { SelfSubjectAccessReview, SubjectAccessReview, TokenReview } from '../model/kube.ts';
import { AskedOnce } from './asked-once.ts';
import type { KubeClient } from './client.ts';
import { paths } from './paths.ts';

const ENTRIES = 4096;
/** Half of the connections for reviews each: strangers' tokens must not hold up what known users may do. */
const AT_ONCE = 4;
const MAX_WAITING = 128;
/** As long as any token of a service account is; longer than headers may be, and no reason to ask anybody. */
const MAX_TOKEN_BYTES = 16 * 1024;

export interface Identity {
  readonly user: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, string[]>>;
}

export interface ResourceAttributes {
  readonly verb: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly name?: string;
  readonly group?: string;
  readonly namespace?: string;
}

export type ReviewKind = 'token' | 'access';

export interface AccessReviewsOptions {
  readonly client: Pick<KubeClient, 'create'>;
  /** authentication.webhook.cacheTTL, authorization.webhook.cache*TTL */
  readonly tokenTtlMs: number;
  readonly allowTtlMs: number;
  readonly denyTtlMs: number;
  /** a question was not asked, because too many wait */
  readonly onRefused?: (kind: ReviewKind) => void;
}

/** One for the process: its nodes ask the same API server, and are asked by the same callers. */
export class AccessReviews {
  readonly #options: AccessReviewsOptions;
  readonly #known: LRUCache<string, Identity>;
  /** apart from those that are known, which junk must not push out */
  readonly #unknown: LRUCache<string, true>;
  readonly #allowed: LRUCache<string, true>;
  readonly #denied: LRUCache<string, true>;
  readonly #tokens: AskedOnce<Identity | undefined>;
  readonly #verdicts: AskedOnce<boolean>;

  constructor(options: AccessReviewsOptions) {
    const { tokenTtlMs, allowTtlMs, denyTtlMs, onRefused } = options;
    this.#options = options;
    // for the cache a ttl of 0 is for ever
    const kept = (ttlMs: number) => ({ max: ENTRIES, ttl: Math.max(1, ttlMs) });
    this.#known = new LRUCache(kept(tokenTtlMs));
    this.#unknown = new LRUCache(kept(tokenTtlMs));
    this.#allowed = new LRUCache(kept(allowTtlMs));
    this.#denied = new LRUCache(kept(denyTtlMs));
    const limits = { atOnce: AT_ONCE, maxWaiting: MAX_WAITING };
    this.#tokens = new AskedOnce({ ...limits, what: 'tokens', onRefused: () => onRefused?.('token') });
    this.#verdicts = new AskedOnce({
      ...limits,
      what: 'access reviews',
      onRefused: () => onRefused?.('access'),
    });
  }

  waiting(kind: ReviewKind): number {
    return kind === 'token' ? this.#tokens.waiting : this.#verdicts.waiting;
  }

  /**
   * The token's owner, or undefined if the API server does not know it. Tokens are remembered as hashes only.
   * @throws KubeError `resource-exhausted` when too many tokens wait to be asked about
   */
  async identify(token: string, { signal }: { signal: AbortSignal }): Promise<Identity | undefined> {
    if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) return undefined;
    const key = createHash('sha256').update(token).digest('base64');
    const held = this.#known.get(key);
    if (held !== undefined || this.#unknown.has(key)) return held;
    const identity = await this.#tokens.ask(key, (life) => this.#review(token, life), { signal });
    if (identity === undefined) this.#unknown.set(key, true);
    else this.#known.set(key, identity);
    return identity;
  }

  /** @throws KubeError `resource-exhausted` when too many questions wait */
  async isAllowed(
    who: Identity,
    what: ResourceAttributes,
    { signal }: { signal: AbortSignal },
  ): Promise<boolean> {
    const key = createHash('sha256')
      .update(JSON.stringify([who, what]))
      .digest('base64');
    if (this.#allowed.has(key)) return true;
    if (this.#denied.has(key)) return false;
    const allowed = await this.#verdicts.ask(key, (life) => this.#ask(who, what, life), { signal });
    (allowed ? this.#allowed : this.#denied).set(key, true);
    return allowed;
  }

  async #review(token: string, signal: AbortSignal): Promise<Identity | undefined> {
    const review = await this.#options.client.create<TokenReview>(
      paths.tokenReviews,
      { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } },
      { signal },
    );
    const { authenticated, user } = review.status ?? {};
    if (authenticated !== true || user?.username === undefined || user.username === '') return undefined;
    return {
      user: user.username,
      groups: user.groups ?? [],
      ...(user.uid === undefined ? {} : { uid: user.uid }),
      ...(user.extra === undefined ? {} : { extra: user.extra }),
    };
  }

  async #ask(who: Identity, what: ResourceAttributes, signal: AbortSignal): Promise<boolean> {
    const review = await this.#options.client.create<SubjectAccessReview>(
      paths.subjectAccessReviews,
      {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { ...who, resourceAttributes: what },
      },
      { signal },
    );
    return review.status?.allowed === true;
  }
}

/** Whom the API server takes farlet for (`farlet check`). */
export async function whoAmI(
  client: Pick<KubeClient, 'create'>,
  { signal }: { signal: AbortSignal },
): Promise<Identity> {
  const review = await client.create<{ status?: { userInfo?: { username?: string; groups?: string[] } } }>(
    paths.selfSubjectReviews,
    { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
    { signal },
  );
  const { username = '', groups = [] } = review.status?.userInfo ?? {};
  return { user: username, groups };
}

/** Whether farlet itself may do something (`farlet check`). */
export async function mayI(
  client: Pick<KubeClient, 'create'>,
  what: Omit<ResourceAttributes, 'version'>,
  { signal }: { signal: AbortSignal },
): Promise<boolean> {
  const review = await client.create<SelfSubjectAccessReview>(
    paths.selfSubjectAccessReviews,
    {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: what },
    },
    { signal },
  );
  return review.status?.allowed === true;
}
