const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const ranges = [
  [100 * GIB, 'GT100GB'],
  [60 * GIB, '60GB-100GB'],
  [40 * GIB, '40GB-60GB'],
  [30 * GIB, '30GB-40GB'],
  [20 * GIB, '20GB-30GB'],
  [10 * GIB, '10GB-20GB'],
  [5 * GIB, '5GB-10GB'],
  [GIB, '1GB-5GB'],
  [500 * MIB, '500MB-1GB'],
  [100 * MIB, '100MB-500MB'],
  [10 * MIB, '10MB-100MB'],
  [0, '0-10MB'],
] as const;

/**
 * The range that an image's bytes lie in, above its lower bound (pkg/kubelet/metrics/metrics.go
 * GetImageSizeBucket).
 */
export function imageSizeLabel(bytes: number): string {
  return ranges.find(([above]) => bytes > above)?.[1] ?? 'N/A';
}
