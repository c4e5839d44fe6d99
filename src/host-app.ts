/** One host of a virtual node, put together: its runtime, its pods' loop and workers, what keeps it in order. Composition only. */
import type { Config, NodeConfig } from './config/schema.ts';
import { readResolvConf, type ResolvConf } from './hosts/facts.ts';
import type { Host } from './hosts/host.ts';
import type { EventRecorder } from './model/events.ts';
import type { Pod } from './model/kube.ts';
import { labels } from './model/labels.ts';
import type { Log } from './model/log.ts';
import type { NodePressure } from './model/node-pressure.ts';
import { podReference } from './model/pod-ref.ts';
import type { PodChange } from './model/pod-update.ts';
import { quantityValue } from './model/quantity.ts';
import type { PlegHealth } from './node/conditions.ts';
import type { NodeView } from './node/node-view.ts';
import type { NodeSources } from './node-sources.ts';
import { buildManagers, type NodeManagers } from './node-managers.ts';
import { NodeResources } from './node-resources.ts';
import { rejectedStatus } from './pods/merge-status.ts';
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
import { RestartBackoff } from './runtime/restart-backoff.ts';
import { RuntimeCache } from './runtime/runtime-cache.ts';
import type { LinuxHost } from './runtime/settings.ts';
import { StartErrors } from './runtime/start-errors.ts';
import { Pleg } from './sources/pleg.ts';
import { OrphanWatch } from './sync/housekeeping.ts';
import { PodTable } from './sync/pod-table.ts';
import { SyncLoop, type AdmissionVerdict } from './sync/sync-loop.ts';
import { SyncQueue } from './sync/sync-queue.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { Clock } from './util/clock.ts';
import type { PodVolumes } from './volumes/pod-volumes.ts';
import { SubPaths } from './volumes/sub-paths.ts';
import { PodWorkers } from './workers/pod-workers.ts';
import { buildVolumes } from './node-volumes.ts';

export interface HostAppOptions {
  readonly config: Config;
  readonly node: NodeConfig;
  readonly nodeIP: string;
  /** UID of the cluster's kube-system namespace */
  readonly cluster: string;
  readonly host: Host;
  readonly view: NodeView;
  readonly sources: NodeSources;
  readonly metrics: Metrics;
  readonly events: EventRecorder;
  /** resolves once the pods of the node have been listed */
  readonly podsListed: Promise<unknown>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** A host as its node, and the kubelet API, work with it. */
export interface HostApp {
  readonly host: Host;
  readonly table: PodTable;
  readonly cache: RuntimeCache;
  readonly status: NodeSources['status'];
  readonly loop: SyncLoop;
  readonly queue: SyncQueue;
  pleg(): PlegHealth;
  pressures(): readonly NodePressure[];
  /** What admission would say of the pod beside these, taking nothing. */
  verdictOn(pod: Pod, beside: readonly Pod[]): AdmissionVerdict;
  deliver(changes: readonly PodChange[]): void;
  /** An object that these pods refer to came, changed or went. */
  objectsChanged(uids: readonly string[]): void;
  volumeTotals(): ReturnType<PodVolumes['totals']>;
  run(): Promise<void>;
  /** Resolves once no step runs; then the link is closed. */
  stop(): Promise<void>;
}

const HOUSEKEEPING_MS = 2_000;
const CRASH_LOOP_MAX_MS = 300_000;

export function buildHost(options: HostAppOptions): HostApp {
  const { config, node, nodeIP, cluster, host, view, metrics, events, clock, signal } = options;
  const { objects, services, runtimeClasses, tokens, status, volumeObjects } = options.sources;
  const log = node.hosts.length === 1 ? options.log : options.log.child({ host: host.name });
  const { link, cri } = host;
  const cache = new RuntimeCache({ clock });
  const queue = new SyncQueue();
  const table = new PodTable();
  const owner = { [labels.node]: node.name, [labels.cluster]: cluster };
  const plegSynced = Promise.withResolvers<undefined>();
  const pleg = new Pleg({
    cri,
    cache,
    clock,
    log,
    owner,
    onChanges: (changes) => {
      for (const { pod, kind } of changes) if (kind === 'container-started') prober.trigger(pod.uid);
      queue.pleg(changes);
      managers.seen(changes);
    },
    onSynced: () => {
      plegSynced.resolve(undefined);
      view.statusSoon();
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
      memoryBytes: quantityValue(view.info().allocatable.memory),
    }),
  });
  const settings = {
    node: node.name,
    cluster,
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
    signal,
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
    linuxHost: () => linuxHost(view),
    node: () => view.info(),
    nodeReference: view.reference(),
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
    restarts: new RestartBackoff({ maxMs: CRASH_LOOP_MAX_MS }),
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
        over: container.state === 'exited' && pod?.spec.restartPolicy === 'Never',
      };
    },
    pod: (uid) => {
      const state = workers.state(uid)?.at;
      return state === 'syncing' || state === 'stopping' ? table.get(uid) : undefined;
    },
    onResult: (uid) => {
      queue.probe(uid);
    },
    observe: ({ kind, pod, container, result }) => {
      metrics.prober_probe_total.inc({
        probe_type: kind,
        result,
        container,
        pod: pod.metadata.name,
        namespace: pod.metadata.namespace,
        pod_uid: pod.metadata.uid,
      });
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
    cgroups: resources.cgroups,
    resizes: resources.resizes,
    objects,
    status,
    observe: pleg,
    runtimeClass: (name) => runtimeClasses.get(name),
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
        Math.max(0, clock.now() - Date.parse(metadata.creationTimestamp ?? '')) / 1000,
      );
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
    owner,
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
      options.podsListed,
      plegSynced.promise,
      services.synced,
      runtimeClasses.synced,
      view.registered,
      resources.ready(plegSynced.promise),
    ]).then(() => undefined),
    admit: (pod, active, known) => managers.admit(pod) ?? resources.admit(pod, active, known),
    onPending: resources.onPending.bind(resources),
    onRejected: (pod, verdict) => {
      metrics.kubelet_admission_rejections_total.inc({ reason: verdict.reason });
      events.event(podReference(pod), 'Warning', verdict.reason, verdict.message);
      status.set(pod, { status: rejectedStatus(pod, verdict, clock.now()), mayRun: false });
    },
    onReconcile: (pod) => {
      status.observed(pod);
    },
    onRemoved: ({ metadata }) => {
      status.forget(metadata.uid);
      resources.forget(metadata.uid);
      running.delete(metadata.uid);
    },
    housekeeping: () => {
      resources.retryResizes();
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

  /** The links to containers' logs lie in a folder of their own, which nothing else makes. */
  const makeLogFolder = async (): Promise<void> => {
    await view.registered;
    await link.files.apply(
      [
        { op: 'mkdir', path: hostPaths.containerLogsDir, mode: 0o755 },
        { op: 'mkdir', path: hostPaths.rootDir, mode: 0o750 },
      ],
      { signal },
    );
  };
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
    pleg: () => ({
      silentMs: pleg.lastSeen === undefined ? undefined : clock.monotonic() - pleg.lastSeen,
      thresholdMs: pleg.thresholdMs,
    }),
    pressures: () => managers.pressures(),
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
    volumeTotals: () => volumes.totals(),
    run: async () => {
      const folders = makeLogFolder();
      await Promise.all([
        host.run(signal),
        pleg.run(signal),
        folders,
        loop.run(signal),
        resources.run(),
        housekeeping(),
        Promise.all([loop.started, folders]).then(() => managers.run()),
      ]);
    },
    stop: async () => {
      await workers.idle();
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
