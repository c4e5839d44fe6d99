/**
 * One host of a virtual node, put together: its runtime, its pods' loop and workers, what keeps it in order.
 * Composition only.
 */
import type { ClusterAccess } from '../cluster/cluster.ts';
import { hostContext, type HostAppOptions, type HostContext } from './host-context.ts';
import { HostCounter, type HostCounts } from './host-counts.ts';
import { buildLoop } from './loop.ts';
import { buildManagers, type HostManagers } from './managers.ts';
import { plegObserver } from './observers.ts';
import { buildProber } from './prober.ts';
import { buildResources, type HostResources } from './resources.ts';
import { buildEnding, buildRuntime } from './runtime.ts';
import { buildPodSyncer } from './pod-syncer.ts';
import { tracedSyncer } from './traced.ts';
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
import type { Prober } from '../../pods/probes/prober.ts';
import type { PodVolumes } from '../../pods/volumes/pod-volumes.ts';
import type { AdmissionVerdict } from '../../resources/admission/verdict.ts';
import { GarbageCollector } from '../../runtime/gc/garbage-collector.ts';
import { PullAccess } from '../../runtime/images/pull-access.ts';
import type { RuntimeCache } from '../../runtime/observed/runtime-cache.ts';
import { HOUSEKEEPING_MS } from '../../sync/housekeeping.ts';
import type { PodTable } from '../../sync/pod-table.ts';
import { Pleg } from '../../sync/sources/pleg.ts';
import type { SyncLoop } from '../../sync/sync-loop.ts';
import type { SyncQueue } from '../../sync/sync-queue.ts';
import type { WorkersLoad } from '../../sync/workers/workers-load.ts';
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
  counts(): HostCounts;
  workersLoad(): WorkersLoad;
  cgroupVersion(): number | undefined;
  readonly usage: HostUsageReader;
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

/** What a host is made of, each made of those before it. */
interface HostParts {
  readonly pleg: Pleg;
  readonly mirrors: HostMirrors;
  readonly volumes: PodVolumes;
  readonly resources: HostResources;
  readonly prober: Prober;
  readonly managers: HostManagers;
  readonly folders: HostFolders;
  readonly loop: SyncLoop;
  readonly clusterRelisted: Promise<unknown>;
}

export function buildHost(options: HostAppOptions): HostApp {
  const context = hostContext(options);
  const parts = buildParts(context);
  subscribe(context, parts);
  return { ...shown(context, parts), ...asked(context, parts), ...running(context, parts) };
}

function buildParts(context: HostContext): HostParts {
  const { host, workers, sources, view, clock, log } = context;
  const pleg = buildPleg(context);
  const mirrors = buildMirrors(context);
  const volumes = buildVolumes(context);
  const resources = buildResources(context);
  const pullAccess = buildPullAccess(context);
  const ending = buildEnding(context);
  const runtime = buildRuntime(context, { pleg, resources, pullAccess, ending });
  const prober = buildProber(context);
  const collector = new GarbageCollector({ ...ending, clock, log });
  const syncer = buildPodSyncer(context, { pleg, runtime, collector, volumes, resources, prober, mirrors });
  workers.attach(tracedSyncer(syncer, context.traces));
  const managers = buildManagers(context, { collector, volumes, pullAccess, cgroups: resources.cgroups });
  // from there on the cluster's pods are owned: none may be judged before they have been looked for
  const clusterRelisted = sources.clusterKnown.then(() => pleg.relisted());
  clusterRelisted.catch(() => undefined);
  const sourcesReady = whenReady(context, { pleg, resources, clusterRelisted });
  const folders = new HostFolders({
    files: host.link.files,
    paths: context.paths,
    onChange: view.statusSoon.bind(view),
  });
  const loop = buildLoop(context, { resources, managers, mirrors, sourcesReady });
  return { pleg, mirrors, volumes, resources, prober, managers, folders, loop, clusterRelisted };
}

/** Resolves when the runtime and the node are known. */
async function whenReady(
  { view, hasCluster, node }: HostContext,
  { pleg, resources, clusterRelisted }: Pick<HostParts, 'pleg' | 'resources' | 'clusterRelisted'>,
): Promise<void> {
  await Promise.all([
    pleg.relisted(),
    view.known,
    // CPUs that the cluster's pods have must be known before any are given
    resources.ready(hasCluster ? clusterRelisted : pleg.relisted()),
    // a node of one host waits for this before it leads any pod to it; others can't wait for every host
    ...(isOnly(node) ? [] : [clusterRelisted]),
  ]);
}

/** Those hear of what happens on the runtime who are there now. */
function subscribe(context: HostContext, { pleg, prober, managers }: HostParts): void {
  const { node, host, table, queue, events, access, clock } = context;
  const { status } = access;
  pleg.onChanges((changes) => {
    prober.observed(changes);
    queue.pleg(changes);
    managers.observed(changes);
  });
  host.onChange(({ at }) => {
    // what a lost host of a pool means for its pods is seen to where the others are known
    if (isOnly(node) && at === 'lost')
      markLost({ pods: table.all(), status, events, now: rfc3339(clock.now()) });
    // before the pods' workers hear of it, which would act on what was seen before
    if (at === 'ready') prober.hostIsBack();
    pleg.relistSoon();
    queue.hostChanged();
  });
}

type Shown = 'host' | 'table' | 'cache' | 'status' | 'loop' | 'queue' | 'clusterRelisted' | 'usage';
type Running = 'run' | 'idle' | 'close';

function shown(
  context: HostContext,
  { loop, clusterRelisted, resources, volumes }: HostParts,
): Pick<HostApp, Shown> {
  const { host, table, cache, queue, access } = context;
  const usage = buildUsage(context, { cgroups: resources.cgroups, volumes });
  return { host, table, cache, status: access.status, loop, queue, clusterRelisted, usage };
}

function asked(context: HostContext, parts: HostParts): Omit<HostApp, Shown | Running> {
  const { queue, workers, view } = context;
  const { pleg, managers, folders, resources, volumes, mirrors } = parts;
  const counter = new HostCounter({ ...context, volumes });
  return {
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
    counts: counter.counts.bind(counter),
    workersLoad: () => workers.load(),
    cgroupVersion: () => view.facts()?.cgroupVersion,
    mirrorPods: () => mirrors.size,
    mirrorOf: (pod) => mirrors.get(podFullName(pod)),
    mirrorAll: mirrors.ensureAll.bind(mirrors),
  };
}

function running(context: HostContext, parts: HostParts): Pick<HostApp, Running> {
  const { host, view, workers } = context;
  const { pleg, folders, loop, resources, managers } = parts;
  const makeFolders = async (life: AbortSignal): Promise<void> => {
    await orAbort(view.known, life);
    await folders.make(life);
  };
  return {
    run: async () => {
      const made = supervise('folders', makeFolders, context);
      await Promise.all([
        supervise('runtime-status', (life) => host.run(life), context),
        supervise('pleg', (life) => pleg.run(life), context),
        made,
        supervise('sync-loop', (life) => loop.run(life), context),
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

function isOnly({ hosts }: Pick<HostContext['node'], 'hosts'>): boolean {
  return hosts.length === 1;
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
    onStreamEnd: host.lookSoon.bind(host),
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

async function housekeepingRounds({ host, queue, clock, signal }: HostContext): Promise<void> {
  for (;;) {
    await clock.sleep(host.beat.until(HOUSEKEEPING_MS), { signal });
    queue.housekeeping();
  }
}
