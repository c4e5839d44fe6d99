/**
 * Pure: which images a host can do without, and how much room they are to make
 * (pkg/kubelet/images/image_gc_manager.go).
 */

/** What is remembered of an image between rounds; times in ms on farlet's monotonic clock. */
export interface ImageRecord {
  readonly id: string;
  readonly firstDetected: number;
  /** -Infinity: never seen in use */
  readonly lastUsed: number;
  readonly sizeBytes: number;
  readonly pinned: boolean;
}

export interface ListedImage {
  readonly id: string;
  /** every other name of it: tags and digests */
  readonly names: readonly string[];
  readonly sizeBytes: number;
  readonly pinned: boolean;
}

/** Brings the records up to what the runtime lists now. `used` holds ids or names of images. */
export function recordImages(
  before: ReadonlyMap<string, ImageRecord>,
  images: readonly ListedImage[],
  { used, now }: { used: ReadonlySet<string>; now: number },
): Map<string, ImageRecord> {
  return new Map(
    images.map(({ id, names, sizeBytes, pinned }): [string, ImageRecord] => {
      const known = before.get(id);
      const inUse = used.has(id) || names.some((name) => used.has(name));
      return [
        id,
        {
          id,
          firstDetected: known?.firstDetected ?? now,
          lastUsed: inUse ? now : (known?.lastUsed ?? -Infinity),
          sizeBytes,
          pinned,
        },
      ];
    }),
  );
}

/** Images that nothing uses now and nobody pinned: the longest unused first, then the longest known. */
export function unusedImages(records: ReadonlyMap<string, ImageRecord>, now: number): ImageRecord[] {
  return [...records.values()]
    .filter(({ lastUsed, pinned }) => lastUsed < now && !pinned)
    .sort((a, b) => compare(a.lastUsed, b.lastUsed) || compare(a.firstDetected, b.firstDetected));
}

/** -Infinity less -Infinity is no number. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

export interface ImageGcPolicy {
  readonly highPercent: number;
  readonly lowPercent: number;
  readonly minAgeMs: number;
  /** 0: age alone is no reason */
  readonly maxAgeMs: number;
}

/**
 * Images unused for longer than maxAge. None until farlet has watched for that long itself: before that it
 * can't know how long an image has been unused.
 */
export function tooOld(
  unused: readonly ImageRecord[],
  { maxAgeMs, watchedSince, now }: { maxAgeMs: number; watchedSince: number; now: number },
): ImageRecord[] {
  if (maxAgeMs === 0 || now - watchedSince <= maxAgeMs) return [];
  return unused.filter(({ lastUsed }) => now - lastUsed > maxAgeMs);
}

/** Images known for long enough that no pod can be about to use them. */
export function oldEnough(
  unused: readonly ImageRecord[],
  { minAgeMs, now }: { minAgeMs: number; now: number },
): ImageRecord[] {
  return unused.filter(({ firstDetected }) => now - firstDetected >= minAgeMs);
}

export interface DiskRoom {
  readonly capacityBytes: number;
  readonly availableBytes: number;
}

/** How full the image file system is and how much is to go: undefined below the high threshold. */
export function roomToMake(
  { capacityBytes, availableBytes }: DiskRoom,
  { highPercent, lowPercent }: Pick<ImageGcPolicy, 'highPercent' | 'lowPercent'>,
): { usagePercent: number; bytes: number } | undefined {
  const available = Math.min(availableBytes, capacityBytes);
  const usagePercent = 100 - Math.trunc((available * 100) / capacityBytes);
  if (usagePercent < highPercent) return undefined;
  return { usagePercent, bytes: Math.trunc((capacityBytes * (100 - lowPercent)) / 100) - available };
}

export function insufficientRoom(
  { usagePercent, freedBytes }: { usagePercent: number; freedBytes: number },
  { capacityBytes }: DiskRoom,
): string {
  return (
    `Insufficient free disk space on the node's image filesystem (${usagePercent}% of ${formatSize(capacityBytes)} used). ` +
    `Failed to free sufficient space by deleting unused images (freed ${freedBytes} bytes). ` +
    'Investigate disk usage, as it could be used by active images, logs, volumes, or other data.'
  );
}

function formatSize(bytes: number): string {
  const units = ['KiB', 'MiB', 'GiB'];
  if (bytes < 1024) return `${Math.trunc(bytes)} B`;
  let size = bytes / 1024;
  for (const unit of units) {
    if (size < 1024) return `${size.toFixed(1)} ${unit}`;
    size /= 1024;
  }
  return `${size.toFixed(1)} TiB`;
}
