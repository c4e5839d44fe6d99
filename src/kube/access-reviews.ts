/** Who a bearer token is, and what someone may do: asked of the API server, remembered for a while (pkg/kubelet: cmd/kubelet/app/auth.go). */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { SelfSubjectAccessReview, SubjectAccessReview, TokenReview } from '../model/kube.ts';
import type { KubeClient } from './client.ts';
import { paths } from './paths.ts';

const ENTRIES = 4096;

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

export interface AccessReviewsOptions {
  readonly client: KubeClient;
  /** authentication.webhook.cacheTTL, authorization.webhook.cache*TTL */
  readonly tokenTtlMs: number;
  readonly allowTtlMs: number;
  readonly denyTtlMs: number;
}

export class AccessReviews {
  readonly #options: AccessReviewsOptions;
  readonly #tokens: LRUCache<string, { identity: Identity | undefined }>;
  readonly #verdicts = new LRUCache<string, { allowed: boolean }>({ max: ENTRIES });

  constructor(options: AccessReviewsOptions) {
    this.#options = options;
    this.#tokens = new LRUCache({ max: ENTRIES, ttl: options.tokenTtlMs });
  }

  /** The token's owner, or undefined if the API server does not know it. Tokens are remembered as hashes only. */
  async identify(token: string, { signal }: { signal: AbortSignal }): Promise<Identity | undefined> {
    const key = createHash('sha256').update(token).digest('base64');
    const held = this.#tokens.get(key);
    if (held !== undefined) return held.identity;
    const review = await this.#options.client.create<TokenReview>(
      paths.tokenReviews,
      { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } },
      { signal },
    );
    const { authenticated, user } = review.status ?? {};
    const identity =
      authenticated === true
        ? {
            user: user?.username ?? '',
            groups: user?.groups ?? [],
            ...(user?.uid === undefined ? {} : { uid: user.uid }),
            ...(user?.extra === undefined ? {} : { extra: user.extra }),
          }
        : undefined;
    this.#tokens.set(key, { identity });
    return identity;
  }

  async isAllowed(
    who: Identity,
    what: ResourceAttributes,
    { signal }: { signal: AbortSignal },
  ): Promise<boolean> {
    const key = createHash('sha256')
      .update(JSON.stringify([who, what]))
      .digest('base64');
    const held = this.#verdicts.get(key);
    if (held !== undefined) return held.allowed;
    const review = await this.#options.client.create<SubjectAccessReview>(
      paths.subjectAccessReviews,
      {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { ...who, resourceAttributes: what },
      },
      { signal },
    );
    const allowed = review.status?.allowed === true;
    this.#verdicts.set(
      key,
      { allowed },
      { ttl: allowed ? this.#options.allowTtlMs : this.#options.denyTtlMs },
    );
    return allowed;
  }
}

/** Whether farlet itself may do something (`farlet check`). */
export async function mayI(
  client: KubeClient,
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
