/**
 * What pods take of a host's disks: writable layers and images from the runtime, logs and volumes measured.
 * Both cost the host far more than a look at its control groups, so they are asked for once a minute, sooner
 * if a container is new, at most for a twentieth of the time, and nobody waits for them longer than a moment.
 */
import type { CriClient } from '../hosts/cri/calls.ts';
import type { ContainerStats__Output } from '../hosts/cri/generated/runtime/v1/ContainerStats.ts';
import type { FilesystemUsage__Output } from '../hosts/cri/generated/runtime/v1/FilesystemUsage.ts';
import type { FsUsage, HostAnswer, HostFiles, HostQuery, TreeUsage } from '../hosts/link/link.ts';
import { specContainers } from '../model/containers.ts';
import type { Pod } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import { podLogDir, volumeDir, type HostPaths } from '../model/paths.ts';
import { podRef } from '../model/pod-ref.ts';
import { limitSignal } from '../util/abort.ts';
import type { Clock } from '../util/clock.ts';
import type { FsFigures, VolumeFigures } from './reading.ts';

export interface DiskReaderOptions {
  readonly cri: Pick<CriClient, 'listContainerStats' | 'imageFsInfo'>;
  readonly files: Pick<HostFiles, 'look'>;
  readonly paths: HostPaths;
  /** labels of everything that this node has on the runtime */
  readonly owner: Readonly<Record<string, string>>;
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'after'>;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface DiskFigures {
  readonly imageFs: FsFigures | undefined;
  readonly containerFs: FsFigures | undefined;
  /** writable layers by container id */
  readonly layers: ReadonlyMap<string, FsFigures>;
  /** by `<pod uid>/<container>` */
  readonly logs: ReadonlyMap<string, FsFigures>;
  /** by the pod's uid */
  readonly volumes: ReadonlyMap<string, readonly VolumeFigures[]>;
}

const nothing: DiskFigures = {
  imageFs: undefined,
  containerFs: undefined,
  layers: new Map(),
  logs: new Map(),
  volumes: new Map(),
};

const AGE_MS = 60_000;
/** As often as containerd itself looks at its layers. */
const NEW_MS = 10_000;
/** Measuring may take so many times less than what lies between. */
const SHARE = 20;
const WAIT_MS = 3_000;
const LIMIT_MS = 120_000;

export class DiskReader {
  readonly #options: DiskReaderOptions;
  #known: DiskFigures = nothing;
  #dueAt = -Infinity;
  #soonestAt = -Infinity;
  #running: Promise<void> | undefined;

  constructor(options: DiskReaderOptions) {
    this.#options = options;
  }

