/**
 * The families of /metrics/cadvisor (github.com/google/cadvisor/metrics): names, labels and units are
 * cAdvisor's. What asks for a look at every process is left out: open files, sockets, states of tasks,
 * ulimits. Pure.
 */
import type { DeviceIo, DiskIo, InterfaceUse, Pressure } from '../hosts/link/host-usage.ts';
import { cadvisorRows, type CadvisorRow } from './cadvisor-rows.ts';
import { labelled, sample, type Family } from './exposition.ts';
import { machineFamilies, scrapeErrors } from './machine-metrics.ts';
import type { NodeReading } from './node-reading.ts';
import type { Use } from './reading.ts';

const NANO = 1e9;
const MICRO = 1e6;
const SECTOR = 512;

/** undefined: nothing could be read. `now`: ms since the epoch. */
export function cadvisorFamilies(reading: NodeReading | undefined, now: number): Family[] {
  if (reading === undefined) return scrapeErrors({ failed: true });
  const rows = cadvisorRows(reading);
  return [
    ...machineFamilies(reading.hosts),
    ...useFamilies.map((family) => ofUse(family, rows)),
    ...diskFamilies.map((family) => ofDisks(family, rows)),
    ...fsFamilies.map(([name, help, figure]) =>
      gauge(name, help, rows, (row) => (row.fs === undefined ? [] : one(figure(row.fs), 'device=""'))),
    ),
    ...networkFamilies.map((family) => ofNetwork(family, rows)),
    {
      name: 'container_memory_failures_total',
      type: 'counter',
      help: 'Cumulative count of memory allocation failures.',
      samples: () => eachOf('container_memory_failures_total', rows, failures),
    },
    gauge('container_last_seen', 'Last time a container was seen by the exporter', rows, () => [
      { value: Math.floor(now / 1000), at: now },
    ]),
    ...specFamilies.map(([name, help, figure]) =>
      gauge(name, help, rows, (row) =>
        one(figure(row.use)).map((each) => ({ ...each, at: 'unstamped' as const })),
      ),
    ),
    gauge(
      'container_start_time_seconds',
      'Start time of the container since unix epoch in seconds.',
      rows,
      ({ startedAt }) =>
        startedAt === undefined ? [] : [{ value: Math.floor(startedAt / 1000), at: 'unstamped' }],
    ),
    ...scrapeErrors({ failed: reading.isPartial }),
  ];
}

interface Sample {
  readonly value: number;
  /** in the form of `labelled`, besides the row's */
  readonly more?: string;
  /** default: when the row was read */
  readonly at?: number | 'unstamped';
}

type Figure<T> = (source: T) => number | undefined;

interface UseFamily {
  readonly name: string;
  readonly type: Family['type'];
  readonly help: string;
  readonly figure: Figure<Use>;
  readonly more?: string;
}

const counted = (name: string, help: string, figure: Figure<Use>): UseFamily => ({
  name,
  type: 'counter',
  help,
  figure,
});
const measured = (name: string, help: string, figure: Figure<Use>): UseFamily => ({
  name,
  type: 'gauge',
  help,
  figure,
});
const seconds = (name: string, help: string, figure: Figure<Use>): UseFamily =>
  counted(name, help, (use) => scaled(figure(use), NANO));
/** cAdvisor tells of periods only where there is a quota */
const underQuota =
  (figure: Figure<Use>): Figure<Use> =>
  (use) =>
    use.cpuQuotaMicros === undefined ? undefined : figure(use);

