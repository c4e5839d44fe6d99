/** The runtime's own figures of what sandboxes and containers use. */
import type { CriClient } from './calls.ts';
import type { ContainerStats__Output } from './generated/runtime/v1/ContainerStats.ts';
import type { PodSandboxStats__Output } from './generated/runtime/v1/PodSandboxStats.ts';

export interface UsageStats {
  /** none where the runtime has no such figures */
  readonly sandboxes: readonly PodSandboxStats__Output[];
  readonly containers: readonly ContainerStats__Output[];
}

/** Of all that carries these labels. Rejects if containers can't be asked for. */
export async function readUsageStats(
  cri: Pick<CriClient, 'listContainerStats' | 'listPodSandboxStats'>,
  owner: Readonly<Record<string, string>>,
  { signal }: { signal: AbortSignal },
): Promise<UsageStats> {
  const filter = { label_selector: { ...owner } };
  const [sandboxes, containers] = await Promise.all([
    cri.listPodSandboxStats({ filter }, { signal }).catch(() => ({ stats: [] })),
    cri.listContainerStats({ filter }, { signal }),
  ]);
  signal.throwIfAborted();
  return { sandboxes: sandboxes.stats, containers: containers.stats };
}
