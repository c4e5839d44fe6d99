/** One virtual node, put together: its host, its sources, its loop, its workers. Composition only. */
import { reservations } from './config/reservations.ts';
import type { Config, NodeConfig } from './config/schema.ts';
import { connectCri } from './cri/connect.ts';
import { readResolvConf, type ResolvConf } from './hosts/facts.ts';
import { Host } from './hosts/host.ts';
import { openLink } from './hosts/open-link.ts';
import { Collection } from './kube/collection.ts';
import type { KubeConnection } from './kube/connect.ts';
import { Events } from './kube/events.ts';
import { paths } from './kube/paths.ts';
import { PodObjects } from './kube/pod-objects.ts';
import { StatusWriter } from './kube/status-writer.ts';
import { Tokens } from './kube/tokens.ts';
import { volumeObjects } from './kube/volume-objects.ts';
import { findContainer } from './model/containers.ts';
import type { Pod, RuntimeClass, Service } from './model/kube.ts';
import { annotations, labels } from './model/labels.ts';
import type { Log } from './model/log.ts';
import { podReference } from './model/pod-ref.ts';
import { isStaticPod } from './model/pod-source.ts';
import { quantityValue } from './model/quantity.ts';
import type { ObservedContainer, PodRuntimeState } from './model/runtime-state.ts';
import { VirtualNode } from './node/virtual-node.ts';
import { buildManagers, effectiveEvictionHard, type NodeManagers } from './node-managers.ts';
import { NodeMirrors } from './node-mirrors.ts';
import { NodeResources } from './node-resources.ts';
import { NodeSources } from './node-sources.ts';
import { mergePodStatus, rejectedStatus } from './pods/merge-status.ts';
import { PodSteps } from './pods/pod-steps.ts';
import { TerminationMessages } from './pods/termination-messages.ts';
import { Prober } from './probes/prober.ts';
import { ContainerRemover } from './runtime/container-removal.ts';
import { PodRuntime } from './runtime/execute.ts';
import { GarbageCollector } from './runtime/garbage-collector.ts';
import { HookRunner } from './runtime/hooks.ts';
import { ImagePuller } from './runtime/images.ts';
import { ContainerKiller } from './runtime/kill-container.ts';
import { PullAccess } from './runtime/pull-access.ts';
import { PullRate } from './runtime/pull-rate.ts';
import { restartsAll } from './runtime/restart-all.ts';
import { RestartBackoff } from './runtime/restart-backoff.ts';
import { restartsAfter } from './runtime/restart-decision.ts';
import { RuntimeCache } from './runtime/runtime-cache.ts';
import type { LinuxHost } from './runtime/settings.ts';
import { StartErrors } from './runtime/start-errors.ts';
import { startWidth } from './runtime/start-pace.ts';
import { StartPermits } from './runtime/start-permits.ts';
import { Pleg } from './sources/pleg.ts';
import { staticOwner } from './sources/static-owner.ts';
import { OrphanWatch } from './sync/housekeeping.ts';
import { PodTable } from './sync/pod-table.ts';
import { SyncLoop } from './sync/sync-loop.ts';
import { SyncQueue } from './sync/sync-queue.ts';
import { loggedEvents } from './telemetry/logged-events.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { orAbort } from './util/abort.ts';
import type { Clock } from './util/clock.ts';
import { SubPaths } from './volumes/sub-paths.ts';
import { PodWorkers } from './workers/pod-workers.ts';
import { buildVolumes, showVolumeTotals } from './node-volumes.ts';