const useFamilies: readonly UseFamily[] = [
  {
    ...seconds(
      'container_cpu_usage_seconds_total',
      'Cumulative cpu time consumed in seconds.',
      (use) => use.cpuNanos,
    ),
    more: 'cpu="total"',
  },
  seconds(
    'container_cpu_user_seconds_total',
    'Cumulative user cpu time consumed in seconds.',
    (use) => use.userNanos,
  ),
  seconds(
    'container_cpu_system_seconds_total',
    'Cumulative system cpu time consumed in seconds.',
    (use) => use.systemNanos,
  ),
  counted(
    'container_cpu_cfs_periods_total',
    'Number of elapsed enforcement period intervals.',
    underQuota((use) => use.periods),
  ),
  counted(
    'container_cpu_cfs_throttled_periods_total',
    'Number of throttled period intervals.',
    underQuota((use) => use.throttledPeriods),
  ),
  seconds(
    'container_cpu_cfs_throttled_seconds_total',
    'Total time duration the container has been throttled.',
    underQuota((use) => use.throttledNanos),
  ),
  measured('container_memory_cache', 'Number of bytes of page cache memory.', (use) => use.cacheBytes),
  measured('container_memory_rss', 'Size of RSS in bytes.', (use) => use.rssBytes),
  measured(
    'container_memory_kernel_usage',
    'Size of kernel memory allocated in bytes.',
    (use) => use.kernelBytes,
  ),
  measured(
    'container_memory_mapped_file',
    'Size of memory mapped files in bytes.',
    (use) => use.mappedFileBytes,
  ),
  measured('container_memory_swap', 'Container swap usage in bytes.', (use) => use.swapBytes),
  counted('container_memory_failcnt', 'Number of memory usage hits limits', (use) => use.limitHits),
  measured(
    'container_memory_usage_bytes',
    'Current memory usage in bytes, including all memory regardless of when it was accessed',
    (use) => use.memoryBytes,
  ),
  measured(
    'container_memory_max_usage_bytes',
    'Maximum memory usage recorded in bytes',
    (use) => use.peakMemoryBytes,
  ),
  measured(
    'container_memory_working_set_bytes',
    'Current working set in bytes.',
    (use) => use.workingSetBytes,
  ),
  measured(
    'container_memory_total_active_file_bytes',
    'Current total active file in bytes.',
    (use) => use.activeFileBytes,
  ),
  measured(
    'container_memory_total_inactive_file_bytes',
    'Current total inactive file in bytes.',
    (use) => use.inactiveFileBytes,
  ),
  measured(
    'container_processes',
    'Number of processes running inside the container.',
    (use) => use.processes,
  ),
  measured('container_threads', 'Number of threads running inside the container', (use) => use.threads),
  measured(
    'container_threads_max',
    'Maximum number of threads allowed inside the container, infinity if value is zero',
    (use) => (use.threads === undefined ? undefined : (use.maxThreads ?? 0)),
  ),
  counted(
    'container_oom_events_total',
    'Count of out of memory events observed for the container',
    (use) => use.oomKills,
  ),
  ...(['cpu', 'memory', 'io'] as const).flatMap((resource) => {
    const what = resource === 'memory' ? 'memory' : resource.toUpperCase();
    const pressureOf = (use: Use): Pressure | undefined => use[`${resource}Pressure`];
    return [
      counted(
        `container_pressure_${resource}_stalled_seconds_total`,
        `Total time duration no tasks in the container could make progress due to ${what} congestion.`,
        (use) => scaled(pressureOf(use)?.full.totalMicros, MICRO),
      ),
      counted(
        `container_pressure_${resource}_waiting_seconds_total`,
        `Total time duration tasks in the container have waited due to ${what} congestion.`,
        (use) => scaled(pressureOf(use)?.some.totalMicros, MICRO),
      ),
    ];
  }),
];

/** Without a time stamp, as cAdvisor's. 0 is no limit; it is known which there is where a period is. */
const limit =
  (figure: Figure<Use>): Figure<Use> =>
  (use) =>
    use.cpuPeriodMicros === undefined ? undefined : (figure(use) ?? 0);
const specFamilies: readonly (readonly [name: string, help: string, figure: Figure<Use>])[] = [
  ['container_spec_cpu_period', 'CPU period of the container.', (use) => use.cpuPeriodMicros],
  ['container_spec_cpu_quota', 'CPU quota of the container.', (use) => use.cpuQuotaMicros],
  ['container_spec_cpu_shares', 'CPU share of the container.', (use) => use.cpuShares],
  [
    'container_spec_memory_limit_bytes',
    'Memory limit for the container.',
    limit((use) => use.memoryLimitBytes),
  ],
  [
    'container_spec_memory_reservation_limit_bytes',
    'Memory reservation limit for the container.',
    limit((use) => use.memoryReservationBytes),
  ],
  [
    'container_spec_memory_swap_limit_bytes',
    'Memory swap limit for the container.',
    limit((use) => use.swapLimitBytes),
  ],
];

/** Known of the machine's devices only. */
const device =
  (figure: (io: DeviceIo) => number): Figure<DiskIo | DeviceIo> =>
  (io) =>
    'busyMs' in io ? figure(io) : undefined;
const deviceSeconds = (figure: (io: DeviceIo) => number): Figure<DiskIo | DeviceIo> =>
  device((io) => figure(io) / 1000);

type DiskFamily = readonly [
  name: string,
  help: string,
  figure: Figure<DiskIo | DeviceIo>,
  type?: Family['type'],
];

const diskFamilies: readonly DiskFamily[] = [
  ['container_fs_io_current', 'Number of I/Os currently in progress', device((io) => io.inProgress), 'gauge'],
  [
    'container_fs_io_time_seconds_total',
    'Cumulative count of seconds spent doing I/Os',
    deviceSeconds((io) => io.busyMs),
  ],
  [
    'container_fs_io_time_weighted_seconds_total',
    'Cumulative weighted I/O time in seconds',
    deviceSeconds((io) => io.weightedMs),
  ],
  [
    'container_fs_read_seconds_total',
    'Cumulative count of seconds spent reading',
    deviceSeconds((io) => io.readMs),
  ],
  ['container_fs_reads_merged_total', 'Cumulative count of reads merged', device((io) => io.readsMerged)],
  [
    'container_fs_write_seconds_total',
    'Cumulative count of seconds spent writing',
    deviceSeconds((io) => io.writeMs),
  ],
  ['container_fs_writes_merged_total', 'Cumulative count of writes merged', device((io) => io.writesMerged)],
  ['container_fs_reads_bytes_total', 'Cumulative count of bytes read', (io) => io.readBytes],
  ['container_fs_reads_total', 'Cumulative count of reads completed', (io) => io.reads],
  [
    'container_fs_sector_reads_total',
    'Cumulative count of sector reads completed',
    (io) => Math.floor(io.readBytes / SECTOR),
  ],
  ['container_fs_writes_bytes_total', 'Cumulative count of bytes written', (io) => io.writeBytes],
  ['container_fs_writes_total', 'Cumulative count of writes completed', (io) => io.writes],
  [
    'container_fs_sector_writes_total',
    'Cumulative count of sector writes completed',
    (io) => Math.floor(io.writeBytes / SECTOR),
  ],
];

