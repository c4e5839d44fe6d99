/** What a node knows of its cluster beside its pods, and how it tells their status: one for all its hosts. Composition only. */
import { Collection } from './kube/collection.ts';
import type { KubeConnection } from './kube/connect.ts';
import { paths } from './kube/paths.ts';
import { PodObjects } from './kube/pod-objects.ts';
import { StatusWriter } from './kube/status-writer.ts';
import { Tokens } from './kube/tokens.ts';
import { volumeObjects } from './kube/volume-objects.ts';
import type { RuntimeClass, Service } from './model/kube.ts';
import type { Log } from './model/log.ts';
import { illegalTransition } from './pods/illegal-transition.ts';
import { mergePodStatus } from './pods/merge-status.ts';
import { newlyTerminated } from './pods/terminated-containers.ts';
import type { PodStartup } from './pods/pod-startup.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { Clock } from './util/clock.ts';

export interface ClusterAccessOptions {
  readonly kube: KubeConnection;
  readonly metrics: Metrics;
  readonly startup: Pick<PodStartup, 'written'>;
  /** a ConfigMap or Secret came, changed or went; the pods that refer to it */
  readonly onObject: (podUids: readonly string[]) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface ClusterAccess {
  readonly objects: PodObjects;
  readonly services: Collection<Service>;
  readonly runtimeClasses: Collection<RuntimeClass>;
  readonly tokens: Tokens;
  readonly status: StatusWriter;
  readonly volumeObjects: ReturnType<typeof volumeObjects>;
}

export function buildClusterAccess(options: ClusterAccessOptions): ClusterAccess {
  const { kube, metrics, startup, onObject, clock, log, signal } = options;
  const shared = { client: kube, clock, log };
  return {
    objects: new PodObjects({ ...shared, signal, onChange: onObject }),
    services: new Collection<Service>({
      ...shared,
      path: paths.services,
      what: 'services',
      reduce: reduceService,
    }),
    runtimeClasses: new Collection<RuntimeClass>({
      ...shared,
      path: paths.runtimeClasses,
      what: 'runtime classes',
    }),
    tokens: new Tokens(shared),
    status: new StatusWriter({
      ...shared,
      signal,
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
      onWritten: (pod, seconds) => {
        startup.written(pod);
        metrics.kubelet_pod_status_sync_duration_seconds.observe(seconds);
      },
    }),
    volumeObjects: volumeObjects(kube),
  };
}

/** Only what environments are made of. */
function reduceService({ metadata, spec }: Service): Service {
  return {
    metadata: {
      ...(metadata?.name === undefined ? {} : { name: metadata.name }),
      ...(metadata?.namespace === undefined ? {} : { namespace: metadata.namespace }),
    },
    spec: {
      ...(spec?.clusterIP === undefined ? {} : { clusterIP: spec.clusterIP }),
      ports: spec?.ports ?? [],
    },
  };
}
