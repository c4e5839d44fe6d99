/**
 * The volumes of this node's pods on one host (pkg/kubelet/volumemanager). What is ready and unchanged costs neither a
 * round trip nor an API call; what fails is told and tried again for as long as a sync may wait.
 */
import { createHash } from 'node:crypto';
import type { FileOp, HostFiles } from '../hosts/link.ts';
import { FarletError, kindOf, messageOf } from '../model/errors.ts';
import type { EventRecorder } from '../model/events.ts';
import type { Pod } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import { podDir, podsDir, type HostPaths } from '../model/paths.ts';
import { podReference } from '../model/pod-ref.ts';
import { settledBoth, withDeadline } from '../util/abort.ts';
import { backoffMs } from '../util/backoff.ts';
import type { Clock } from '../util/clock.ts';
import { planAtomicWrite, type WrittenVersion } from './atomic-writer.ts';
import { planHostPath } from './host-path.ts';
import type { Payload } from './payload.ts';
import { readVersion } from './read-version.ts';
import { fetchPayload, type VolumeSources } from './sources.ts';
import { plannedVolumes, type PlannedVolume } from './volume-plan.ts';

export interface MountedVolume {
  readonly hostPath: string;
  readonly readOnly: boolean;
  /** made by farlet, so that its SELinux label may be changed */
  readonly managed: boolean;
}

export interface PodVolumesOptions {
  readonly files: HostFiles;
  readonly paths: HostPaths;
  readonly sources: VolumeSources;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Log;
  readonly node: () => {
    readonly allocatable: Readonly<Record<string, string>>;
    readonly ips: readonly string[];
    readonly memoryBytes: number;
  };
  readonly podIPs: (uid: string) => readonly string[];
  readonly observe: (operation: {
    plugin: string;
    operation: 'volume_mount' | 'volume_unmount';
    failed: boolean;
    seconds: number;
  }) => void;
}

interface Ready {
  readonly mounted: MountedVolume;
  readonly digest: string;
  readonly version: WrittenVersion | undefined;
  readonly renewAt: number | undefined;
}

/** pkg/kubelet/volumemanager: podAttachAndMountTimeout; nestedpendingoperations: per-volume backoff. */
const WAIT_MS = 123_000;
const retry = { baseMs: 500, maxMs: 122_000, factor: 2 };
const POD_DIR_MODE = 0o750;

export class PodVolumes {
  readonly #options: PodVolumesOptions;
  readonly #ready = new Map<string, Map<string, Ready>>();
  #serial = 0;

  constructor(options: PodVolumesOptions) {
    this.#options = options;
  }

