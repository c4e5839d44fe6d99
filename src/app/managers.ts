/** What keeps a node's host in order beside the pods' own workers: images, logs, dead things, evictions. Composition only. */
import type { Config } from './config/schema.ts';
import { Evictor } from '../resources/eviction/evictor.ts';
import { refusedUnderPressure } from '../resources/eviction/admit-under-pressure.ts';
import { UsageReader } from '../resources/eviction/read-usage.ts';
import { DiskLayoutReader } from '../hosts/disk-layout.ts';
import type { Host } from '../hosts/host.ts';
import { HostMonitor, type HostWatcher } from '../hosts/host-monitor.ts';
import { defaultEvictionHard, evictionThresholds } from '../model/eviction-thresholds.ts';
import type { EventRecorder } from '../model/events.ts';
import { isDefect, type Faults } from '../model/faults.ts';
import type { ObjectReference, Pod } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import type { NodePressure } from '../model/node-pressure.ts';
import type { HostPaths } from '../model/paths.ts';
import type { PodLifecycleEvent } from '../model/pod-update.ts';
import { DeadContainers } from '../runtime/gc/dead-containers.ts';
import type { GarbageCollector } from '../runtime/gc/garbage-collector.ts';
import { ImageCollector } from '../runtime/images/image-collector.ts';
import { withDefaultTag } from '../runtime/images/image-reference.ts';
import { LogLinks } from '../runtime/logs/log-links.ts';
import { LogRotator } from '../runtime/logs/log-rotator.ts';
import type { PullAccess } from '../runtime/images/pull-access.ts';
import type { RuntimeCache } from '../runtime/observed/runtime-cache.ts';
import { OrphanWatch } from '../sync/housekeeping.ts';
import type { PodTable } from '../sync/pod-table.ts';
import { quantityValue } from '../model/quantity-text.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { untilBeat } from '../util/beat.ts';
import { supervise } from '../util/supervise.ts';
import type { Clock } from '../util/clock.ts';
import type { PodVolumes } from '../pods/volumes/pod-volumes.ts';
import type { PodWorkers } from '../sync/workers/pod-workers.ts';

export interface NodeManagersOptions {
  readonly config: Config;
  readonly host: Host;
  readonly paths: HostPaths;
  /** labels of everything that this node has on the runtime */
  readonly owner: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly node: ObjectReference;
  readonly metrics: Metrics;
  readonly cache: RuntimeCache;
  readonly table: PodTable;
  readonly workers: PodWorkers;
  /** every source has told of its pods; before, any pod may be somebody's */
  readonly haveAllSources: () => boolean;
  /** the node has yet to find out whether the pod is this host's */
  readonly isUnsettled: (uid: string) => boolean;
  readonly collector: GarbageCollector;
  readonly volumes: PodVolumes;
  readonly pullAccess: PullAccess;
  /** removes the cgroups of pods that nobody knows */
  readonly sweepCgroups: (
    isUnknown: (uid: string) => boolean,
    options: { signal: AbortSignal },
  ) => Promise<void>;
  /** the newest status of a pod, written or not */
  readonly reasonOf: (uid: string) => string | undefined;
  readonly onPressure: () => void;
  readonly faults: Faults;
  readonly signal: AbortSignal;
}

export interface NodeManagers {
  pressures(): readonly NodePressure[];
  admit(pod: Pod): ReturnType<typeof refusedUnderPressure>;
  seen(changes: readonly PodLifecycleEvent[]): void;
  /** Until the signal aborts. */
  run(): Promise<void>;
}

/** Kubelet: ContainerGCPeriod and ImageGCPeriod. */
const COLLECT_MS = 60_000;
const IMAGES_MS = 300_000;

/** evictionHard as it counts: with the defaults of signals that it does not name, if they are to be merged. */
export function effectiveEvictionHard(
  config: Pick<Config, 'evictionHard' | 'mergeDefaultEvictionSettings'>,
): Readonly<Record<string, string>> {
  return config.mergeDefaultEvictionSettings
    ? { ...defaultEvictionHard, ...config.evictionHard }
    : config.evictionHard;
}

