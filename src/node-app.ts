/** One virtual node, put together: its host, its sources, its loop, its workers. Composition only. */
import type { Config, NodeConfig } from './config/schema.ts';
import { parseYaml } from './config/yaml.ts';
import { connectCri } from './cri/connect.ts';
import { readResolvConf, type ResolvConf } from './hosts/facts.ts';
import { Host } from './hosts/host.ts';
import { unixLink } from './hosts/unix-link.ts';
import { Collection } from './kube/collection.ts';
import type { KubeConnection } from './kube/connect.ts';
import { Events } from './kube/events.ts';
import { MirrorPods } from './kube/mirror-pods.ts';
import { paths } from './kube/paths.ts';
import { PodObjects } from './kube/pod-objects.ts';
import { StatusWriter } from './kube/status-writer.ts';
import { Tokens } from './kube/tokens.ts';
import { watchObjects } from './kube/watch.ts';
import { findContainer } from './model/containers.ts';
import type { Pod, RuntimeClass, Service } from './model/kube.ts';
import { annotations, labels } from './model/labels.ts';
import type { Log } from './model/log.ts';
import { podReference } from './model/pod-ref.ts';
import { isStaticPod, podFullName } from './model/pod-source.ts';
import { quantityValue } from './model/quantity.ts';
import type { ObservedContainer, PodRuntimeState } from './model/runtime-state.ts';
import { VirtualNode } from './node/virtual-node.ts';
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
import { PullRate } from './runtime/pull-rate.ts';
import { restartsAll } from './runtime/restart-all.ts';
import { RestartBackoff } from './runtime/restart-backoff.ts';
import { restartsAfter } from './runtime/restart-decision.ts';
import { RuntimeCache } from './runtime/runtime-cache.ts';
import type { LinuxHost } from './runtime/settings.ts';
import { StartErrors } from './runtime/start-errors.ts';
import { HeldView } from './sources/held-view.ts';
import { ManifestFolder } from './sources/manifest-folder.ts';
import { PodChanges, type PodView } from './sources/pod-changes.ts';
import { Pleg } from './sources/pleg.ts';
import { staticOwner } from './sources/static-owner.ts';
import { admitPod } from './sync/admission.ts';
import { OrphanWatch } from './sync/housekeeping.ts';
import { PodTable } from './sync/pod-table.ts';
import { SyncLoop } from './sync/sync-loop.ts';
import { SyncQueue } from './sync/sync-queue.ts';
import { loggedEvents } from './telemetry/logged-events.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { orAbort } from './util/abort.ts';
import { jittered } from './util/backoff.ts';
import type { Clock } from './util/clock.ts';
import { SubPaths } from './volumes/sub-paths.ts';
import { PodVolumes } from './volumes/pod-volumes.ts';
import { PodWorkers } from './workers/pod-workers.ts';

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
  run(): Promise<void>;
  stop(options: { signal: AbortSignal }): Promise<void>;
}

const HOUSEKEEPING_MS = 2_000;
const COLLECT_MS = 60_000;
const MIRROR_RETRY_MS = 10_000;