  /**
   * What is known of these pods, after a moment's wait for what is being measured. `containers`: ids of those
   * that run. Never rejects.
   */
  async read(pods: readonly Pod[], containers: readonly string[]): Promise<DiskFigures> {
    const { clock } = this.#options;
    const now = clock.monotonic();
    const isNew = containers.some((id) => !this.#known.layers.has(id));
    if (this.#running === undefined && now >= (isNew ? this.#soonestAt : this.#dueAt))
      this.#running = this.#measure(pods).finally(() => {
        this.#running = undefined;
      });
    if (this.#running !== undefined) {
      const waited = Promise.withResolvers<undefined>();
      const cancel = clock.after(WAIT_MS, () => {
        waited.resolve(undefined);
      });
      await Promise.race([this.#running, waited.promise]);
      cancel();
    }
    return this.#known;
  }

  async #measure(pods: readonly Pod[]): Promise<void> {
    const { clock, log } = this.#options;
    const signal = limitSignal(LIMIT_MS, this.#options.signal);
    const began = clock.monotonic();
    try {
      this.#known = await this.#look(pods, signal);
    } catch (error) {
      if (!this.#options.signal.aborted)
        log.warn({ err: error }, 'disk usage of pods could not be measured: usage is reported without it');
    }
    const now = clock.monotonic();
    const share = (now - began) * SHARE;
    this.#dueAt = now + Math.max(AGE_MS, share);
    this.#soonestAt = now + Math.max(NEW_MS, share);
  }

  async #look(pods: readonly Pod[], signal: AbortSignal): Promise<DiskFigures> {
    const { cri, files, owner, paths, clock } = this.#options;
    const [stats, info] = await Promise.all([
      cri.listContainerStats({ filter: { label_selector: { ...owner } } }, { signal }),
      cri.imageFsInfo({}, { signal }),
    ]);
    const image = info.image_filesystems[0];
    const layers = info.container_filesystems[0] ?? image;
    const measured = pods.flatMap((pod) => measuredOf(pod, paths));
    const mounts = [paths.rootDir, paths.podLogsDir, ...[image, layers].map(mountOf)].filter(
      (path) => path !== '',
    );
    const queries = [
      ...measured.map(({ query }) => query),
      ...mounts.map((path): HostQuery => ({ look: 'usage', path })),
    ];
    const answers = await files.look(queries, { signal });
    const at = clock.now();
    const fsAt = (path: string): FsUsage | undefined =>
      answers[measured.length + mounts.indexOf(path)]?.usage;
    const layerFs = fsAt(mountOf(layers));
    return {
      imageFs: fsFigures(fsAt(mountOf(image)), runtimeUse(image), at),
      containerFs: fsFigures(layerFs, runtimeUse(layers), at),
      layers: layerFigures(stats.stats, layerFs, at),
      ...podFigures(measured, answers, { rootFs: fsAt(paths.rootDir), logFs: fsAt(paths.podLogsDir), at }),
    };
  }
}

function layerFigures(
  stats: readonly ContainerStats__Output[],
  fs: FsUsage | undefined,
  at: number,
): DiskFigures['layers'] {
  return new Map(
    stats.flatMap(({ attributes, writable_layer: layer }): [string, FsFigures][] => {
      const used = runtimeUse(layer ?? undefined);
      return attributes === null || used === undefined ? [] : [[attributes.id, fsFigures(fs, used, at)]];
    }),
  );
}

/** The answers are those of the measured, in their order, and maybe others behind them. */
function podFigures(
  measured: readonly Measured[],
  answers: readonly HostAnswer[],
  { rootFs, logFs, at }: { rootFs: FsUsage | undefined; logFs: FsUsage | undefined; at: number },
): Pick<DiskFigures, 'logs' | 'volumes'> {
  const logs = new Map<string, FsFigures>();
  const volumes = new Map<string, VolumeFigures[]>();
  for (const [index, { uid, kind, name, query }] of measured.entries()) {
    const { tree, usage } = answers[index] ?? {};
    if (kind === 'logs') {
      if (tree !== undefined) logs.set(`${uid}/${name}`, fsFigures(logFs, tree, at));
      continue;
    }
    const figures =
      query.look === 'tree'
        ? tree && fsFigures(rootFs, tree, at)
        : usage && fsFigures(usage, wholeUse(usage), at);
    if (figures === undefined) continue;
    const own = volumes.get(uid) ?? [];
    volumes.set(uid, [...own, { ...figures, name, inMemory: query.look === 'usage' }]);
  }
  return { logs, volumes };
}

interface Measured {
  readonly uid: string;
  readonly kind: 'logs' | 'volume';
  /** of the container, or of the volume */
  readonly name: string;
  readonly query: HostQuery;
}

/**
 * Volumes that farlet has made itself; those in memory have a file system each. Others' may be held up by a
 * server.
 */
function measuredOf(pod: Pod, paths: HostPaths): Measured[] {
  const { uid } = pod.metadata;
  const logs = podLogDir(paths, podRef(pod));
  const volume = (name: string, plugin: string, look: 'tree' | 'usage'): Measured => ({
    uid,
    kind: 'volume',
    name,
    query: { look, path: volumeDir(paths, uid, `kubernetes.io~${plugin}`, name) },
  });
  return [
    ...specContainers(pod.spec).map(({ name }): Measured => ({
      uid,
      kind: 'logs',
      name,
      query: { look: 'tree', path: `${logs}/${name}` },
    })),
    ...(pod.spec.volumes ?? []).flatMap(({ name, emptyDir, configMap, secret, downwardAPI, projected }) => {
      if (emptyDir !== undefined) {
        if (emptyDir.medium === 'Memory') return [volume(name, 'empty-dir', 'usage')];
        return (emptyDir.medium ?? '') === '' ? [volume(name, 'empty-dir', 'tree')] : [];
      }
      if (configMap !== undefined) return [volume(name, 'configmap', 'tree')];
      if (secret !== undefined) return [volume(name, 'secret', 'usage')];
      if (downwardAPI !== undefined) return [volume(name, 'downward-api', 'usage')];
      return projected === undefined ? [] : [volume(name, 'projected', 'usage')];
    }),
  ];
}

function mountOf(fs: FilesystemUsage__Output | undefined): string {
  return fs?.fs_id?.mountpoint ?? '';
}

function runtimeUse(fs: FilesystemUsage__Output | undefined): TreeUsage | undefined {
  const bytes = fs?.used_bytes?.value;
  return bytes === undefined ? undefined : { bytes, inodes: fs?.inodes_used?.value ?? NaN };
}

function wholeUse({ capacityBytes, freeBytes, inodes, inodesFree }: FsUsage): TreeUsage | undefined {
  return freeBytes === undefined
    ? undefined
    : { bytes: capacityBytes - freeBytes, inodes: inodes - inodesFree };
}

/** A file system with what is used of it: all that is taken, unless `use` tells of a part. */
export function fsFigures(
  fs: FsUsage | undefined,
  use: TreeUsage | 'all' | undefined,
  at: number,
): FsFigures {
  const taken = use === 'all' ? fs && wholeUse(fs) : use;
  // some file systems count more free inodes than they have
  const inodesUsed =
    taken === undefined || taken.inodes < 0 || Number.isNaN(taken.inodes) ? undefined : taken.inodes;
  return {
    at,
    capacityBytes: fs?.capacityBytes,
    availableBytes: fs?.availableBytes,
    usedBytes: taken?.bytes,
    inodes: fs?.inodes,
    inodesFree: fs?.inodesFree,
    inodesUsed,
  };
}
