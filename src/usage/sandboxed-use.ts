/**
 * What containers use that have a kernel of their own, which the host's can't tell: their runtime's figures.
 */
import type { CriClient } from '../hosts/cri/calls.ts';
import type { CpuUsage__Output } from '../hosts/cri/generated/runtime/v1/CpuUsage.ts';
import type { MemoryUsage__Output } from '../hosts/cri/generated/runtime/v1/MemoryUsage.ts';
import type { NetworkUsage__Output } from '../hosts/cri/generated/runtime/v1/NetworkUsage.ts';
import type { SwapUsage__Output } from '../hosts/cri/generated/runtime/v1/SwapUsage.ts';
import { readUsageStats } from '../hosts/cri/usage-stats.ts';
import type { InterfaceUse } from '../hosts/link/host-usage.ts';
import type { Clock } from '../util/clock.ts';
import type { Use } from './reading.ts';

export interface SandboxedUse {
  /** by container id */
  readonly containers: ReadonlyMap<string, Use>;
  /** by sandbox id */
  readonly sandboxes: ReadonlyMap<string, { readonly use: Use; readonly network: readonly InterfaceUse[] }>;
}

/** A runtime that has no figures of sandboxes is asked for those of containers alone. */
export async function sandboxedUse(
  cri: Pick<CriClient, 'listContainerStats' | 'listPodSandboxStats'>,
  owner: Readonly<Record<string, string>>,
  { clock, signal }: { clock: Pick<Clock, 'now'>; signal: AbortSignal },
): Promise<SandboxedUse> {
  const { sandboxes, containers } = await readUsageStats(cri, owner, { signal });
  const at = clock.now();
  return {
    containers: new Map(
      containers.flatMap((stats): [string, Use][] => {
        const use = useOf(stats, at);
        return use === undefined ? [] : [[stats.attributes?.id ?? '', use]];
      }),
    ),
    sandboxes: new Map(
      sandboxes.flatMap(({ attributes, linux }): [string, { use: Use; network: InterfaceUse[] }][] => {
        const use = linux === null ? undefined : useOf(linux, at);
        return use === undefined
          ? []
          : [[attributes?.id ?? '', { use, network: networkOf(linux?.network ?? null) }]];
      }),
    ),
  };
}

function useOf(
  {
    cpu,
    memory,
    swap,
  }: {
    readonly cpu: CpuUsage__Output | null;
    readonly memory: MemoryUsage__Output | null;
    readonly swap?: SwapUsage__Output | null;
  },
  at: number,
): Use | undefined {
  if (cpu === null && memory === null) return undefined;
  return {
    at,
    cpuNanos: cpu?.usage_core_nano_seconds?.value,
    nanoCores: cpu?.usage_nano_cores?.value,
    memoryBytes: memory?.usage_bytes?.value,
    workingSetBytes: memory?.working_set_bytes?.value,
    rssBytes: memory?.rss_bytes?.value,
    pageFaults: memory?.page_faults?.value,
    majorPageFaults: memory?.major_page_faults?.value,
    swapBytes: swap?.swap_usage_bytes?.value,
  };
}

function networkOf(network: NetworkUsage__Output | null): InterfaceUse[] {
  const all = [
    ...(network?.default_interface ? [network.default_interface] : []),
    ...(network?.interfaces ?? []),
  ];
  return all.flatMap(({ name, rx_bytes, rx_errors, tx_bytes, tx_errors }) =>
    rx_bytes === null || tx_bytes === null
      ? []
      : [
          {
            name,
            rxBytes: rx_bytes.value,
            rxErrors: rx_errors?.value ?? 0,
            txBytes: tx_bytes.value,
            txErrors: tx_errors?.value ?? 0,
          },
        ],
  );
}
