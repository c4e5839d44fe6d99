/**
 * What a node knows of its cluster beside its pods, and how it tells their status: one for all its hosts.
 * Composition only.
 */
import type { Collection } from '../../kube/collection.ts';
import type { KubeConnection } from '../../kube/connect.ts';
import { PodObjects } from '../../kube/pod-objects.ts';
import { StatusWriter } from '../../kube/status-writer.ts';
import { Tokens } from '../../kube/tokens.ts';
import { volumeObjects } from '../../kube/volume-objects.ts';
import type { RuntimeClass, Service } from '../../model/kube.ts';
import type { Log } from '../../model/log.ts';
import { illegalTransition } from '../../pods/status/illegal-transition.ts';
import { mergePodStatus } from '../../pods/status/merge-status.ts';
import { newlyTerminated } from '../../pods/status/terminated-containers.ts';
import type { PodStartup } from '../../pods/pod-startup.ts';
import type { SharedCluster } from './shared-cluster.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { PodTraces } from '../../telemetry/pod-traces.ts';
import { orAbort } from '../../util/abort.ts';
import type { Clock } from '../../util/clock.ts';

export interface ClusterAccessOptions {
  readonly kube: KubeConnection;
  /** what the process has one of */
  readonly common: SharedCluster;
  readonly metrics: Metrics;
  readonly startup: Pick<PodStartup, 'written'>;
  readonly traces: Pick<PodTraces, 'written'> | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ClusterAccess {
  readonly objects: PodObjects;
  readonly services: Collection<Service>;
  readonly runtimeClasses: Collection<RuntimeClass>;
  readonly tokens: Tokens;
  readonly status: StatusWriter;
  readonly volumeObjects: ReturnType<typeof volumeObjects>;
  /**
   * Writes the statuses that the API server has not got yet, as far as the signal allows; from then on none
   * are written.
   */
  flushStatuses(options: { signal: AbortSignal }): Promise<void>;
  /** Of what nodes share nothing is kept for this one. */
  close(): void;
}

export function buildClusterAccess(options: ClusterAccessOptions): ClusterAccess {
  const { kube, common, metrics, startup, traces, clock, log } = options;
  const shared = { client: kube, clock, log };
  // statuses outlive everything else of the node: what happened last is still to be told
  const writing = new AbortController();
  const status = new StatusWriter({
    ...shared,
    signal: writing.signal,
    merge: mergePodStatus,
    illegal: illegalTransition,
    onStatus: (before, after) => {
      for (const { type, exitCode, reason } of newlyTerminated(before, after))
        metrics.kubelet_terminated_containers_total.inc({
          container_type: type,
          exit_code: String(exitCode),
          reason,
        });
    },
    onWrite: (result) => {
      metrics.farlet_pod_status_writes_total.inc({ result });
    },
    onWritten: (pod, seconds) => {
      startup.written(pod);
      traces?.written(pod, seconds);
      metrics.kubelet_pod_status_sync_duration_seconds.observe(seconds);
    },
  });
  const objects = new PodObjects(common.objects);
  return {
    objects,
    services: common.services,
    runtimeClasses: common.runtimeClasses,
    tokens: new Tokens({
      ...shared,
      onRequest: (result) => {
        metrics.farlet_token_requests_total.inc({ result });
      },
    }),
    status,
    volumeObjects: volumeObjects(kube),
    flushStatuses: async (options) => {
      await orAbort(status.flush(), options.signal).catch(() => undefined);
      writing.abort(new Error('the node has ended'));
    },
    close: objects.close.bind(objects),
  };
}
