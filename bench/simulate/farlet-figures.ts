/** What farlet tells of itself on its metrics page. */
import { samples, type Sample } from '../metrics-page.ts';

export interface FarletFigures {
  /** seconds of the event loop */
  readonly active: number;
  readonly idle: number;
  /**
   * how many samples of the event loop's delay were at most so many seconds, by that limit, the smallest
   * first
   */
  readonly delays: readonly { readonly le: number; readonly count: number }[];
  /** pods whose worker has taken its first step, by node */
  readonly begun: ReadonlyMap<string, number>;
  /** volumes that are ready */
  readonly mounted: number;
  /** containers that the runtimes were asked to make */
  readonly containers: number;
  /** that farlet runs */
  readonly nodes: number;
  /** that are open at the API server */
  readonly watches: number;
}

/** Of a process that has just begun. */
export const nothingYet: FarletFigures = parseFigures('');

export async function readFigures(url: string): Promise<FarletFigures> {
  return parseFigures(await (await fetch(url, { signal: AbortSignal.timeout(20_000) })).text());
}

/** Pure. */
export function parseFigures(text: string): FarletFigures {
  const lines = samples(text);
  const of = (name: string, wanted: Record<string, string> = {}): Sample[] =>
    lines.filter(
      (line) =>
        line.name === name && Object.entries(wanted).every(([key, value]) => line.labels.get(key) === value),
    );
  const sum = (found: readonly Sample[]): number => found.reduce((total, { value }) => total + value, 0);
  const begun = new Map<string, number>();
  for (const { labels, value } of of('kubelet_pod_worker_duration_seconds_count', {
    operation_type: 'create',
  }))
    begun.set(labels.get('node') ?? '', value);
  return {
    active: sum(of('nodejs_eventloop_time_seconds_total', { state: 'active' })),
    idle: sum(of('nodejs_eventloop_time_seconds_total', { state: 'idle' })),
    delays: of('nodejs_eventloop_delay_seconds_bucket')
      .map(({ labels, value }) => ({
        le: Number((labels.get('le') ?? '').replace('+Inf', 'Infinity')),
        count: value,
      }))
      .sort((a, b) => a.le - b.le),
    begun,
    mounted: sum(of('volume_manager_total_volumes', { state: 'actual_state_of_world' })),
    containers: sum(of('kubelet_runtime_operations_total', { operation_type: 'create_container' })),
    nodes: of('kubelet_node_name').length,
    watches: sum(of('farlet_api_watches', { state: 'open' })),
  };
}

/** The share of the time in which the event loop was busy, from 0 to 1. */
export function utilization(before: FarletFigures, after: FarletFigures): number {
  const active = after.active - before.active;
  return active / (active + after.idle - before.idle);
}

/**
 * The delay that so large a part of the samples in between did not exceed: as Prometheus' histogram_quantile,
 * linear within buckets.
 */
export function delayQuantile(quantile: number, before: FarletFigures, after: FarletFigures): number {
  const grown = after.delays.map(({ le, count }, at) => ({
    le,
    count: count - (before.delays[at]?.count ?? 0),
  }));
  const wanted = quantile * (grown.at(-1)?.count ?? NaN);
  const at = grown.findIndex(({ count }) => count >= wanted);
  const bucket = grown[at];
  if (bucket === undefined) return NaN;
  const below = grown[at - 1] ?? { le: 0, count: 0 };
  if (bucket.le === Infinity) return Infinity;
  return below.le + ((bucket.le - below.le) * (wanted - below.count)) / (bucket.count - below.count);
}

/**
 * Whether every worker of so many pods on each of so many nodes has synced its pod since farlet started, and
 * has the volume that a first step which failed may lack.
 */
export function allSynced(
  { begun, mounted }: FarletFigures,
  { hosts, pods, tokens }: { hosts: number; pods: number; tokens: boolean },
): boolean {
  const done = [...begun.values()].filter((count) => count >= pods);
  return done.length >= hosts && (!tokens || mounted >= hosts * pods);
}
