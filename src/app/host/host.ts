/**
 * One host of a virtual node, put together: its runtime, its pods' loop and workers, what keeps it in order.
 * Composition only.
 */
import type { ClusterAccess } from '../cluster/cluster.ts';
import { hostContext, type HostAppOptions, type HostContext } from './host-context.ts';
import { buildLoop } from './loop.ts';
import { buildManagers } from './managers.ts';
import { plegObserver } from './observers.ts';
import { buildProber } from './probes.ts';
import { buildResources } from './resources.ts';
import { buildEnding, buildRuntime } from './runtime.ts';
import { buildPodSyncer } from './pod-syncer.ts';
import { buildUsage } from './usage.ts';
import { buildVolumes } from './volumes.ts';
import type { Host } from '../../hosts/host.ts';
import { HostFolders } from '../../hosts/host-folders.ts';
import { HostMirrors } from '../../kube/host-mirrors.ts';
import type { Pod } from '../../model/kube.ts';
import type { NodePressure } from '../../model/node-info.ts';
import { podFullName } from '../../model/pod-source.ts';
import type { PodChange } from '../../model/pod-update.ts';
import type { PlegHealth } from '../../node/conditions.ts';
import { markLost } from '../../pods/status/mark-lost.ts';
import type { PodVolumes } from '../../pods/volumes/pod-volumes.ts';
import type { AdmissionVerdict } from '../../resources/admission/verdict.ts';
import { GarbageCollector } from '../../runtime/gc/garbage-collector.ts';
import { PullAccess } from '../../runtime/images/pull-access.ts';
import type { RuntimeCache } from '../../runtime/observed/runtime-cache.ts';
import type { PodTable } from '../../sync/pod-table.ts';
import { Pleg } from '../../sync/sources/pleg.ts';
import type { SyncLoop } from '../../sync/sync-loop.ts';
import type { SyncQueue } from '../../sync/sync-queue.ts';
import type { WorkersLoad } from '../../sync/workers/workers-load.ts';
import type { WorkingPod } from '../../sync/workers/working-pods.ts';
import { orAbort } from '../../util/abort.ts';
import { rfc3339 } from '../../util/clock.ts';
import { supervise } from '../../util/supervise.ts';
import type { HostUsageReader } from '../../usage/host-reader.ts';

