/** One host of a virtual node, put together: its runtime, its pods' loop and workers, what keeps it in order. Composition only. */
import type { ClusterAccess } from './cluster.ts';
import type { Config, NodeConfig } from './config/schema.ts';
import { buildProber } from './probes.ts';
import { buildRuntime } from './runtime.ts';
import type { Host } from '../hosts/host.ts';
import type { KubeConnection } from '../kube/connect.ts';
import type { EventRecorder } from '../model/events.ts';
import type { Faults } from '../model/faults.ts';
import type { Pod } from '../model/kube.ts';
import { labels } from '../model/labels.ts';
import type { Log } from '../model/log.ts';
import type { NodePressure } from '../model/node-pressure.ts';
import { isStaticPod, podFullName } from '../model/pod-source.ts';
import { podReference } from '../model/pod-ref.ts';
import type { PodChange } from '../model/pod-update.ts';
import { quantityValue } from '../model/quantity-text.ts';
import type { PlegHealth } from '../node/conditions.ts';
import type { NodeView } from '../node/node-view.ts';
import { buildManagers, type NodeManagers } from './managers.ts';
import { NodeMirrors } from './mirrors.ts';
import { NodeResources } from './resources.ts';
import type { NodeSources } from './sources.ts';
import { markLost } from '../pods/status/mark-lost.ts';
import { rejectedStatus } from '../pods/status/merge-status.ts';
import type { PodStartup } from '../pods/pod-startup.ts';
import { PodSteps } from '../pods/pod-steps.ts';
import { TerminationMessages } from '../pods/status/termination-messages.ts';
import type { Prober } from '../pods/probes/prober.ts';
import { ContainerRemover } from '../runtime/gc/container-removal.ts';
import { GarbageCollector } from '../runtime/gc/garbage-collector.ts';
import { HookRunner } from '../runtime/stop/hooks.ts';
import { ContainerKiller } from '../runtime/stop/kill-container.ts';
import { PullAccess } from '../runtime/images/pull-access.ts';
import { RuntimeCache } from '../runtime/observed/runtime-cache.ts';
import {
  observeSinceSeen,
  plegObserver,
  runtimeMetrics,
  syncLoopObserver,
  workersObserver,
} from './observers.ts';
import { mayRun, runsNamesake } from '../model/holds.ts';
import { HostFolders } from '../hosts/host-folders.ts';
import type { LinuxHost } from '../runtime/spec/settings.ts';
import { StartErrors } from '../runtime/start/start-errors.ts';
import { Pleg } from '../sync/sources/pleg.ts';
import { activePods } from '../sync/active-pods.ts';
import { OrphanWatch } from '../sync/housekeeping.ts';
import { PodTable } from '../sync/pod-table.ts';
import { SyncLoop } from '../sync/sync-loop.ts';
import { SyncQueue } from '../sync/sync-queue.ts';
import type { AdmissionVerdict } from '../resources/admission/verdict.ts';
import { admissionReason } from '../telemetry/bounded-labels.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { orAbort } from '../util/abort.ts';
import { rfc3339, type Clock } from '../util/clock.ts';
import { supervise } from '../util/supervise.ts';
import type { PodVolumes } from '../pods/volumes/pod-volumes.ts';
import { PodWorkers } from '../sync/workers/pod-workers.ts';
import type { WorkingPod } from '../sync/workers/working-pods.ts';
import { buildVolumes } from './volumes.ts';