export function buildNode(options: NodeAppOptions): NodeApp {
  const { config, node, nodeIP, cluster, kube, clock, signal } = options;
  const log = options.log.child({ node: node.name });
  const hostConfig = node.hosts[0];
  if (hostConfig === undefined) throw new Error(`node ${node.name} has no host`);

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
  const link = unixLink(hostConfig);
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
  const host = new Host({ link, cri, clock, log });
  const cache = new RuntimeCache({ clock });
  const queue = new SyncQueue();
  const table = new PodTable();
  const ownStatic = staticOwner(node);
  let clusterId: string | undefined;
  const filesSeen = Promise.withResolvers<undefined>();
  const apiSeen = Promise.withResolvers<undefined>();
  const allSourcesSeen = Promise.all([
    ...(node.staticPodPath === undefined ? [] : [filesSeen.promise]),
    ...(cluster === undefined ? [] : [apiSeen.promise]),
  ]);
  let haveAllSources = false;
  const pleg = new Pleg({
    cri,
    cache,
    clock,
    log,
    owner: { [labels.node]: node.name },
    owns: ({ [labels.cluster]: owner }) =>
      owner === ownStatic || (clusterId !== undefined && owner === clusterId),
    onChanges: (changes) => {
      for (const { pod, kind } of changes) if (kind === 'container-started') prober.trigger(pod.uid);
      queue.pleg(changes);
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
  const virtualNode = new VirtualNode({
    identity: {
      name: node.name,
      ip: nodeIP,
      port: node.port,
      labels: node.labels,
      maxPods: config.maxPods,
      systemReserved: config.systemReserved,
      evictionHard: config.evictionHard,
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
      for (const uid of uids) queue.due(uid);
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
  const volumes = new PodVolumes({
    files: link.files,
    paths: hostPaths,
    events,
    clock,
    log,
    sources: {
      configMap: objects.configMap.bind(objects),
      secret: objects.secret.bind(objects),
      token: tokens.get.bind(tokens),
    },
    node: () => ({
      ...virtualNode.info(),
      memoryBytes: quantityValue(virtualNode.info().allocatable.memory),
    }),
    podIPs: (uid) => cache.get(uid)?.ips ?? [],
    observe: ({ plugin, operation, failed, seconds }) => {
      metrics.storage_operation_duration_seconds.observe(
        {
          volume_plugin: plugin,
          operation_name: operation,
          status: failed ? 'fail-unknown' : 'success',
          migrated: 'false',
        },
        seconds,
      );
    },
  });
  const settings = {
    node: node.name,
    get cluster() {
      return clusterId ?? '';
    },
    staticOwner: ownStatic,
    paths: hostPaths,
    clusterDNS: config.clusterDNS,
    clusterDomain: config.clusterDomain,
    kubernetesService: serviceAddress(config.kubernetesServiceAddress),
    seccompDefault: config.seccompDefault,
    cpuCFSQuota: config.cpuCFSQuota,
    cpuCFSQuotaPeriod: 100_000,
  };
  let resolvConf: ResolvConf | undefined;
  const hostDns = async (rest: { signal: AbortSignal }): Promise<ResolvConf | undefined> => {
    if (config.resolvConf === '') return undefined;
    // only what could be read is kept: a failure, or a sync that was called off, must not hold for later pods
    resolvConf ??= await readResolvConf(link.files, config.resolvConf, rest);
    return resolvConf;
  };
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
    images: new ImagePuller({
      cri,
      events,
      clock,
      width: config.serializeImagePulls ? 1 : (config.maxParallelImagePulls ?? Number.MAX_SAFE_INTEGER),
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
    subPaths: new SubPaths({ volumes }),
    restarts: new RestartBackoff({ maxMs: config.crashLoopBackOff.maxContainerRestartPeriod }),
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
      if (state === undefined || container === undefined) return undefined;
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
  const mirrors = new MirrorPods({
    client: kube,
    log,
    signal,
    node: () => virtualNode.node(),
    onFailed: (fullName) => {
      clock.after(jittered(MIRROR_RETRY_MS, 0.5), () => {
        dueStatic(fullName);
      });
    },
  });
  const dueStatic = (fullName: string): void => {
    const pod = table.findStatic(fullName);
    if (pod !== undefined) queue.due(pod.metadata.uid);
  };
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
  const orphans = new OrphanWatch();
  const loop = new SyncLoop({
    queue,
    table,
    workers,
    clock,
    log,
    sourcesReady: Promise.all([pleg.relisted(), virtualNode.known]).then(() => undefined),
    admit: (pod, active) =>
      admitPod({ pod, active, node: virtualNode.info(), taints: virtualNode.node()?.spec?.taints ?? [] }),
    onRejected: (pod, verdict) => {
      metrics.kubelet_admission_rejections_total.inc({ reason: verdict.reason });
      events.event(podReference(pod), 'Warning', verdict.reason, verdict.message);
      status.set(pod, { status: rejectedStatus(pod, verdict, clock.now()), mayRun: false });
    },
    onReconcile: (pod) => {
      if (!isStaticPod(pod)) status.observed(pod);
    },
    onMirror: (change) => {
      mirrors.observed(change);
      const fullName = podFullName(change.pod);
      const own = table.findStatic(fullName);
      if (own === undefined) return;
      status.mirrored(own, mirrors.get(fullName));
      queue.due(own.metadata.uid);
    },
    onRemoved: ({ metadata }) => {
      status.forget(metadata.uid);
      running.delete(metadata.uid);
    },
    housekeeping: () => {
      workers.startWaiting();
      if (!haveAllSources) return;
      mirrors.collect((fullName) => table.findStatic(fullName) !== undefined || workers.holdsName(fullName));
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
  const tracked = (source: 'api' | 'file', seen: () => void): ((view: PodView) => void) => {
    const changes = new PodChanges({ source, now: () => clock.now() });
    return (view) => {
      queue.config(changes.apply(view));
      if (view.type === 'reset') seen();
    };
  };
  const apiPods = new HeldView(
    tracked('api', () => {
      apiSeen.resolve(undefined);
    }),
  );
  const filePods = tracked('file', () => {
    filesSeen.resolve(undefined);
  });
  const folder =
    node.staticPodPath === undefined
      ? undefined
      : new ManifestFolder({
          path: node.staticPodPath,
          node: node.name,
          everyMs: config.fileCheckFrequency,
          parse: parseYaml,
          clock,
          log,
          onPods: (pods) => {
            filePods({ type: 'reset', items: pods });
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
    for (const [name, depth] of Object.entries(queue.depth()))
      metrics.farlet_queue_depth.set({ queue: name }, depth);
  }

  const watchPods = (): Promise<void> =>
    watchObjects<Pod>(
      {
        client: kube,
        clock,
        log,
        path: paths.pods,
        what: 'pods',
        fieldSelector: `spec.nodeName=${node.name}`,
        onEvent: (event) => {
          apiPods.apply(event);
        },
      },
      { signal },
    );
  /** The cluster, once its API server has told which it is. */
  const followCluster = async (): Promise<void> => {
    if (cluster === undefined) return;
    clusterId = await orAbort(cluster, signal);
    const ready = Promise.all([
      // from here on the cluster's pods are owned: none may be judged before they have been looked for
      pleg.relisted(),
      services.synced,
      runtimeClasses.synced,
      virtualNode.registered,
    ]).then(() => {
      apiPods.release();
      for (const pod of table.all()) if (isStaticPod(pod)) mirrors.ensure(pod);
    });
    await Promise.all([services.run(signal), runtimeClasses.run(signal), watchPods(), ready]);
  };
  /** The links to containers' logs lie in a folder of their own, which nothing else makes. */
  const makeLogFolder = async (): Promise<void> => {
    await orAbort(virtualNode.known, signal);
    await link.files.apply([{ op: 'mkdir', path: hostPaths.containerLogsDir, mode: 0o755 }], { signal });
  };
  const tick = async (everyMs: number, work: () => unknown): Promise<void> => {
    for (;;) {
      await clock.sleep(everyMs, { signal });
      await work();
    }
  };
  const collect = async (): Promise<void> => {
    if (host.state().at !== 'ready') return;
    const forgettable = (uid: string): boolean =>
      haveAllSources && table.get(uid) === undefined && workers.state(uid) === undefined;
    const gone = await collector.collect(cache.states(), forgettable, { signal });
    for (const { uid, id } of [...gone.containers, ...gone.sandboxes]) cache.removed(uid, id);
    const folders = await volumes.podFolders({ signal });
    for (const uid of folders)
      if (forgettable(uid) && cache.get(uid) === undefined) await volumes.unmount(uid, { signal });
  };

  return {
    name: node.name,
    host,
    metrics,
    table,
    cache,
    status,
    loop,
    run: async () => {
      await Promise.all([
        host.run(signal),
        pleg.run(signal),
        virtualNode.run(signal),
        recorder?.run(signal),
        folder?.run(signal),
        followCluster(),
        allSourcesSeen.then(() => {
          haveAllSources = true;
        }),
        makeLogFolder(),
        loop.run(signal),
        tick(HOUSEKEEPING_MS, () => {
          queue.housekeeping();
        }),
        loop.started.then(() =>
          tick(COLLECT_MS, () =>
            collect().catch((error: unknown) => {
              log.warn({ err: error }, 'collection failed');
            }),
          ),
        ),
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
