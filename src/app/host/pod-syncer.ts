/** What is done for one host's pods, step by step, put together. Composition only. */
import type { HostContext } from './host-context.ts';
import { observeSinceSeen } from './observers.ts';
import { tracedVolumes } from './traced.ts';
import type { HostResources } from './resources.ts';
import type { HostMirrors } from '../../kube/host-mirrors.ts';
import { PodSyncer } from '../../pods/pod-syncer.ts';
import type { Prober } from '../../pods/probes/prober.ts';
import { TerminationMessages } from '../../pods/status/termination-messages.ts';
import type { PodVolumes } from '../../pods/volumes/pod-volumes.ts';
import type { GarbageCollector } from '../../runtime/gc/garbage-collector.ts';
import type { PodRuntime } from '../../runtime/pod/pod-runtime.ts';
import { StartErrors } from '../../runtime/start/start-errors.ts';
import type { Pleg } from '../../sync/sources/pleg.ts';

export interface StepParts {
  readonly pleg: Pleg;
  readonly runtime: PodRuntime;
  readonly collector: GarbageCollector;
  readonly volumes: PodVolumes;
  readonly resources: HostResources;
  readonly prober: Prober;
  readonly mirrors: HostMirrors;
}

export function buildPodSyncer(context: HostContext, parts: StepParts): PodSyncer {
  const { host, view, cache, paths, access, metrics, tracing, startup, events, clock, log } = context;
  const { pleg, runtime, collector, volumes, resources, prober, mirrors } = parts;
  const { objects, runtimeClasses, tokens, status } = access;
  const add = prober.add.bind(prober);
  return new PodSyncer({
    clock,
    log,
    events,
    host,
    cache,
    runtime,
    startErrors: new StartErrors(),
    collector,
    volumes: tracedVolumes(volumes, tracing),
    cgroups: resources.cgroups,
    resizes: resources.resizes,
    objects,
    status,
    observe: pleg,
    runtimeClass: (name) => runtimeClasses.get(name),
    mirror: mirrors.ensure.bind(mirrors),
    probes: {
      liveness: (id) => prober.result('liveness', id),
      startup: (id) => prober.result('startup', id),
      readiness: (id) => prober.result('readiness', id),
      // probes go on after the sync that starts them
      add:
        tracing === undefined
          ? add
          : (pod) => {
              tracing.outside(() => {
                add(pod);
              });
            },
      remove: prober.remove.bind(prober),
      stopLivenessAndStartup: prober.stopLivenessAndStartup.bind(prober),
    },
    messages: new TerminationMessages({ files: host.link.files, paths }),
    isDrained: () => view.node()?.spec?.unschedulable === true,
    forgetPod: tokens.forget.bind(tokens),
    hostIPs: () => view.addresses(),
    onLook: startup.looked.bind(startup),
    onRunning: (pod) => {
      observeSinceSeen(pod, metrics.kubelet_pod_start_duration_seconds, clock);
    },
  });
}
