/**
 * Whether a pod may use an image that is on the host already, by what it was pulled with
 * (pkg/kubelet/images/pullmanager, KEP-2535). Pure.
 */

/** A Secret whose credentials once pulled an image. `hash` tells credentials apart without holding them. */
export interface SecretSource {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly hash: string;
}

/**
 * With what an image was pulled: without credentials, so that it is open to every pod, or with those of
 * Secrets.
 */
export type PulledWith =
  { readonly open: true } | { readonly open: false; readonly secrets: readonly SecretSource[] };

export interface PulledRecord {
  /** the image as the runtime calls it */
  readonly imageRef: string;
  /** ms since the epoch */
  readonly updatedAt: number;
  /** by image name without tag and digest: one image may have several */
  readonly pulledWith: ReadonlyMap<string, PulledWith>;
}

export type VerificationPolicy =
  | { readonly kind: 'NeverVerify' | 'NeverVerifyPreloadedImages' | 'AlwaysVerify' }
  /** names, or prefixes that end with /* */
  | { readonly kind: 'NeverVerifyAllowlistedImages'; readonly allowed: readonly string[] };

/** With this many Secrets on record no more are written down for being right only. */
const MAX_NOTED = 100;

export type Verdict =
  | { readonly mayUse: false }
  /** `note`: a Secret that was found right although the record did not hold it so */
  | { readonly mayUse: true; readonly note?: SecretSource };

/**
 * Without a record an image counts as pulled by farlet only if a pull of it was under way when farlet ended.
 */
export function verifyAccess(input: {
  readonly policy: VerificationPolicy;
  readonly image: string;
  readonly record: PulledRecord | undefined;
  readonly pullBroken: boolean;
  /** of the pod, those that fit the image; asked for only if they matter */
  readonly secrets: () => readonly SecretSource[];
}): Verdict {
  const { policy, image, record, pullBroken, secrets } = input;
  if (!mustVerify(policy, image, record !== undefined || pullBroken)) return { mayUse: true };
  const known = record?.pulledWith.get(withoutTag(image));
  if (known === undefined) return { mayUse: false };
  if (known.open) return { mayUse: true };
  for (const secret of secrets()) {
    for (const other of known.secrets) {
      const sameSecret =
        secret.uid === other.uid && secret.namespace === other.namespace && secret.name === other.name;
      const sameCredentials = secret.hash === other.hash;
      if (!sameSecret && !sameCredentials) continue;
      const isNews = sameSecret !== sameCredentials;
      if (sameCredentials || known.secrets.length < MAX_NOTED)
        return { mayUse: true, ...(isNews && known.secrets.length < MAX_NOTED ? { note: secret } : {}) };
    }
  }
  return { mayUse: false };
}

function mustVerify(policy: VerificationPolicy, image: string, pulledByFarlet: boolean): boolean {
  switch (policy.kind) {
    case 'NeverVerify':
      return false;
    case 'AlwaysVerify':
      return true;
    case 'NeverVerifyPreloadedImages':
      return pulledByFarlet;
    case 'NeverVerifyAllowlistedImages': {
      const name = withoutTag(image);
      return !policy.allowed.some((each) =>
        each.endsWith('/*') ? name.startsWith(each.slice(0, -1)) : name === each,
      );
    }
  }
}

/** The record after another pull, or the same one if that told nothing new. */
export function recordPull(
  record: PulledRecord | undefined,
  pull: {
    readonly image: string;
    readonly imageRef: string;
    readonly with: PulledWith;
    readonly now: number;
  },
): PulledRecord {
  const name = withoutTag(pull.image);
  const before = record?.pulledWith.get(name);
  const merged = merge(before, pull.with);
  if (record !== undefined && merged === before) return record;
  return {
    imageRef: pull.imageRef,
    updatedAt: pull.now,
    pulledWith: new Map([...(record?.pulledWith ?? []), [name, merged]]),
  };
}

/** What is open stays so; of a Secret the newest credentials count. */
function merge(before: PulledWith | undefined, now: PulledWith): PulledWith {
  if (before === undefined || (now.open && !before.open)) return now;
  if (before.open || now.open) return before;
  const keyOf = ({ namespace, name, uid }: SecretSource): string => `${namespace}/${name}/${uid}`;
  const all = new Map(before.secrets.map((secret) => [keyOf(secret), secret]));
  const news = now.secrets.filter((secret) => all.get(keyOf(secret))?.hash !== secret.hash);
  if (news.length === 0) return before;
  for (const secret of news) all.set(keyOf(secret), secret);
  return {
    open: false,
    secrets: [...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, secret]) => secret),
  };
}

/** The image's name as written, less its tag and digest. */
export function withoutTag(image: string): string {
  return image.replace(/@[^@/]*$/, '').replace(/:[^:/]*$/, '');
}
