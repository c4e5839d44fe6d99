/** A node's metrics and the process's, made of the table of all of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { Registry } from 'prom-client';
import { loopTime } from './event-loop.ts';
import { makeFamilies, type Families } from './families.ts';
import { FamilyText } from './family-text.ts';
import { processTable, table, type Row } from './metric-table.ts';

/** Families of metrics, shown one by one, so that the text of many of them can be made piece by piece. */
export interface Exposition {
  /** brings gauges up to date that tell of what is */
  refresh(): void;
  readonly names: readonly string[];
  /** the Prometheus text of one family; undefined: there is none of that name */
  family(name: string): FamilyText | undefined;
}

export type Metrics = Families<typeof table> &
  Exposition & {
    /** brings more gauges up to date each time before the text is made */
    beforeText(call: () => void): void;
  };

export type ProcessMetrics = Families<typeof processTable> & Exposition;

export const contentType = Registry.PROMETHEUS_CONTENT_TYPE;

/** One set for one virtual node: a kubelet's metrics carry no node label, so nodes don't share them. */
export function createMetrics(options: { node: string; kubeletVersion: string }): Metrics {
  const registry = new Registry();
  const made = makeFamilies(table, registry);
  made.kubelet_node_name.set({ node: options.node }, 1);
  made.kubernetes_build_info.set(buildInfo(options.kubeletVersion), 1);
  for (const isStatic of ['', 'true']) made.kubelet_restarted_pods_total.inc({ static: isStatic }, 0);
  const refreshing: (() => void)[] = [];
  return {
    ...made,
    ...exposition(made, table, () => {
      for (const refresh of refreshing) refresh();
    }),
    beforeText: (call) => {
      refreshing.push(call);
    },
  };
}

/** What there is one of in the process, counted once. `refresh` may tell more of it. */
export function createProcessMetrics(options: {
  refresh: (metrics: ProcessMetrics) => void;
}): ProcessMetrics {
  const registry = new Registry();
  const made = makeFamilies(processTable, registry);
  made.process_start_time_seconds.set(Math.floor(performance.timeOrigin / 1000));
  let cpu = 0;
  let loop = { active: 0, idle: 0 };
  const metrics: ProcessMetrics = {
    ...made,
    ...exposition(made, processTable, () => {
      const { user, system } = process.cpuUsage();
      made.process_cpu_seconds_total.inc((user + system) / 1e6 - cpu);
      cpu = (user + system) / 1e6;
      const now = loopTime();
      for (const state of ['active', 'idle'] as const)
        made.nodejs_eventloop_time_seconds_total.inc({ state }, Math.max(0, now[state] - loop[state]));
      loop = now;
      made.process_resident_memory_bytes.set(process.memoryUsage.rss());
      made.process_open_fds.set(openFiles());
      made.process_max_fds.set(maxOpenFiles());
      made.nodejs_active_resources.reset();
      for (const type of process.getActiveResourcesInfo()) made.nodejs_active_resources.inc({ type });
      options.refresh(metrics);
    }),
  };
  return metrics;
}

function exposition<Table extends Record<string, Row>>(
  made: Families<Table>,
  rows: Table,
  refresh: () => void,
): Exposition {
  const texts = new Map(
    Object.entries<Row>(rows).map(([name, row]) => [name, new FamilyText(made[name as keyof Table], row)]),
  );
  return { refresh, names: [...texts.keys()], family: (name) => texts.get(name) };
}

/** NaN, as Prometheus has it for what is not known, where there is no /proc. */
function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return NaN;
  }
}

/** The soft limit, as Prometheus' clients tell it; NaN where there is no /proc. */
function maxOpenFiles(): number {
  try {
    return maxFilesIn(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    return NaN;
  }
}

/** Of /proc/<pid>/limits (proc(5)). */
export function maxFilesIn(limits: string): number {
  const [, soft] = /^Max open files +(\S+)/m.exec(limits) ?? [];
  return soft === 'unlimited' ? Infinity : Number(soft ?? NaN);
}

/** What farlet can't say of itself stays empty, which Prometheus takes as not there. */
function buildInfo(version: string): Record<string, string> {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  const unknown = { git_commit: '', git_tree_state: '', build_date: '', go_version: '', compiler: '' };
  const platform = `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`;
  return { major, minor, git_version: version, platform, ...unknown };
}