export interface NodeAppOptions {
  readonly config: Config;
  readonly node: NodeConfig;
  readonly nodeIP: string;
  /** UID of the cluster's kube-system namespace, as soon as the API server has told; undefined: there is none */
  readonly cluster: Promise<string> | undefined;
  readonly kube: KubeConnection;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** What the rest of the process may ask of a node. */
export interface NodeApp {
  readonly name: string;
  readonly host: Host;
  readonly metrics: Metrics;
  readonly table: PodTable;
  readonly cache: RuntimeCache;
  readonly status: StatusWriter;
  readonly loop: SyncLoop;
  /**
   * The pods have been listed once: before, what is asked about one can't be answered. `withoutApi`: an API server that was
   * never reached is not waited for.
   */
  podsAreKnown(options: { withoutApi: boolean }): boolean;
  run(): Promise<void>;
  stop(options: { signal: AbortSignal }): Promise<void>;
}

const HOUSEKEEPING_MS = 2_000;

export function buildNode(options: NodeAppOptions): NodeApp {
  const { config, node, nodeIP, cluster, kube, clock, signal } = options;
  const log = options.log.child({ node: node.name });
  const hostConfig = node.hosts[0];
  if (hostConfig === undefined) throw new Error(`node ${node.name} has no host`);

  const reserved = reservations(config);
  const metrics: Metrics = createMetrics({
    node: node.name,
    refresh: () => {
      refresh();
    },
  });
  const recorder =
    cluster === undefined
      ? undefined
      : new Events({
          client: kube,
          clock,
          log,
          host: node.name,
          onDropped: () => {
            metrics.farlet_events_dropped_total.inc();
          },
        });
  const events = recorder ?? loggedEvents(log);
  const link = openLink(hostConfig, {
    clock,
    log,
    // the cluster may not be known yet
    owner: { node: node.name, cluster: staticOwner(node) },
    cgroupDriver: config.cgroupDriver,
  });
  const cri = connectCri({
    endpoint: link.cri(),
    host: link.name,
    onCall: ({ operation, seconds, error }) => {
      metrics.kubelet_runtime_operations_total.inc({ operation_type: operation });
      metrics.kubelet_runtime_operations_duration_seconds.observe({ operation_type: operation }, seconds);
      if (error !== undefined)
        metrics.kubelet_runtime_operations_errors_total.inc({ operation_type: operation });
    },
  });
  const host = new Host({ link, cri, clock, log, sandboxedHandlers: config.sandboxedRuntimeHandlers });
  const cache = new RuntimeCache({ clock });
  const queue = new SyncQueue();
  const table = new PodTable();
  const sources = new NodeSources({
    config,
    node,
    client: kube,
    cluster,
    onChanges: (changes) => {
      queue.config(changes);
    },
    clock,
    log,
    signal,
  });
  const pleg = new Pleg({
    cri,
    cache,
    clock,
    log,
    owner: { [labels.node]: node.name },
    owns: sources.owns.bind(sources),
    onChanges: (changes) => {
      for (const { pod, kind } of changes) if (kind === 'container-started') prober.trigger(pod.uid);
      queue.pleg(changes);
      managers.seen(changes);
    },
    onSynced: () => {
      virtualNode.statusSoon();
    },
    observer: {
      relisted: (seconds) => {
        metrics.kubelet_pleg_relist_duration_seconds.observe(seconds);
      },
      lastSeen: (at) => {
        metrics.kubelet_pleg_last_seen_seconds.set(at / 1000);
      },
    },
  });
  // from there on the cluster's pods are owned: none may be judged before they have been looked for
  const clusterRelisted = sources.clusterKnown.then(() => pleg.relisted());
  clusterRelisted.catch(() => undefined);
  const virtualNode = new VirtualNode({
    identity: {
      name: node.name,
      ip: nodeIP,
      port: node.port,
      labels: node.labels,
      maxPods: config.maxPods,
      systemReserved: reserved.system,
      kubeReserved: reserved.kube,
      evictionHard: effectiveEvictionHard(config),
      taints: node.registerWithTaints.map(({ key, value, effect }) => ({
        key,
        effect,
        ...(value === undefined ? {} : { value }),
      })),
    },
    host,
    client: cluster === undefined ? undefined : kube,
    clock,
    log,
    events,
    rootDir: node.rootDir,
    pressures: () => managers.pressures(),
    pleg: () => ({
      silentMs: pleg.lastSeen === undefined ? undefined : clock.monotonic() - pleg.lastSeen,
      thresholdMs: pleg.thresholdMs,
    }),
    updateMs: config.nodeStatusUpdateFrequency,
    reportMs: config.nodeStatusReportFrequency,
    leaseSeconds: config.nodeLeaseDurationSeconds,
  });

  const objects = new PodObjects({
    client: kube,
    clock,
    log,
    signal,
    onChange: (uids) => {
      for (const uid of uids) {
        volumes.retryNow(uid);
        queue.due(uid);
      }
    },
  });
  const services = new Collection<Service>({
    client: kube,
    clock,
    log,
    path: paths.services,
    what: 'services',
    reduce: reduceService,
  });
  const runtimeClasses = new Collection<RuntimeClass>({
    client: kube,
    clock,
    log,
    path: paths.runtimeClasses,
    what: 'runtime classes',
  });
  const tokens = new Tokens({ client: kube, clock, log });
  const status = new StatusWriter({
    client: kube,
    clock,
    log,
    signal,
    merge: mergePodStatus,
    onWritten: (seconds) => {
      metrics.kubelet_pod_status_sync_duration_seconds.observe(seconds);
    },
  });
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
      ...volumeObjects(kube),
    },
    node: () => ({
      ...virtualNode.info(),
      memoryBytes: quantityValue(virtualNode.info().allocatable.memory),
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
    virtualNode,
    table,
    cache,
    settings,
    linuxHost: () => linuxHost(virtualNode),
    events,
    clock,
    log,
    signal,
    runtimeClass: (name) => runtimeClasses.get(name),
    workers: () => workers,
    onDue: (uid) => {
      queue.due(uid);
    },
  });
  let resolvConf: ResolvConf | undefined;
  const hostDns = async (rest: { signal: AbortSignal }): Promise<ResolvConf | undefined> => {
    if (config.resolvConf === '') return undefined;
    // only what could be read is kept: a failure, or a sync that was called off, must not hold for later pods
    resolvConf ??= await readResolvConf(link.files, config.resolvConf, rest);
    return resolvConf;
  };
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
  const runtime = new PodRuntime({
    host,
    settings,
    objects,
    events,
    clock,
    log,
    linuxHost: () => linuxHost(virtualNode),
    node: () => virtualNode.info(),
    nodeReference: virtualNode.reference(),
    cgroupParent: (pod) => resources.cgroups.parent(pod),
    resizer: resources.resizer,
    cpus: resources.cpus,
    images: new ImagePuller({
      cri,
      events,
      clock,
      width:
        (config.serializeImagePulls ?? (config.maxParallelImagePulls ?? 1) < 2)
          ? 1
          : (config.maxParallelImagePulls ?? Number.MAX_SAFE_INTEGER),
      access: pullAccess,
      rate: new PullRate({ perSecond: config.registryPullQPS, burst: config.registryBurst }),
    }),
    services: {
      synced: () => services.isSynced,
      services: (namespace) =>
        services
          .all()
          .filter(({ metadata }) => metadata?.namespace === namespace || metadata?.namespace === 'default'),
    },
    hostDns,
    subPaths: new SubPaths({ files: link.files, paths: hostPaths, log }),
    restarts: new RestartBackoff({ maxMs: config.crashLoopBackOff.maxContainerRestartPeriod }),
    starts: new StartPermits({ clock, width: () => startWidth(virtualNode.facts()?.cpus ?? 1) }),
    metrics: {
      podStarting: () => {
        metrics.kubelet_started_pods_total.inc();
      },
      podStartFailed: () => {
        metrics.kubelet_started_pods_errors_total.inc();
      },
      sandboxRun: ({ runtimeHandler, seconds, failed }) => {
        metrics.kubelet_run_podsandbox_duration_seconds.observe({ runtime_handler: runtimeHandler }, seconds);
        if (failed) metrics.kubelet_run_podsandbox_errors_total.inc({ runtime_handler: runtimeHandler });
      },
      containerStarting: (type) => {
        metrics.kubelet_started_containers_total.inc({ container_type: type });
      },
      containerStartFailed: (type, code) => {
        metrics.kubelet_started_containers_errors_total.inc({ container_type: type, code });
      },
    },
  });
  const prober: Prober = new Prober({
    host,
    clock,
    log,
    events,
    signal,
    look: (uid, name) => {
      const state = cache.get(uid);
      const container = state?.containers.find((each) => each.name === name);
      const pod = table.get(uid);
      // one that is only created has nothing to probe yet, and has not failed either
      if (state === undefined || container === undefined || container.state === 'created') return undefined;
      const podIp = pod?.spec.hostNetwork === true ? nodeIP : (state.ips[0] ?? '');
      return {
        id: container.id,
        running: container.state === 'running',
        startedAt: container.startedAt / 1e6,
        podIp,
        over: container.state === 'exited' && pod !== undefined && isOver(pod, state, container),
      };
    },
    pod: (uid) => {
      const state = workers.state(uid)?.at;
      return state === 'syncing' || state === 'stopping' ? table.get(uid) : undefined;
    },
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
  const hooks = new HookRunner({
    cri,
    clock,
    events,
    dial: link.dial.bind(link),
  });
  const collector = new GarbageCollector({
    remover: new ContainerRemover({ cri, files: link.files, paths: hostPaths }),
    killer: new ContainerKiller({ cri, hooks, events, clock, log }),
    clock,
    log,
  });
  const startErrors = new StartErrors();
  const running = new Set<string>();
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
    messages: new TerminationMessages({ files: link.files }),
    forgetPod: (uid) => {
      tokens.forget(uid);
    },
    nodeIPs: () => [nodeIP],
    onRunning: ({ metadata }) => {
      if (running.has(metadata.uid)) return;
      running.add(metadata.uid);
      metrics.kubelet_pod_start_duration_seconds.observe(
        Math.max(
          0,
          clock.now() -
            Date.parse(metadata.creationTimestamp ?? metadata.annotations?.[annotations.configSeen] ?? ''),
        ) / 1000,
      );
    },
  });
  const mirrors = new NodeMirrors({
    client: kube,
    clock,
    log,
    signal,
    table,
    node: () => virtualNode.node(),
    onMirrored: status.mirrored.bind(status),
    onDue: (uid) => {
      queue.due(uid);
    },
  });
  const workers: PodWorkers = new PodWorkers({
    syncer: steps,
    clock,
    log,
    signal,
    runtimeHolds: (uid) =>
      (cache.get(uid)?.containers ?? []).some(({ state }) => state === 'running') ||
      (cache.get(uid)?.sandboxes ?? []).some(({ ready }) => ready),
    runtimeHoldsNamesake: ({ metadata: { uid, name, namespace } }) =>
      cache
        .states()
        .some(
          (other) =>
            other.uid !== uid &&
            other.name === name &&
            other.namespace === namespace &&
            table.get(other.uid) === undefined &&
            other.containers.some(({ state }) => state === 'running'),
        ),
    onForgotten: (uid) => {
      status.forget(uid);
    },
    onDue: (uid) => {
      queue.due(uid);
    },
    onStep: (kind, seconds) => {
      metrics.kubelet_pod_worker_duration_seconds.observe({ operation_type: kind }, seconds);
    },
  });
  const managers: NodeManagers = buildManagers({
    config,
    host,
    paths: hostPaths,
    owner: { [labels.node]: node.name },
    haveAllSources: sources.haveAll.bind(sources),
    clock,
    log,
    events,
    node: virtualNode.reference(),
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
      virtualNode.statusSoon();
    },
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
      virtualNode.known,
      // CPUs that the cluster's pods have must be known before any are given
      resources.ready(cluster === undefined ? pleg.relisted() : clusterRelisted),
    ]).then(() => undefined),
    admit: (pod, active, known) => managers.admit(pod) ?? resources.admit(pod, active, known),
    onPending: resources.onPending.bind(resources),
    onRejected: (pod, verdict) => {
      metrics.kubelet_admission_rejections_total.inc({ reason: verdict.reason });
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
      running.delete(metadata.uid);
    },
    housekeeping: () => {
      resources.retryResizes();
      workers.startWaiting();
      if (!sources.haveAll()) return;
      mirrors.collect(workers.holdsName.bind(workers));
      if (host.state().at !== 'ready') return;
      for (const orphan of orphans.next(
        cache.pods(),
        (uid) => table.get(uid) !== undefined || workers.state(uid) !== undefined,
      ))
        workers.stopOrphan(orphan);
    },
    observer: {
      event: (kind, count) => {
        metrics.farlet_sync_loop_events_total.inc({ kind }, count);
      },
      iteration: (seconds) => {
        metrics.farlet_sync_loop_iteration_duration_seconds.observe(seconds);
      },
    },
  });
  host.onChange(({ at }) => {
    metrics.farlet_host_up.set({ host: host.name }, at === 'ready' ? 1 : 0);
    pleg.relistSoon();
    queue.hostChanged();
  });

  function refresh(): void {
    const states = cache.states();
    metrics.kubelet_running_pods.set(
      states.filter(({ sandboxes }) => sandboxes.some(({ ready }) => ready)).length,
    );
    for (const state of ['created', 'running', 'exited', 'unknown'] as const) {
      metrics.kubelet_running_containers.set(
        { container_state: state },
        states.flatMap(({ containers }) => containers).filter((each) => each.state === state).length,
      );
    }
    const staticPods = table.all().filter(isStaticPod).length;
    metrics.kubelet_desired_pods.set({ static: '' }, table.size - staticPods);
    metrics.kubelet_desired_pods.set({ static: 'true' }, staticPods);
    metrics.kubelet_mirror_pods.set(mirrors.size);
    showVolumeTotals(metrics, volumes);
    for (const [name, depth] of Object.entries(queue.depth()))
      metrics.farlet_queue_depth.set({ queue: name }, depth);
  }

  /** The cluster, once its API server has told which it is. */
  const followCluster = async (): Promise<void> => {
    if (cluster === undefined) return;
    await sources.clusterKnown;
    const ready = Promise.all([
      clusterRelisted,
      services.synced,
      runtimeClasses.synced,
      virtualNode.registered,
    ]).then(() => {
      sources.releaseCluster();
      mirrors.ensureAll();
    });
    await Promise.all([services.run(signal), runtimeClasses.run(signal), ready]);
  };
  /** The links to containers' logs lie in a folder of their own, which nothing else makes. */
  const makeLogFolder = async (): Promise<void> => {
    await orAbort(virtualNode.known, signal);
    await link.files.apply(
      [
        { op: 'mkdir', path: hostPaths.containerLogsDir, mode: 0o755 },
        { op: 'mkdir', path: hostPaths.rootDir, mode: 0o750 },
      ],
      { signal },
    );
  };
  const tick = async (everyMs: number, work: () => unknown): Promise<void> => {
    for (;;) {
      await clock.sleep(everyMs, { signal });
      await work();
    }
  };

  return {
    name: node.name,
    host,
    metrics,
    table,
    cache,
    status,
    loop,
    podsAreKnown: sources.areKnown.bind(sources),
    run: async () => {
      const folders = makeLogFolder();
      await Promise.all([
        host.run(signal),
        pleg.run(signal),
        virtualNode.run(signal),
        recorder?.run(signal),
        sources.run(),
        followCluster(),
        folders,
        loop.run(signal),
        resources.run(),
        tick(HOUSEKEEPING_MS, () => {
          queue.housekeeping();
        }),
        Promise.all([loop.started, folders]).then(() => managers.run()),
      ]);
    },
    stop: async (rest) => {
      await workers.idle();
      await recorder?.flush(rest);
      cri.close();
      await link.close();
    },
  };
}

function linuxHost(node: VirtualNode): LinuxHost {
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

/** Nothing will start the container again. */
function isOver(pod: Pod, state: PodRuntimeState, { name, exitCode }: ObservedContainer): boolean {
  const spec = findContainer(pod, name)?.spec;
  return spec !== undefined && !restartsAfter(pod, spec, exitCode) && !restartsAll(pod, state);
}

function probeSeries(pod: Pod, kind: string, container: string): Record<string, string> {
  const { name, namespace } = pod.metadata;
  return { probe_type: kind, container, pod: name, namespace };
}

function serviceAddress(url: string | undefined): { host: string; port: number } | undefined {
  if (url === undefined) return undefined;
  const { hostname, port } = new URL(url);
  return { host: hostname, port: port === '' ? 443 : Number(port) };
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
