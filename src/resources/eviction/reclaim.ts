import type { DiskLayout } from '../../hosts/disk-layout-reader.ts';
import type { EvictionSignal } from '../../model/eviction-thresholds.ts';

export type ReclaimStep = 'containers' | 'images';

/**
 * What the node itself can give up before a pod has to go, in order (pkg/kubelet/eviction/helpers.go
 * buildSignalToNodeReclaimFuncs): nothing helps against lack of memory or pids. Pure.
 */
export function reclaimable(
  signal: EvictionSignal,
  { imageFs, split }: Pick<DiskLayout, 'imageFs' | 'split'>,
): readonly ReclaimStep[] {
  if (signal === 'memory.available' || signal === 'pid.available') return [];
  if (imageFs === undefined) return ['containers', 'images'];
  const ofImages = signal.startsWith('imagefs.');
  if (split) return ofImages ? ['images'] : ['containers'];
  return signal.startsWith('nodefs.') ? [] : ['containers', 'images'];
}
