/**
 * What keeps a node's host in order beside the pods' own workers: images, logs, dead things, evictions.
 * Composition only.
 */
import type { Config } from '../config/schema.ts';
import type { HostContext } from './host-context.ts';
import type { PodCgroups } from '../../resources/cgroups/pod-cgroups.ts';
import { Evictor, type EvictorOptions } from '../../resources/eviction/evictor.ts';
import { refusedUnderPressure } from '../../resources/eviction/admit-under-pressure.ts';
import { UsageReader } from '../../resources/eviction/usage-reader.ts';
import { DiskLayoutReader } from '../../hosts/disk-layout-reader.ts';
import { HostMonitor, type HostWatcher } from '../../hosts/host-monitor.ts';
import { defaultEvictionHard, evictionThresholds } from '../../model/eviction-thresholds.ts';
import { isDefect } from '../../model/faults.ts';
import type { Pod } from '../../model/kube.ts';
import type { NodePressure } from '../../model/node-info.ts';
import type { PodLifecycleEvent } from '../../model/pod-update.ts';
import { DeadContainers } from '../../runtime/gc/dead-containers.ts';
import type { GarbageCollector } from '../../runtime/gc/garbage-collector.ts';
import { ImageCollector } from '../../runtime/images/image-collector.ts';
import { withDefaultTag } from '../../runtime/images/image-reference.ts';
import { LogLinks } from '../../runtime/logs/log-links.ts';
import { LogRotator } from '../../runtime/logs/log-rotator.ts';
import type { PullAccess } from '../../runtime/images/pull-access.ts';
import { quantityValue } from '../../model/quantity-text.ts';
import { OrphanedFolders } from '../../sync/orphaned-folders.ts';
import { supervise } from '../../util/supervise.ts';
import type { PodVolumes } from '../../pods/volumes/pod-volumes.ts';

export interface ManagedParts {
  readonly collector: GarbageCollector;
  readonly volumes: PodVolumes;
  readonly pullAccess: PullAccess;
  readonly cgroups: PodCgroups;
}

export interface HostManagers {
  pressures(): readonly NodePressure[];
  admit(pod: Pod): ReturnType<typeof refusedUnderPressure>;
  observed(changes: readonly PodLifecycleEvent[]): void;
  /** Until the signal aborts. */
  run(): Promise<void>;
}

/** Kubelet: ContainerGCPeriod and ImageGCPeriod. */
const COLLECT_MS = 60_000;
const IMAGES_MS = 300_000;

/**
 * evictionHard as it counts: with the defaults of signals that it does not name, if they are to be merged.
 */
export function effectiveEvictionHard(
  config: Pick<Config, 'evictionHard' | 'mergeDefaultEvictionSettings'>,
): Readonly<Record<string, string>> {
  return config.mergeDefaultEvictionSettings
    ? { ...defaultEvictionHard, ...config.evictionHard }
    : config.evictionHard;
}

export function buildManagers(context: HostContext, parts: ManagedParts): HostManagers {
  const { config, host, paths, cache, unknown, faults, clock, signal } = context;
  const { collector, volumes, pullAccess, cgroups } = parts;
  const { cri, link } = host;
  const disks = new DiskLayoutReader({ cri, files: link.files, rootDir: paths.rootDir });
  const collect = collectionBy(collector, context);
  const images = buildImageCollector(context, { disks, pullAccess });
  const evictor = buildEvictor(context, {
    disks,
    reclaim: {
      containers: (options) => collect(unknown.isReclaimable.bind(unknown), options),
      images: images.deleteUnused.bind(images),
    },
  });
  const monitor = buildMonitor(context, [evictor, ...logWatchers(context)]);
  const links = buildLogLinks(context);
  const dead = new DeadContainers({
    state: cache.get.bind(cache),
    collect: collector.afterDeath.bind(collector),
    onGone: cache.removed.bind(cache),
    signal,
  });
  const folders = buildOrphanedFolders(context, volumes);
  const collectsImages = config.imageGCHighThresholdPercent < 100 || config.imageMaximumGCAge > 0;

  return {
    pressures: () => evictor.pressures(),
    admit: (pod) => refusedUnderPressure(pod, evictor.pressures()),
    observed: dead.observed.bind(dead),
    run: async () => {
      await Promise.all([
        supervise('host-monitor', (life) => monitor.run(life), { faults, clock, signal }),
        periodically(context, 'what is dead', COLLECT_MS, async () => {
          await collect(unknown.isForgettable.bind(unknown), { signal });
          await cgroups.sweep(unknown.isUnknown.bind(unknown), { signal });
          await folders.collect({ signal });
        }),
        ...(collectsImages
          ? [periodically(context, 'images', IMAGES_MS, () => images.collect({ signal }))]
          : []),
        later(context, IMAGES_MS, () =>
          periodically(context, 'links to logs', IMAGES_MS, () => links.clean({ signal })),
        ),
      ]);
    },
  };
}

