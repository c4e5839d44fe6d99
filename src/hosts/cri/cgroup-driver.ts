import { kindOf } from '../../model/errors.ts';
import type { CriClient } from './calls.ts';

export type CgroupDriver = 'cgroupfs' | 'systemd';

/**
 * The cgroup driver that the runtime says it uses; `configured` where it can't say (KEP-4033, pkg/kubelet
 * getCgroupDriverFromCRI). A driver that differs from the runtime's would place limits and containers apart.
 */
export async function runtimeCgroupDriver(
  cri: Pick<CriClient, 'runtimeConfig'>,
  configured: CgroupDriver,
  { signal }: { signal: AbortSignal },
): Promise<CgroupDriver> {
  try {
    const { linux } = await cri.runtimeConfig({}, { signal });
    return linux === null ? configured : linux.cgroup_driver === 'SYSTEMD' ? 'systemd' : 'cgroupfs';
  } catch (error) {
    if (kindOf(error) === 'unimplemented') return configured;
    throw error;
  }
}