const fsFamilies: readonly (readonly [
  name: string,
  help: string,
  figure: Figure<NonNullable<CadvisorRow['fs']>>,
])[] = [
  ['container_fs_inodes_free', 'Number of available Inodes', (fs) => fs.inodesFree],
  ['container_fs_inodes_total', 'Number of Inodes', (fs) => fs.inodes],
  [
    'container_fs_limit_bytes',
    'Number of bytes that can be consumed by the container on this filesystem.',
    (fs) => fs.capacityBytes,
  ],
  [
    'container_fs_usage_bytes',
    'Number of bytes that are consumed by the container on this filesystem.',
    (fs) => fs.usedBytes,
  ],
];

const networkFamilies: readonly (readonly [name: string, help: string, figure: Figure<InterfaceUse>])[] = [
  ['container_network_receive_bytes_total', 'Cumulative count of bytes received', (use) => use.rxBytes],
  ['container_network_receive_packets_total', 'Cumulative count of packets received', (use) => use.rxPackets],
  [
    'container_network_receive_packets_dropped_total',
    'Cumulative count of packets dropped while receiving',
    (use) => use.rxDropped,
  ],
  [
    'container_network_receive_errors_total',
    'Cumulative count of errors encountered while receiving',
    (use) => use.rxErrors,
  ],
  ['container_network_transmit_bytes_total', 'Cumulative count of bytes transmitted', (use) => use.txBytes],
  [
    'container_network_transmit_packets_total',
    'Cumulative count of packets transmitted',
    (use) => use.txPackets,
  ],
  [
    'container_network_transmit_packets_dropped_total',
    'Cumulative count of packets dropped while transmitting',
    (use) => use.txDropped,
  ],
  [
    'container_network_transmit_errors_total',
    'Cumulative count of errors encountered while transmitting',
    (use) => use.txErrors,
  ],
];

/** cAdvisor's two scopes are the group itself and those below; farlet reads what holds for both together. */
function failures({ use }: CadvisorRow): Sample[] {
  return (
    [
      ['pgfault', use.pageFaults],
      ['pgmajfault', use.majorPageFaults],
    ] as const
  ).flatMap(([failure_type, value]) =>
    one(value).flatMap((each) =>
      ['container', 'hierarchy'].map((scope) => ({ ...each, more: labelled({ failure_type, scope }) })),
    ),
  );
}

function ofUse({ name, type, help, figure, more }: UseFamily, rows: readonly CadvisorRow[]): Family {
  return { name, type, help, samples: () => eachOf(name, rows, ({ use }) => one(figure(use), more)) };
}

function ofDisks([name, help, figure, type = 'counter']: DiskFamily, rows: readonly CadvisorRow[]): Family {
  const samplesOf = ({ use, devices }: CadvisorRow): Sample[] =>
    (use.disks ?? []).flatMap((io) => {
      const device = devices.get(io.device);
      return one(figure(io), labelled({ device: device === undefined ? io.device : `/dev/${device}` }));
    });
  return { name, type, help, samples: () => eachOf(name, rows, samplesOf) };
}

function ofNetwork(
  [name, help, figure]: readonly [string, string, Figure<InterfaceUse>],
  rows: readonly CadvisorRow[],
): Family {
  const samplesOf = ({ network }: CadvisorRow): Sample[] =>
    network.flatMap((each) => one(figure(each), labelled({ interface: each.name })));
  return { name, type: 'counter', help, samples: () => eachOf(name, rows, samplesOf) };
}

function gauge(
  name: string,
  help: string,
  rows: readonly CadvisorRow[],
  samplesOf: (row: CadvisorRow) => readonly Sample[],
): Family {
  return { name, type: 'gauge', help, samples: () => eachOf(name, rows, samplesOf) };
}

function* eachOf(
  name: string,
  rows: readonly CadvisorRow[],
  samplesOf: (row: CadvisorRow) => readonly Sample[],
): Generator<string> {
  for (const row of rows)
    for (const { value, more, at = row.use.at } of samplesOf(row)) {
      const labels = more === undefined ? row.labels : `${row.labels},${more}`;
      yield sample(name, labels, value, at === 'unstamped' ? undefined : at);
    }
}

function one(value: number | undefined, more?: string): Sample[] {
  return value === undefined ? [] : [more === undefined ? { value } : { value, more }];
}

function scaled(value: number | undefined, by: number): number | undefined {
  return value === undefined ? undefined : value / by;
}
