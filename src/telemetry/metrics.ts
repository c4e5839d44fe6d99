/** A node's metrics, made of the table of all of them. */
import { readdirSync } from 'node:fs';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { standard, table, type Row } from './metric-table.ts';

type Table = typeof table;
export type Metrics = {
  readonly [Name in keyof Table]: Table[Name]['kind'] extends 'counter'
    ? Counter
    : Table[Name]['kind'] extends 'gauge'
      ? Gauge
      : Histogram;
} & {
  /** brings more gauges up to date each time before the text is made */
  beforeText(call: () => void): void;
  /** the Prometheus text of all of them */
  text(): Promise<string>;
  readonly contentType: string;
};

/** One set for one virtual node: a kubelet's metrics carry no node label, so nodes don't share them. */
export function createMetrics(options: {
  node: string;
  kubeletVersion: string;
  refresh: () => void;
}): Metrics {
  const registry = new Registry();
  const made = Object.fromEntries(
    Object.entries(table).map(([name, row]: [string, Row]) => {
      const shape = { name, help: row.help, labelNames: [...(row.labels ?? [])], registers: [registry] };
      if (row.kind === 'counter') return [name, new Counter(shape)];
      if (row.kind === 'gauge') return [name, new Gauge(shape)];
      return [name, new Histogram({ ...shape, buckets: [...(row.buckets ?? standard)] })];
    }),
  ) as unknown as Metrics;
  made.kubelet_node_name.set({ node: options.node }, 1);
  made.kubernetes_build_info.set(buildInfo(options.kubeletVersion), 1);
  for (const isStatic of ['', 'true']) made.kubelet_restarted_pods_total.inc({ static: isStatic }, 0);
  made.process_start_time_seconds.set(Math.floor(performance.timeOrigin / 1000));
  const refreshing = [options.refresh];
  let cpu = 0;
  return {
    ...made,
    contentType: registry.contentType,
    beforeText: (call) => {
      refreshing.push(call);
    },
    text: () => {
      for (const refresh of refreshing) refresh();
      const { user, system } = process.cpuUsage();
      made.process_cpu_seconds_total.inc((user + system) / 1e6 - cpu);
      cpu = (user + system) / 1e6;
      made.process_resident_memory_bytes.set(process.memoryUsage.rss());
      made.process_open_fds.set(openFiles());
      made.nodejs_active_resources.reset();
      for (const type of process.getActiveResourcesInfo()) made.nodejs_active_resources.inc({ type });
      return registry.metrics();
    },
  };
}

/** NaN, as Prometheus has it for what is not known, where there is no /proc. */
function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return NaN;
  }
}

/** What farlet can't say of itself stays empty, which Prometheus takes as not there. */
function buildInfo(version: string): Record<string, string> {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  const unknown = { git_commit: '', git_tree_state: '', build_date: '', go_version: '', compiler: '' };
  const platform = `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`;
  return { major, minor, git_version: version, platform, ...unknown };
}
