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
  const containers = containerRows(pods);
  const node = nodeRows(reading);
  const used = podRows(pods);
  const hasFailed = reading === undefined || reading.isPartial;
  return [
    cpu('container', 'the container', containers),
    memory('container', 'the container', containers),
    startTimes(pods),
    swapLimits(containers),
    swap('container', 'Current amount of the container swap usage in bytes', containers),
    cpu('node', 'the node', node),
    memory('node', 'the node', node),
    swap('node', 'Current swap usage of the node in bytes', node),
    cpu('pod', 'the pod', used),
    memory('pod', 'the pod', used),
    swap('pod', 'Current amount of the pod swap usage in bytes', used),
    scrapeError('resource_scrape_error', hasFailed),
    scrapeError('scrape_error', hasFailed),
  ];
}

function containerRows(pods: readonly PodOnHost[]): Row[] {
  return pods.flatMap((pod) =>
    pod.containers.flatMap((container): Row[] =>
      rowOf(containerLabels(pod, container), container.use, pod.swapTotalBytes),
    ),
  );
}

function podRows(pods: readonly PodOnHost[]): Row[] {
  return pods.flatMap((pod) => rowOf(podLabels(pod), pod.use, pod.swapTotalBytes));
}

function nodeRows(reading: NodeReading | undefined): Row[] {
  return reading === undefined ? [] : rowOf('', reading.root, reading.swapTotalBytes);
}

/** None for what has no figures. */
function rowOf(labels: string, use: Use | undefined, swapTotalBytes: number | undefined): Row[] {
  return use === undefined ? [] : [{ labels, use, swapTotalBytes }];
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

function startTimes(pods: readonly PodOnHost[]): Family {
  const name = 'container_start_time_seconds';
  return {
    name,
    type: 'gauge',
    help: 'Start time of the container since unix epoch in seconds',
    samples: () =>
      pods.flatMap((pod) =>
        pod.containers
          .filter(({ startedAt }) => startedAt > 0)
          .map((container) => sample(name, containerLabels(pod, container), container.startedAt / 1000)),
      ),
  };
}

function swapLimits(rows: readonly Row[]): Family {
  const name = 'container_swap_limit_bytes';
  return {
    name,
    type: 'gauge',
    help: 'Current amount of the container swap limit in bytes. Reported only on non-windows systems',
    samples: () => each(name, rows, swapLimit),
  };
}

function scrapeError(name: string, hasFailed: boolean): Family {
  return {
    name,
    type: 'gauge',
    help: '1 if there was an error while getting container metrics, 0 otherwise',
    samples: () => [sample(name, '', hasFailed ? 1 : 0)],
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