  /**
   * Makes every volume that a container mounts ready and current, all at once. Rejects after 2 min 3 s with what is
   * missing; each failure before that is told in a FailedMount event.
   */
  async mount(pod: Pod, { signal }: { signal: AbortSignal }): Promise<ReadonlyMap<string, MountedVolume>> {
    const { paths, node } = this.#options;
    const planned = plannedVolumes(pod, paths, node().memoryBytes);
    const missing = new Set(planned.map(({ name }) => name));
    try {
      await withDeadline(signal, WAIT_MS, 'volumes', (limited) =>
        Promise.all(
          planned.map((volume) =>
            this.#untilReady(pod, volume, { signal: limited, done: () => missing.delete(volume.name) }),
          ),
        ),
      );
    } catch (error) {
      signal.throwIfAborted();
      if (kindOf(error) !== 'deadline-exceeded') throw error;
      throw new FarletError(
        'deadline-exceeded',
        `unmounted volumes=[${[...missing].join(' ')}], unattached volumes=[], failed to process volumes=[]: context deadline exceeded`,
      );
    }
    return new Map(
      [...(this.#ready.get(pod.metadata.uid) ?? [])].map(([name, { mounted }]) => [name, mounted]),
    );
  }

  /** When a token of the pod is to be renewed, ms since the epoch. */
  renewAt(uid: string): number | undefined {
    const times = [...(this.#ready.get(uid)?.values() ?? [])]
      .map(({ renewAt }) => renewAt)
      .filter((at) => at !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Where a part of a volume lies that farlet wrote itself; undefined for volumes that pods can write to. */
  written(uid: string, volume: string): { readonly path: string; readonly folder: string } | undefined {
    const ready = this.#ready.get(uid)?.get(volume);
    return ready?.version === undefined
      ? undefined
      : { path: ready.mounted.hostPath, folder: ready.version.folder };
  }

  /** Takes the pod's volumes and folder off the host. Never touches what another file system holds below. */
  async unmount(uid: string, { signal }: { signal: AbortSignal }): Promise<void> {
    const { files, paths, clock, observe } = this.#options;
    const started = clock.monotonic();
    const folder = podDir(paths, uid);
    const mounts = await files.mountsBelow(folder, { signal });
    await files.apply(
      [...mounts.map((path): FileOp => ({ op: 'unmount', path })), { op: 'remove-tree', path: folder }],
      { signal },
    );
    this.#ready.delete(uid);
    observe({
      plugin: 'kubernetes.io/pod',
      operation: 'volume_unmount',
      failed: false,
      seconds: (clock.monotonic() - started) / 1000,
    });
  }

  /** UIDs of the pods that have a folder on the host. */
  async podFolders({ signal }: { signal: AbortSignal }): Promise<string[]> {
    const { files, paths } = this.#options;
    return ((await files.list(podsDir(paths), { signal })) ?? [])
      .filter(({ type }) => type === 'directory')
      .map(({ name }) => name);
  }

  async #untilReady(
    pod: Pod,
    volume: PlannedVolume,
    { signal, done }: { signal: AbortSignal; done: () => void },
  ): Promise<void> {
    const { clock, events, observe } = this.#options;
    for (let failures = 0; ;) {
      const started = clock.monotonic();
      try {
        await this.#make(pod, volume, signal);
        done();
        return;
      } catch (error) {
        signal.throwIfAborted();
        failures += 1;
        observe({
          plugin: `kubernetes.io/${volume.kind}`,
          operation: 'volume_mount',
          failed: true,
          seconds: (clock.monotonic() - started) / 1000,
        });
        events.event(
          podReference(pod),
          'Warning',
          'FailedMount',
          `MountVolume.SetUp failed for volume "${volume.name}" : ${messageOf(error)}`,
        );
        await clock.sleep(backoffMs(retry, failures), { signal });
      }
    }
  }

  async #make(pod: Pod, volume: PlannedVolume, signal: AbortSignal): Promise<void> {
    switch (volume.kind) {
      case 'image':
        return;
      case 'unsupported':
        throw new FarletError('unimplemented', volume.reason);
      case 'host-path':
        await this.#hostPath(pod, volume, signal);
        return;
      case 'empty-dir':
        await this.#emptyDir(pod, volume, signal);
        return;
      default:
        await this.#written(pod, volume, signal);
    }
  }

  async #hostPath(
    pod: Pod,
    volume: PlannedVolume & { kind: 'host-path' },
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#isReady(pod, volume.name)) return;
    const { files } = this.#options;
    const found = volume.type === '' ? undefined : await files.stat(volume.path, { signal, follow: true });
    const ops = planHostPath(volume.path, volume.type, found);
    if (ops.length > 0) await files.apply(ops, { signal });
    this.#keep(pod, volume, { hostPath: volume.path, readOnly: false, managed: false });
  }

  async #emptyDir(
    pod: Pod,
    volume: PlannedVolume & { kind: 'empty-dir' },
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#isReady(pod, volume.name)) return;
    const fsGroup = pod.spec.securityContext?.fsGroup;
    const mode = fsGroup === undefined ? 0o777 : 0o2777;
    const owner = fsGroup === undefined ? {} : { uid: 0, gid: fsGroup };
    const ops: FileOp[] = [...this.#podFolder(pod), { op: 'mkdir', path: volume.path, mode, ...owner }];
    if (volume.memory) {
      ops.push({
        op: 'mount-tmpfs',
        path: volume.path,
        mode,
        ...(volume.sizeBytes === undefined ? {} : { sizeBytes: volume.sizeBytes }),
      });
      ops.push({ op: 'mkdir', path: volume.path, mode, ...owner });
    }
    await this.#timed(volume, () => this.#options.files.apply(ops, { signal }));
    this.#keep(pod, volume, { hostPath: volume.path, readOnly: false, managed: true });
  }

  async #written(
    pod: Pod,
    volume: PlannedVolume & { kind: 'configmap' | 'secret' | 'downward-api' | 'projected' },
    signal: AbortSignal,
  ): Promise<void> {
    const { files, node, podIPs, sources } = this.#options;
    const before = this.#ready.get(pod.metadata.uid)?.get(volume.name);
    // the folder and its tmpfs are made while the contents are on their way
    const folder = before === undefined ? this.#folder(pod, volume, signal) : Promise.resolve(undefined);
    const context = {
      sources,
      allocatable: node().allocatable,
      hostIPs: node().ips,
      podIPs: podIPs(pod.metadata.uid),
      signal,
    };
    const [version, fetched] = await settledBoth(folder, fetchPayload(pod, volume.volume, context));
    const digest = digestOf(fetched.payload);
    const mounted: MountedVolume = { hostPath: volume.path, readOnly: true, managed: true };
    const keep = (written: WrittenVersion): void => {
      this.#keep(pod, volume, mounted, { digest, version: written, renewAt: fetched.renewAt });
    };
    const known = before?.version ?? version?.written;
    if (known !== undefined && (before?.digest ?? version?.digest) === digest) {
      keep(known);
      return;
    }
    const { clock } = this.#options;
    this.#serial += 1;
    const plan = planAtomicWrite({
      path: volume.path,
      payload: fetched.payload,
      before: known,
      now: clock.now(),
      unique: `${clock.now().toString(36)}${this.#serial.toString(36)}`,
      fsGroup: pod.spec.securityContext?.fsGroup,
    });
    await this.#timed(volume, () => files.apply(plan.ops, { signal }));
    keep(plan.version);
  }

  /** Makes the volume's folder; after a restart of farlet reads what it wrote there before. */
  async #folder(
    pod: Pod,
    volume: PlannedVolume & { kind: 'configmap' | 'secret' | 'downward-api' | 'projected' },
    signal: AbortSignal,
  ): Promise<{ written: WrittenVersion; digest: string } | undefined> {
    const { files } = this.#options;
    const ops: FileOp[] = [...this.#podFolder(pod), { op: 'mkdir', path: volume.path, mode: 0o777 }];
    if (volume.tmpfs) ops.push({ op: 'mount-tmpfs', path: volume.path, mode: 0o777 });
    await files.apply(ops, { signal });
    const found = await readVersion(files, volume.path, { signal });
    return found === undefined ? undefined : { written: found.version, digest: digestOf(found.payload) };
  }

  #podFolder(pod: Pod): FileOp[] {
    const folder = podDir(this.#options.paths, pod.metadata.uid);
    return [folder, `${folder}/volumes`].map((path): FileOp => ({ op: 'mkdir', path, mode: POD_DIR_MODE }));
  }

  #isReady(pod: Pod, name: string): boolean {
    return this.#ready.get(pod.metadata.uid)?.has(name) === true;
  }

  #keep(pod: Pod, { name }: { name: string }, mounted: MountedVolume, rest?: Omit<Ready, 'mounted'>): void {
    const volumes = this.#ready.get(pod.metadata.uid) ?? new Map<string, Ready>();
    volumes.set(name, { mounted, digest: '', version: undefined, renewAt: undefined, ...rest });
    this.#ready.set(pod.metadata.uid, volumes);
  }

  async #timed(volume: PlannedVolume, work: () => Promise<void>): Promise<void> {
    const { clock, observe } = this.#options;
    const started = clock.monotonic();
    await work();
    observe({
      plugin: `kubernetes.io/${volume.kind}`,
      operation: 'volume_mount',
      failed: false,
      seconds: (clock.monotonic() - started) / 1000,
    });
  }
}

/** Names and contents; modes alone are not rewritten, as in the kubelet. */
function digestOf(payload: Payload): string {
  const hash = createHash('sha256');
  for (const [name, { data }] of [...payload].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${name}\0${String(data.length)}\0`).update(data);
  return hash.digest('base64');
}
