/** The loop over one host's pods, put together. Composition only. */
import type { HostContext } from './host-context.ts';
import { syncLoopObserver } from './observers.ts';
import type { HostManagers } from './managers.ts';
import { rejectWith } from './rejection.ts';
import type { HostResources } from './resources.ts';
import type { HostMirrors } from '../../kube/host-mirrors.ts';
import { isStaticPod } from '../../model/pod-source.ts';
import { Housekeeping } from '../../sync/housekeeping.ts';
import { SyncLoop } from '../../sync/sync-loop.ts';

export interface LoopParts {
  readonly resources: HostResources;
  readonly managers: HostManagers;
  readonly mirrors: HostMirrors;
  /** resolves when the runtime and the node are known */
  readonly sourcesReady: Promise<void>;
}

export function buildLoop(context: HostContext, parts: LoopParts): SyncLoop {
  const { host, view, queue, table, cache, workers, unknown, sources, access } = context;
  const { metrics, faults, clock, log, signal } = context;
  const { resources, managers, mirrors, sourcesReady } = parts;
  const { allocations } = resources;
  const { status } = access;
  const housekeeping = new Housekeeping({
    cache,
    workers,
    mirrors,
    haveAllSources: sources.haveAll.bind(sources),
    isUnknown: unknown.isUnknown.bind(unknown),
    hostIsReady: () => host.state().at === 'ready',
    onOrphan: () => {
      metrics.kubelet_orphaned_runtime_pods_total.inc();
    },
  });
  return new SyncLoop({
    queue,
    table,
    workers,
    allocations: {
      admit: (pod, active, known) => managers.admit(pod) ?? allocations.admit(pod, active, known),
      offer: allocations.offer.bind(allocations),
      granted: allocations.granted.bind(allocations),
      retryResizes: allocations.retryResizes.bind(allocations),
    },
    clock,
    log,
    sourcesReady,
    preempt: resources.preempt.bind(resources),
    refreshNode: () =>
      view.refresh({ signal }).catch((error: unknown) => {
        if (!signal.aborted)
          log.warn({ err: error }, 'the Node could not be read: its labels are taken as known');
      }),
    onRejected: rejectWith(context),
    onReconcile: (pod) => {
      if (!isStaticPod(pod)) status.observed(pod);
    },
    onMirror: mirrors.observed.bind(mirrors),
    onRemoved: ({ metadata: { uid } }) => {
      status.forget(uid);
      resources.forget(uid);
    },
    housekeeping: housekeeping.run.bind(housekeeping),
    faults,
    observer: syncLoopObserver(metrics),
  });
}
