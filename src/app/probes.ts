/** The probes of one host's pods, put together. Composition only. */
import type { Host } from '../hosts/host.ts';
import { findContainer, findContainerStatus, isStatusOf } from '../model/containers.ts';
import type { EventRecorder } from '../model/events.ts';
import type { Faults } from '../model/faults.ts';
import type { Pod, PodStatus } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import type { ObservedContainer, PodRuntimeState } from '../model/runtime-state.ts';
import { Prober } from '../pods/probes/prober.ts';
import { restartsAll } from '../runtime/decide/restart-all.ts';
import { restartsAfter } from '../runtime/decide/restart-decision.ts';
import type { RuntimeCache } from '../runtime/observed/runtime-cache.ts';
import type { PodTable } from '../sync/pod-table.ts';
import type { SyncQueue } from '../sync/sync-queue.ts';
import { holdsResources } from '../sync/workers/worker-state.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Clock } from '../util/clock.ts';
import type { PodWorkers } from '../sync/workers/pod-workers.ts';

export interface HostProberOptions {
  readonly host: Host;
  readonly nodeIP: string;
  readonly cache: RuntimeCache;
  readonly table: PodTable;
  readonly queue: SyncQueue;
  readonly workers: () => Pick<PodWorkers, 'state'>;
  readonly status: { current(uid: string): PodStatus | undefined };
  readonly metrics: Metrics;
  readonly events: EventRecorder;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export function buildProber(options: HostProberOptions): Prober {
  const { host, nodeIP, cache, table, queue, workers, status, metrics, events, faults, clock, log, signal } =
    options;
  return new Prober({
    host,
    clock,
    log,
    events,
    faults,
    signal,
    look: (uid, name) => {
      const state = cache.get(uid);
      const container = state?.containers.find((each) => each.name === name);
      const pod = table.get(uid);
      // one that is only created has nothing to probe yet, and has not failed either
      if (state === undefined || container === undefined || container.state === 'created') return undefined;
      if (!isTold(status.current(uid), container)) return undefined;
      const podIp = pod?.spec.hostNetwork === true ? nodeIP : (state.ips[0] ?? '');
      return {
        id: container.id,
        running: container.state === 'running',
        startedAt: host.localTime(container.startedAt / 1e6),
        podIp,
        over: container.state === 'exited' && pod !== undefined && isOver(pod, state, container),
      };
    },
    pod: (uid) => (holdsResources(workers().state(uid)) ? table.get(uid) : undefined),
    onResult: (uid) => {
      queue.probe(uid);
    },
    observe: ({ kind, pod, container, result, seconds }) => {
      const series = probeSeries(pod, kind, container);
      metrics.prober_probe_total.inc({ ...series, result, pod_uid: pod.metadata.uid });
      if (result !== 'failed') metrics.prober_probe_duration_seconds.observe(series, seconds);
    },
    onEnd: ({ kind, pod, container }) => {
      const series = probeSeries(pod, kind, container);
      for (const result of ['successful', 'failed', 'unknown'])
        metrics.prober_probe_total.remove({ ...series, result, pod_uid: pod.metadata.uid });
      metrics.prober_probe_duration_seconds.remove(series);
    },
  });
}

/** A probe sees what the pod's status tells, never a start that is still under way (pkg/kubelet/prober/worker.go doProbe). */
function isTold(status: PodStatus | undefined, { id, name }: ObservedContainer): boolean {
  const told = findContainerStatus(status, name);
  return told !== undefined && isStatusOf(told, id);
}

/** Nothing will start the container again. */
function isOver(pod: Pod, state: PodRuntimeState, { name, exitCode }: ObservedContainer): boolean {
  const spec = findContainer(pod, name)?.spec;
  return spec !== undefined && !restartsAfter(pod, spec, exitCode) && !restartsAll(pod, state);
}

function probeSeries(pod: Pod, kind: string, container: string): Record<string, string> {
  const { name, namespace } = pod.metadata;
  return { probe_type: kind, container, pod: name, namespace };
}