interface Cancellable {
  readonly signal: AbortSignal;
}

/** While the host is ready: at once, and then on each beat. What fails is tried again with the next. */
async function periodically(
  { host, faults, clock, log, signal }: HostContext,
  what: string,
  ms: number,
  work: () => Promise<void>,
): Promise<void> {
  for (;;) {
    if (host.state().at === 'ready')
      await work().catch((error: unknown) => {
        signal.throwIfAborted();
        if (isDefect(error)) faults.report('collection', error);
        else log.warn({ err: error }, `collection of ${what} failed`);
      });
    await clock.sleep(host.beat.until(ms), { signal });
  }
}

/** From the first beat on: what can wait is not begun while everything else of a host is. */
async function later(
  { host, clock, signal }: HostContext,
  ms: number,
  work: () => Promise<void>,
): Promise<void> {
  await clock.sleep(host.beat.until(ms), { signal });
  await work();
}

/** Collects what is dead of pods that may be forgotten, as far as all of a pod is known. */
function collectionBy(collector: GarbageCollector, { cache }: HostContext) {
  return async (isForgettable: (uid: string) => boolean, options: Cancellable): Promise<void> => {
    // what is not known of a pod may be what the known is needed for
    const states = cache.states().filter(({ fault }) => fault === undefined);
    const gone = await collector.collect(states, isForgettable, options);
    for (const { uid, id } of [...gone.containers, ...gone.sandboxes]) cache.removed(uid, id);
  };
}

function buildMonitor({ host, clock, log }: HostContext, watchers: HostWatcher[]): HostMonitor {
  const isReady = (): boolean => host.state().at === 'ready';
  return new HostMonitor({ files: host.link.files, beat: host.beat, clock, log, isReady, watchers });
}

function buildOrphanedFolders({ host, cache, unknown }: HostContext, volumes: PodVolumes): OrphanedFolders {
  return new OrphanedFolders({
    volumes,
    isUnknown: (uid) => unknown.isUnknown(uid) && cache.get(uid) === undefined,
    sandboxes: async (options) => {
      const { items } = await host.cri.listPodSandbox({}, options);
      return new Set(items.map(({ metadata }) => metadata?.uid ?? ''));
    },
  });
}

function buildImageCollector(
  { config, host, view, table, unknown, metrics, events, clock, log, signal }: HostContext,
  { disks, pullAccess }: { disks: DiskLayoutReader; pullAccess: PullAccess },
): ImageCollector {
  const { cri, link } = host;
  return new ImageCollector({
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
    node: view.reference(),
    imageFs: async (options) => link.files.usage((await disks.read(options)).imageMount, options),
    mountedImages: () => mountedImages(table.all().filter(({ metadata }) => !unknown.isOver(metadata.uid))),
    onRemoved: (reason) => {
      metrics.kubelet_image_garbage_collected_total.inc({ reason });
    },
    onCollected: (left) => {
      pullAccess.prune(left, { signal }).catch((error: unknown) => {
        if (!signal.aborted) log.warn({ err: error }, 'records of image pulls could not be pruned');
      });
    },
  });
}

function buildEvictor(
  context: HostContext,
  { disks, reclaim }: { disks: DiskLayoutReader; reclaim: EvictorOptions['reclaim'] },
): Evictor {
  const { config, host, paths, owner, view, table, workers, unknown, metrics, events, clock, log } = context;
  const { files } = host.link;
  const at = (uid: string): string | undefined => workers.state(uid)?.at;
  return new Evictor({
    files,
    layout: (options) => disks.read(options),
    usage: new UsageReader({ cri: host.cri, files, paths, owner }),
    thresholds: evictionThresholds({ ...config, evictionHard: effectiveEvictionHard(config) }),
    transitionMs: config.evictionPressureTransitionPeriod,
    maxPodGraceSeconds: config.evictionMaxPodGracePeriod,
    clock,
    log,
    events,
    node: view.reference(),
    activePods: () =>
      table.all().filter(({ metadata: { uid } }) => at(uid) === 'syncing' && !table.isRejected(uid)),
    kill: workers.kill.bind(workers),
    isStopped: (uid) => unknown.isOver(uid) || at(uid) === 'finishing',
    isOver: unknown.isOver.bind(unknown),
    reclaim,
    onPressure: view.statusSoon.bind(view),
    onEvicted: (eviction_signal) => {
      metrics.kubelet_evictions.inc({ eviction_signal });
    },
  });
}

function buildLogLinks({ host, paths, cache }: HostContext): LogLinks {
  return new LogLinks({
    files: host.link.files,
    folder: paths.containerLogsDir,
    running: () =>
      new Set(
        cache
          .states()
          .flatMap(({ containers }) => containers.filter(({ state }) => state !== 'exited'))
          .map(({ id }) => id),
      ),
  });
}

function logWatchers({ config, host, cache, clock, log }: HostContext): HostWatcher[] {
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