export function buildManagers(options: NodeManagersOptions): NodeManagers {
  const { config, host, paths, clock, log, events, node, metrics, cache, table, workers, signal } = options;
  const { collector, volumes, pullAccess } = options;
  const { cri } = host;
  const { files } = host.link;
  const disks = new DiskLayoutReader({ cri, files, rootDir: paths.rootDir });
  const isOver = (uid: string): boolean => {
    const at = workers.state(uid)?.at;
    return at === undefined || at === 'finished';
  };
  const isUnknown = (uid: string): boolean =>
    options.haveAllSources() &&
    table.get(uid) === undefined &&
    workers.state(uid) === undefined &&
    !options.isUnsettled(uid);
  /** ShouldPodContentBeRemoved: what is left of pods that are gone, or were evicted, serves nobody. */
  const isForgettable = (uid: string): boolean =>
    isUnknown(uid) || (workers.state(uid)?.at === 'finished' && options.reasonOf(uid) === 'Evicted');
  const collect = async (
    forgettable: (uid: string) => boolean,
    rest: { signal: AbortSignal },
  ): Promise<void> => {
    // what is not known of a pod may be what the known is needed for
    const states = cache.states().filter(({ fault }) => fault === undefined);
    const gone = await collector.collect(states, forgettable, rest);
    for (const { uid, id } of [...gone.containers, ...gone.sandboxes]) cache.removed(uid, id);
  };

  const images = new ImageCollector({
    cri,
    policy: {
      highPercent: config.imageGCHighThresholdPercent,
      lowPercent: config.imageGCLowThresholdPercent,
      minAgeMs: config.imageMinimumGCAge,
      maxAgeMs: config.imageMaximumGCAge,
    },
    clock,
    log,
    events,
    node,
    imageFs: async (rest) => files.usage((await disks.read(rest)).imageMount, rest),
    mountedImages: () => mountedImages(table.all().filter(({ metadata }) => !isOver(metadata.uid))),
    onRemoved: (reason) => {
      metrics.kubelet_image_garbage_collected_total.inc({ reason });
    },
    onCollected: (left) => {
      pullAccess.prune(left, { signal }).catch((error: unknown) => {
        if (!signal.aborted) log.warn({ err: error }, 'records of image pulls could not be pruned');
      });
    },
  });
  const evictor = new Evictor({
    files,
    layout: (rest) => disks.read(rest),
    usage: new UsageReader({ cri, files, paths, owner: options.owner }),
    thresholds: evictionThresholds({ ...config, evictionHard: effectiveEvictionHard(config) }),
    transitionMs: config.evictionPressureTransitionPeriod,
    maxPodGraceSeconds: config.evictionMaxPodGracePeriod,
    clock,
    log,
    events,
    node,
    activePods: () =>
      table
        .all()
        .filter(({ metadata: { uid } }) => workers.state(uid)?.at === 'syncing' && !table.isRejected(uid)),
    kill: workers.kill.bind(workers),
    isStopped: (uid) => isOver(uid) || workers.state(uid)?.at === 'finishing',
    isOver,
    reclaim: {
      containers: (rest) => collect((uid) => isUnknown(uid) || workers.state(uid)?.at === 'finished', rest),
      images: images.deleteUnused.bind(images),
    },
    onPressure: options.onPressure,
    onEvicted: (eviction_signal) => {
      metrics.kubelet_evictions.inc({ eviction_signal });
    },
  });
  const monitor = new HostMonitor({
    files,
    clock,
    log,
    isReady: () => host.state().at === 'ready',
    watchers: [evictor, ...logWatchers(options)],
  });
  const links = new LogLinks({
    files,
    folder: paths.containerLogsDir,
    isRunning: (id) =>
      cache
        .states()
        .some(({ containers }) => containers.some((each) => each.id === id && each.state !== 'exited')),
  });
  const dead = new DeadContainers({
    state: cache.get.bind(cache),
    collect: collector.afterDeath.bind(collector),
    onGone: cache.removed.bind(cache),
    signal,
  });
  const strangers = new OrphanWatch();
  /** Folders of pods that nobody knows: two rounds in a row, and no sandbox on the whole runtime is theirs. */
  const collectFolders = async (): Promise<void> => {
    const unknown = (await volumes.podFolders({ signal })).filter(
      (uid) => isUnknown(uid) && cache.get(uid) === undefined,
    );
    const orphans = strangers.next(
      unknown.map((uid) => ({ uid, name: '', namespace: '' })),
      () => false,
    );
    if (orphans.length === 0) return;
    const { items } = await cri.listPodSandbox({}, { signal });
    const alive = new Set(items.map(({ metadata }) => metadata?.uid));
    for (const { uid } of orphans) if (!alive.has(uid)) await volumes.unmount(uid, { signal });
  };
  const collectsImages = config.imageGCHighThresholdPercent < 100 || config.imageMaximumGCAge > 0;
  const every = async (what: string, ms: number, work: () => Promise<void>): Promise<void> => {
    for (;;) {
      if (host.state().at === 'ready')
        await work().catch((error: unknown) => {
          signal.throwIfAborted();
          if (isDefect(error)) options.faults.report('collection', error);
          else log.warn({ err: error }, `collection of ${what} failed`);
        });
      await clock.sleep(untilBeat(clock.monotonic(), ms), { signal });
    }
  };
  const supervised = { faults: options.faults, clock, signal };

  return {
    pressures: () => evictor.pressures(),
    admit: (pod) => refusedUnderPressure(pod, evictor.pressures()),
    seen: dead.seen.bind(dead),
    run: async () => {
      await Promise.all([
        supervise('host-monitor', (life) => monitor.run(life), supervised),
        every('what is dead', COLLECT_MS, async () => {
          await collect(isForgettable, { signal });
          await options.sweepCgroups(isUnknown, { signal });
          await collectFolders();
        }),
        every('images and links', IMAGES_MS, async () => {
          if (collectsImages) await images.collect({ signal });
          await links.clean({ signal });
        }),
      ]);
    },
  };
}

function logWatchers({ config, host, cache, clock, log }: NodeManagersOptions): HostWatcher[] {
  const maxBytes = Number(quantityValue(config.containerLogMaxSize));
  if (maxBytes < 0) return [];
  return [
    new LogRotator({
      cri: host.cri,
      files: host.link.files,
      clock,
      log,
      states: cache.states.bind(cache),
      maxBytes,
      maxFiles: config.containerLogMaxFiles,
      workers: config.containerLogMaxWorkers,
      everyMs: config.containerLogMonitorInterval,
    }),
  ];
}

function mountedImages(pods: readonly Pod[]): string[] {
  return pods.flatMap(({ spec }) =>
    (spec.volumes ?? []).flatMap(({ image }) => {
      const reference = image?.reference ?? '';
      if (reference === '') return [];
      try {
        return [withDefaultTag(reference)];
      } catch {
        return [reference];
      }
    }),
  );
}