export interface HostAppOptions {
  readonly config: Config;
  readonly node: NodeConfig;
  readonly nodeIP: string;
  readonly kube: KubeConnection;
  readonly host: Host;
  readonly view: NodeView;
  readonly sources: NodeSources;
  readonly access: ClusterAccess;
  /** false: there is no API server */
  readonly hasCluster: boolean;
  readonly metrics: Metrics;
  readonly startup: PodStartup;
  readonly events: EventRecorder;
  readonly faults: Faults;
  /** Whether the node has yet to find out if the pod is this host's: until then it is nobody's orphan. */
  readonly isUnsettled: (uid: string) => boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** A host as its node, and the kubelet API, work with it. */
export interface HostApp {
  readonly host: Host;
  readonly table: PodTable;
  readonly cache: RuntimeCache;
  readonly status: ClusterAccess['status'];
  readonly loop: SyncLoop;
  readonly queue: SyncQueue;
  /** Resolves when what the runtime has of the cluster's pods has been looked at, which asks for the cluster to be known. */
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
  cgroupVersion(): number | undefined;
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
  const {
    config,
    node,
    nodeIP,
    kube,
    host,
    view,
    sources,
    metrics,
    startup,
    events,
    faults,
    isUnsettled,
    clock,
    signal,
  } = options;
  const { objects, runtimeClasses, tokens, status, volumeObjects } = options.access;
  const isOnly = node.hosts.length === 1;
  const log = isOnly ? options.log : options.log.child({ host: host.name });
  const { link, cri } = host;
  const cache = new RuntimeCache({ clock });
  const queue = new SyncQueue();
  const table = new PodTable();
  const owner = { [labels.node]: node.name };
  const pleg = new Pleg({
    cri,
    cache,
    clock,
    log,
    owner,
    owns: sources.owns.bind(sources),
    onChanges: (changes) => {
      for (const { pod, kind } of changes) if (kind === 'container-started') prober.started(pod.uid);
      queue.pleg(changes);
      managers.seen(changes);
    },
    onSynced: () => {
      view.statusSoon();
    },
    observer: plegObserver(metrics),
  });
  // from there on the cluster's pods are owned: none may be judged before they have been looked for
  const clusterRelisted = sources.clusterKnown.then(() => pleg.relisted());
  clusterRelisted.catch(() => undefined);
  const hostPaths = {
    rootDir: node.rootDir,
    podLogsDir: config.podLogsDir,
    containerLogsDir: config.podLogsDir.replace(/[^/]+\/?$/, 'containers'),
  };
  const volumes = buildVolumes({
    files: link.files,
    paths: hostPaths,
    events,
    clock,
    signal,
    metrics,
    sources: {
      configMap: objects.configMap.bind(objects),
      secret: objects.secret.bind(objects),
      token: tokens.get.bind(tokens),
      ...volumeObjects,
    },
    node: () => ({
      ...view.info(),
      memoryBytes: Number(quantityValue(view.info().allocatable.memory)),
    }),
  });
  const settings = {
    node: node.name,
    get cluster() {
      return sources.clusterId ?? '';
    },
    staticOwner: sources.staticOwner,
    paths: hostPaths,
    clusterDNS: config.clusterDNS,
    clusterDomain: config.clusterDomain,
    kubernetesService: serviceAddress(config.kubernetesServiceAddress),
    seccompDefault: config.seccompDefault,
    cpuCFSQuota: config.cpuCFSQuota,
    cpuCFSQuotaPeriod: config.cpuCFSQuotaPeriod * 1000,
  };
  const resources = new NodeResources({
    config,
    node,
    host,
    view,
    table,
    cache,
    settings,
    linuxHost: () => linuxHost(view),
    events,
    clock,
    log,
    faults,
    signal,
    runtimeClass: (name) => runtimeClasses.get(name),
    workers: () => workers,
    onPreempted: (shortOf) => {
      metrics.kubelet_preemptions.inc({ preemption_signal: shortOf });
    },
    onCgroups: (operation, seconds) => {
      metrics.kubelet_cgroup_manager_duration_seconds.observe({ operation_type: operation }, seconds);
    },
    onDue: (uid) => {
      queue.due(uid);
    },
  });
  const pullAccess = new PullAccess({
    files: link.files,
    rootDir: node.rootDir,
    policy: {
      kind: config.imagePullCredentialsVerificationPolicy,
      allowed: config.preloadedImagesVerificationAllowlist,
    },
    clock,
    log,
  });
  const runtime = buildRuntime({
    config,
    host,
    view,
    settings,
    linuxHost: () => linuxHost(view),
    resources,
    pullAccess,
    access: options.access,
    metrics,
    startup,
    events,
    clock,
    log,
  });
  const prober: Prober = buildProber({
    host,
    nodeIP,
    cache,
    table,
    queue,
    workers: () => workers,
    status,
    metrics,
    events,
    faults,
    clock,
    log,
    signal,
  });
  const hooks = new HookRunner({
    cri,
    clock,
    events,
    metrics: runtimeMetrics(metrics),
    dial: (target, rest) => link.dial(target, { ...rest, use: 'hook' }),
  });
  const collector = new GarbageCollector({
    remover: new ContainerRemover({ cri, files: link.files, paths: hostPaths }),
    killer: new ContainerKiller({ cri, hooks, events, clock, log }),
    clock,
    log,
  });
  const startErrors = new StartErrors();
  const steps = new PodSteps({
    clock,
    log,
    events,
    host,
    cache,
    runtime,
    startErrors,
    collector,
    volumes,
    cgroups: resources.cgroups,
    resizes: resources.resizes,
    objects,
    status,
    observe: pleg,
    runtimeClass: (name) => runtimeClasses.get(name),
    mirror: (pod) => {
      mirrors.ensure(pod);
    },
    probes: {
      liveness: (id) => prober.result('liveness', id),
      startup: (id) => prober.result('startup', id),
      readiness: (id) => prober.result('readiness', id),
      add: prober.add.bind(prober),
      remove: prober.remove.bind(prober),
      stopLivenessAndStartup: prober.stopLivenessAndStartup.bind(prober),
    },
    messages: new TerminationMessages({ files: link.files, paths: hostPaths }),
    forgetPod: (uid) => {
      tokens.forget(uid);
    },
    nodeIPs: () => [nodeIP],
    onLook: startup.looked.bind(startup),
    onRunning: (pod) => {
      observeSinceSeen(pod, metrics.kubelet_pod_start_duration_seconds, clock);
    },
  });
  const mirrors = new NodeMirrors({
    client: kube,
    clock,
    log,
    signal,
    table,
    node: () => view.node(),
    onMirrored: status.mirrored.bind(status),
    onDue: (uid) => {
      queue.due(uid);
    },
  });
  const workers: PodWorkers = new PodWorkers({
    syncer: steps,
    clock,
    log,
    faults,
    signal,
    runtimeHolds: (uid) => mayRun(cache.get(uid)),
    runtimeHoldsNamesake: (pod) =>
      runsNamesake(cache.states(), pod.metadata, (uid) => table.get(uid) !== undefined),
    ...workersObserver(metrics, clock),
    onForgotten: (uid) => {
      status.forget(uid);
    },
    onDue: (uid) => {
      queue.due(uid);
    },
  });
  const managers: NodeManagers = buildManagers({
    config,
    host,
    paths: hostPaths,
    owner,
    haveAllSources: sources.haveAll.bind(sources),
    isUnsettled,
    clock,
    log,
    events,
    node: view.reference(),
    metrics,
    cache,
    table,
    workers,
    collector,
    volumes,
    pullAccess,
    sweepCgroups: resources.cgroups.sweep.bind(resources.cgroups),
    reasonOf: (uid) => status.current(uid)?.reason,
    onPressure: () => {
      view.statusSoon();
    },
    faults,
    signal,
  });
  const orphans = new OrphanWatch();
  const loop = new SyncLoop({
    queue,
    table,
    workers: resources.workers,
    clock,
    log,
    sourcesReady: Promise.all([
      pleg.relisted(),
      view.known,
      // CPUs that the cluster's pods have must be known before any are given
      resources.ready(options.hasCluster ? clusterRelisted : pleg.relisted()),
      // a node of one host waits for this before it leads any pod to it; others can't wait for every host
      ...(isOnly ? [] : [clusterRelisted]),
    ]).then(() => undefined),
    admit: (pod, active, known) => managers.admit(pod) ?? resources.admit(pod, active, known),
    onPending: resources.onPending.bind(resources),
    onRejected: (pod, verdict) => {
      metrics.kubelet_admission_rejections_total.inc({ reason: admissionReason(verdict.reason) });
      events.event(podReference(pod), 'Warning', verdict.reason, verdict.message);
      status.set(pod, { status: rejectedStatus(pod, verdict, clock.now()), mayRun: false });
    },
    onReconcile: (pod) => {
      if (!isStaticPod(pod)) status.observed(pod);
    },
    onMirror: mirrors.observed.bind(mirrors),
    onRemoved: ({ metadata }) => {
      status.forget(metadata.uid);
      resources.forget(metadata.uid);
    },
    housekeeping: () => {
      resources.retryResizes();
      workers.startWaiting();
      if (!sources.haveAll()) return;
      mirrors.collect(workers.holdsName.bind(workers));
      if (host.state().at !== 'ready') return;
      for (const orphan of orphans.next(
        cache.pods(),
        (uid) => table.get(uid) !== undefined || workers.state(uid) !== undefined || isUnsettled(uid),
        () => {
          metrics.kubelet_orphaned_runtime_pods_total.inc();
        },
      ))
        workers.stopOrphan(orphan);
    },
    faults,
    observer: syncLoopObserver(metrics),
  });

