/** Resource versions: ordered numbers of any length (KEP 5504), compared as text. Pure but for its memory. */

/** Below 0: `a` is the older; undefined: they can't be compared. */
export function compareVersions(a: string | undefined, b: string | undefined): number | undefined {
  if (!isVersion(a) || !isVersion(b)) return undefined;
  if (a.length !== b.length) return a.length - b.length;
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Whether the one is no older; where they can't be compared, the later news wins. */
export function isNewer(
  one: { readonly metadata: { readonly resourceVersion?: string } },
  than: { readonly metadata: { readonly resourceVersion?: string } },
): boolean {
  return (compareVersions(one.metadata.resourceVersion, than.metadata.resourceVersion) ?? 0) >= 0;
}

function isVersion(text: string | undefined): text is string {
  return text !== undefined && /^[1-9]\d*$/.test(text);
}

const MAX_OBJECTS = 10_000;

/**
 * Detects that the API server's store went back to an earlier state: an object that is read and written one
 * after the other has a lower version than before. Watches are deaf then until the versions have caught up
 * (an etcd that is restored without raising its revision), so everything must be listed again. Reads count
 * too: a store that went back refuses the first write until the object has been read, and by then others may
 * have written enough to catch up.
 */
export class StoreEpoch {
  readonly #versions = new Map<string, string>();
  #epoch = 0;

  /** grows each time the store went back */
  get value(): number {
    return this.#epoch;
  }

  /** What a read that asks the store itself, or a write, was answered with; whether the store went back. */
  observed(path: string, version: string | undefined): boolean {
    const before = this.#versions.get(path);
    const went = (compareVersions(version, before) ?? 0) < 0;
    if (went) {
      this.#versions.clear();
      this.#epoch += 1;
    }
    if (version !== undefined && (before !== undefined || this.#versions.size < MAX_OBJECTS))
      this.#versions.set(path, version);
    return went;
  }
}