/** A host as its node, and the kubelet API, work with it. */
export interface HostApp {
  readonly host: Host;
  readonly table: PodTable;
  readonly cache: RuntimeCache;
  readonly status: ClusterAccess['status'];
  readonly loop: SyncLoop;
  readonly queue: SyncQueue;
  /**
   * Resolves when what the runtime has of the cluster's pods has been looked at, which asks for the cluster
   * to be known.
   */
  readonly clusterRelisted: Promise<unknown>;
  pleg(): PlegHealth;
  pressures(): readonly NodePressure[];
  /** What keeps pods from being started although the runtime answers. */
  problem(): string | undefined;
  /** What admission would say of the pod beside these, taking nothing. */
  verdictOn(pod: Pod, beside: readonly Pod[]): AdmissionVerdict;
  deliver(changes: readonly PodChange[]): void;
  /** An object that these pods refer to came, changed or went. */
  objectsChanged(uids: readonly string[]): void;
  /** pods that hold resources of the host */
  activePods(): Pod[];
  workingPods(): WorkingPod[];
  workersLoad(): WorkersLoad;
  cgroupVersion(): number | undefined;
  readonly usage: HostUsageReader;
  volumeTotals(): ReturnType<PodVolumes['totals']>;
  mirrorPods(): number;
  /** the mirror of a static pod on the API server */
  mirrorOf(pod: Pod): Pod | undefined;
  /** Sees to the mirrors of all static pods: the API server can be reached. */
  mirrorAll(): void;
  run(): Promise<void>;
  /** Resolves once no step runs. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

const HOUSEKEEPING_MS = 2_000;

export function buildHost(options: HostAppOptions): HostApp {
  const context = hostContext(options);
  const { node, host, table, cache, queue, workers, sources, view, hasCluster } = context;
  const { access, events, clock, faults, signal } = context;
  const { status } = access;
  const isOnly = node.hosts.length === 1;

  const pleg = buildPleg(context);
  const mirrors = buildMirrors(context);
  const volumes = buildVolumes(context);
  const resources = buildResources(context);
  const pullAccess = buildPullAccess(context);
  const ending = buildEnding(context);
  const runtime = buildRuntime(context, { resources, pullAccess, ending });
  const prober = buildProber(context);
  const collector = new GarbageCollector({ ...ending, clock, log: context.log });
  workers.attach(buildPodSyncer(context, { pleg, runtime, collector, volumes, resources, prober, mirrors }));
  const managers = buildManagers(context, { collector, volumes, pullAccess, cgroups: resources.cgroups });

  // from there on the cluster's pods are owned: none may be judged before they have been looked for
  const clusterRelisted = sources.clusterKnown.then(() => pleg.relisted());
  clusterRelisted.catch(() => undefined);
  const loop = buildLoop(context, {
    resources,
    managers,
    mirrors,
    sourcesReady: Promise.all([
      pleg.relisted(),
      view.known,
      // CPUs that the cluster's pods have must be known before any are given
      resources.ready(hasCluster ? clusterRelisted : pleg.relisted()),
      // a node of one host waits for this before it leads any pod to it; others can't wait for every host
      ...(isOnly ? [] : [clusterRelisted]),
    ]).then(() => undefined),
  });
  const folders = new HostFolders({
    files: host.link.files,
    paths: context.paths,
    onChange: view.statusSoon.bind(view),
  });

  pleg.onChanges((changes) => {
    prober.observed(changes);
    queue.pleg(changes);
    managers.observed(changes);
  });
  host.onChange(({ at }) => {
    // what a lost host of a pool means for its pods is seen to where the others are known
    if (isOnly && at === 'lost') markLost({ pods: table.all(), status, events, now: rfc3339(clock.now()) });
    // before the pods' workers hear of it, which would act on what was seen before
    if (at === 'ready') prober.hostIsBack();
    pleg.relistSoon();
    queue.hostChanged();
  });

  return {
    host,
    table,
    cache,
    status,
    loop,
    queue,
    clusterRelisted,
    pleg: () => pleg.health(),
    pressures: () => managers.pressures(),
    problem: () => folders.problem,
    verdictOn: (pod, beside) => managers.admit(pod) ?? resources.allocations.verdictOn(pod, beside),
    deliver: queue.config.bind(queue),
    objectsChanged: (uids) => {
      for (const uid of uids) {
        volumes.retryNow(uid);
        queue.due(uid);
      }
    },
    activePods: context.activePods,
    workingPods: () => workers.working(),
    workersLoad: () => workers.load(),
    cgroupVersion: () => view.facts()?.cgroupVersion,
    usage: buildUsage(context, { cgroups: resources.cgroups }),
    volumeTotals: () => volumes.totals(),
    mirrorPods: () => mirrors.size,
    mirrorOf: (pod) => mirrors.get(podFullName(pod)),
    mirrorAll: mirrors.ensureAll.bind(mirrors),
    run: async () => {
      const supervised = { faults, clock, signal };
      const makeFolders = async (life: AbortSignal): Promise<void> => {
        await orAbort(view.known, life);
        await folders.make(life);
      };
      const made = supervise('folders', makeFolders, supervised);
      await Promise.all([
        supervise('runtime-status', (life) => host.run(life), supervised),
        supervise('pleg', (life) => pleg.run(life), supervised),
        made,
        supervise('sync-loop', (life) => loop.run(life), supervised),
        resources.run(),
        housekeepingRounds(context),
        Promise.all([loop.started, made]).then(() => managers.run()),
      ]);
    },
    idle: () => workers.idle(),
    close: async () => {
      host.cri.close();
      await host.link.close();
    },
  };
}

function buildPleg({ host, cache, owner, sources, view, metrics, clock, log }: HostContext): Pleg {
  return new Pleg({
    cri: host.cri,
    cache,
    beat: host.beat,
    clock,
    log,
    owner,
    owns: sources.owns.bind(sources),
    onSynced: view.statusSoon.bind(view),
    observer: plegObserver(metrics),
  });
}

function buildMirrors({ kube, table, view, access, onDue, clock, log, signal }: HostContext): HostMirrors {
  return new HostMirrors({
    client: kube,
    clock,
    log,
    signal,
    table,
    node: () => view.node(),
    onMirrored: access.status.mirrored.bind(access.status),
    onDue,
  });
}

function buildPullAccess({ config, node, host, clock, log }: HostContext): PullAccess {
  return new PullAccess({
    files: host.link.files,
    rootDir: node.rootDir,
    policy: {
      kind: config.imagePullCredentialsVerificationPolicy,
      allowed: config.preloadedImagesVerificationAllowlist,
    },
    clock,
    log,
  });
}

async function housekeepingRounds({ queue, clock, signal }: HostContext): Promise<void> {
  for (;;) {
    await clock.sleep(HOUSEKEEPING_MS, { signal });
    queue.housekeeping();
  }
}