  host.onChange(({ at }) => {
    // what a lost host of a pool means for its pods is seen to where the others are known
    if (isOnly && at === 'lost') markLost({ pods: table.all(), status, events, now: rfc3339(clock.now()) });
    // before the pods' workers hear of it, which would act on what was seen before
    if (at === 'ready') prober.hostIsBack();
    pleg.relistSoon();
    queue.hostChanged();
  });

  const folders = new HostFolders({
    files: link.files,
    paths: hostPaths,
    onChange: () => {
      view.statusSoon();
    },
  });
  const housekeeping = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(HOUSEKEEPING_MS, { signal });
      queue.housekeeping();
    }
  };

  return {
    host,
    table,
    cache,
    status,
    loop,
    queue,
    clusterRelisted,
    pleg: () => ({
      silentMs: pleg.lastSeen === undefined ? undefined : clock.monotonic() - pleg.lastSeen,
      thresholdMs: pleg.thresholdMs,
    }),
    pressures: () => managers.pressures(),
    problem: () => folders.problem,
    verdictOn: (pod, beside) => managers.admit(pod) ?? resources.verdictOn(pod, beside),
    deliver: (changes) => {
      queue.config(changes);
    },
    objectsChanged: (uids) => {
      for (const uid of uids) {
        volumes.retryNow(uid);
        queue.due(uid);
      }
    },
    activePods: () => activePods({ table, workers }),
    workingPods: () => workers.working(),
    cgroupVersion: () => view.facts()?.cgroupVersion,
    volumeTotals: () => volumes.totals(),
    mirrorPods: () => mirrors.size,
    mirrorOf: (pod) => mirrors.get(podFullName(pod)),
    mirrorAll: () => {
      mirrors.ensureAll();
    },
    run: async () => {
      const supervised = { faults, clock, signal };
      const made = supervise(
        'folders',
        async (life) => {
          await orAbort(view.known, life);
          await folders.make(life);
        },
        supervised,
      );
      await Promise.all([
        supervise('runtime-status', (life) => host.run(life), supervised),
        supervise('pleg', (life) => pleg.run(life), supervised),
        made,
        supervise('sync-loop', (life) => loop.run(life), supervised),
        resources.run(),
        housekeeping(),
        Promise.all([loop.started, made]).then(() => managers.run()),
      ]);
    },
    idle: () => workers.idle(),
    close: async () => {
      cri.close();
      await link.close();
    },
  };
}

function linuxHost(node: NodeView): LinuxHost {
  const facts = node.facts();
  if (facts === undefined) throw new Error('the host has not been looked at yet');
  const { memoryBytes, cgroupVersion, swapController, selinux, thermalThrottleCpus } = facts;
  return {
    memoryCapacityBytes: memoryBytes,
    hugePageSizes: node.info().hugePageSizes,
    cgroupVersion,
    swapController,
    selinux,
    thermalThrottleCpus,
  };
}

function serviceAddress(url: string | undefined): { host: string; port: number } | undefined {
  if (url === undefined) return undefined;
  const { hostname, port } = new URL(url);
  return { host: hostname, port: port === '' ? 443 : Number(port) };
}
