/**
 * The families of /metrics/resource (pkg/kubelet/metrics/collectors/resource_metrics.go), which
 * metrics-server reads: names, labels, types and time stamps are a kubelet's. Pure.
 */
import { labelled, sample, type Family } from './exposition.ts';
import { podsOnHosts, type NodeReading, type PodOnHost } from './node-reading.ts';
import type { ContainerReading, Use } from './reading.ts';
import { swapPart } from './summary.ts';

const NANO = 1e9;

interface Row {
  readonly labels: string;
  readonly use: Use;
  readonly swapTotalBytes: number | undefined;
}

/** undefined: nothing could be read. */
export function resourceFamilies(reading: NodeReading | undefined): Family[] {
  const pods = reading === undefined ? [] : podsOnHosts(reading);
  const containers = pods.flatMap((pod) => pod.containers.map((container) => ({ pod, container })));
  const containerRows = containers.flatMap(({ pod, container }): Row[] =>
    container.use === undefined
      ? []
      : [{ labels: containerLabels(pod, container), use: container.use, swapTotalBytes: pod.swapTotalBytes }],
  );
  const podRows = pods.flatMap((pod): Row[] =>
    pod.use === undefined
      ? []
      : [{ labels: podLabels(pod), use: pod.use, swapTotalBytes: pod.swapTotalBytes }],
  );
  const nodeRows: Row[] =
    reading?.root === undefined
      ? []
      : [{ labels: '', use: reading.root, swapTotalBytes: reading.swapTotalBytes }];
  const error = (name: string): Family => ({
    name,
    type: 'gauge',
    help: '1 if there was an error while getting container metrics, 0 otherwise',
    samples: () => [sample(name, '', reading === undefined || reading.isPartial ? 1 : 0)],
  });
  return [
    cpu('container', 'the container', containerRows),
    memory('container', 'the container', containerRows),
    {
      name: 'container_start_time_seconds',
      type: 'gauge',
      help: 'Start time of the container since unix epoch in seconds',
      samples: () =>
        containers.flatMap(({ pod, container }) =>
          container.startedAt > 0
            ? [
                sample(
                  'container_start_time_seconds',
                  containerLabels(pod, container),
                  container.startedAt / 1000,
                ),
              ]
            : [],
        ),
    },
    {
      name: 'container_swap_limit_bytes',
      type: 'gauge',
      help: 'Current amount of the container swap limit in bytes. Reported only on non-windows systems',
      samples: () => each('container_swap_limit_bytes', containerRows, swapLimit),
    },
    swap('container', 'Current amount of the container swap usage in bytes', containerRows),
    cpu('node', 'the node', nodeRows),
    memory('node', 'the node', nodeRows),
    swap('node', 'Current swap usage of the node in bytes', nodeRows),
    cpu('pod', 'the pod', podRows),
    memory('pod', 'the pod', podRows),
    swap('pod', 'Current amount of the pod swap usage in bytes', podRows),
    error('resource_scrape_error'),
    error('scrape_error'),
  ];
}

function cpu(kind: string, what: string, rows: readonly Row[]): Family {
  const name = `${kind}_cpu_usage_seconds_total`;
  return {
    name,
    type: 'counter',
    help: `Cumulative cpu time consumed by ${what} in core-seconds`,
    samples: () => each(name, rows, ({ use }) => use.cpuNanos && use.cpuNanos / NANO),
  };
}

function memory(kind: string, what: string, rows: readonly Row[]): Family {
  const name = `${kind}_memory_working_set_bytes`;
  return {
    name,
    type: 'gauge',
    help: `Current working set of ${what} in bytes`,
    samples: () => each(name, rows, ({ use }) => use.workingSetBytes),
  };
}

function swap(kind: string, help: string, rows: readonly Row[]): Family {
  const name = `${kind}_swap_usage_bytes`;
  return {
    name,
    type: 'gauge',
    help: `${help}. Reported only on non-windows systems`,
    samples: () => each(name, rows, ({ use }) => use.swapBytes),
  };
}

function swapLimit({ use, swapTotalBytes }: Row): number | undefined {
  const { swapAvailableBytes, swapUsageBytes } = swapPart(use, swapTotalBytes) ?? {};
  return swapAvailableBytes === undefined ? undefined : swapAvailableBytes + (swapUsageBytes ?? 0);
}

function* each(
  name: string,
  rows: readonly Row[],
  value: (row: Row) => number | undefined,
): Generator<string> {
  for (const row of rows) {
    const found = value(row);
    if (found !== undefined) yield sample(name, row.labels, found, row.use.at);
  }
}

function containerLabels({ name, namespace }: PodOnHost, container: ContainerReading): string {
  return labelled({ container: container.name, namespace, pod: name });
}

function podLabels({ name, namespace }: PodOnHost): string {
  return labelled({ namespace, pod: name });
}
