/** Makes local PersistentVolumes ready on one host. */
import type { FileOp, HostFiles } from '../../hosts/link/link.ts';
import { isNotFound } from '../../model/errors.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { Pod } from '../../model/kube.ts';
import { podsDir, type HostPaths } from '../../model/paths.ts';
import { podReference } from '../../model/pod-ref.ts';
import type { Clock } from '../../util/clock.ts';
import { checkLocalSource, isMountedInPods, localOps } from './local.ts';
import { MountStepError } from './mount-step-error.ts';
import type { VolumeObservation } from './volume-observation.ts';
import type { PlannedVolume, VolumeWork } from './volume-plan.ts';

export interface LocalVolumesOptions {
  readonly files: HostFiles;
  readonly paths: HostPaths;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly observe: (operation: VolumeObservation) => void;
}

type Work<K extends VolumeWork['kind']> = Extract<VolumeWork, { kind: K }>;

const DIR_MODE = 0o750;
/** volume_linux.go firstEventReportDuration */
const OWNING_TOLD_AFTER_MS = 30_000;

export class LocalVolumes {
  readonly #options: LocalVolumesOptions;

  constructor(options: LocalVolumesOptions) {
    this.#options = options;
  }

  /**
   * Binds the volume's folder into the pod's, and gives it to the pod's group. Rejects with MountStepError
   * for what is no folder.
   */
  async bind(
    pod: Pod,
    volume: PlannedVolume,
    { work, above, signal }: { work: Work<'local'>; above: readonly FileOp[]; signal: AbortSignal },
  ): Promise<void> {
    const { files, paths } = this.#options;
    const { path, source } = work;
    const [found, mounts, realSource] = await Promise.all([
      files.stat(source, { signal, mayHang: true, follow: true }),
      files.mounts({ signal }),
      files.realPath(source, { signal, mayHang: true }).catch(unlessMissing(source)),
    ]);
    checkLocalSource(source, found);
    const isShared = isMountedInPods(mounts, { realSource, podsDir: podsDir(paths), but: path });
    this.#warnOfOtherGroup(pod, volume, { isShared, gid: found?.gid });
    const { bind, own } = localOps({ pod, ...work, isShared });
    const isThere = mounts.some((mount) => mount.path === path);
    const folder: FileOp = { op: 'mkdir', path: path.slice(0, path.lastIndexOf('/')), mode: DIR_MODE };
    await files.apply([...above, folder, ...bind], { signal, mayHang: true });
    if (isThere || own.length === 0) return;
    try {
      await this.#own(pod, volume, { path, own, signal });
    } catch (error) {
      // mounted means owned: the next attempt begins again
      await files.apply([{ op: 'unmount', path }], { signal }).catch(() => undefined);
      throw error;
    }
  }

  #warnOfOtherGroup(
    pod: Pod,
    { specName }: PlannedVolume,
    { isShared, gid }: { isShared: boolean; gid: number | undefined },
  ): void {
    const fsGroup = pod.spec.securityContext?.fsGroup;
    if (!isShared || fsGroup === undefined || gid === fsGroup) return;
    this.#options.events.event(
      podReference(pod),
      'AlreadyMountedVolume',
      `The requested fsGroup is ${String(fsGroup)}, but the volume ${specName} has GID ${String(gid)}. The volume may not be shareable.`,
    );
  }

  /** Giving a large tree to a group takes long, which is told. */
  async #own(
    pod: Pod,
    { plugin }: PlannedVolume,
    { path, own, signal }: { path: string; own: readonly FileOp[]; signal: AbortSignal },
  ): Promise<void> {
    const { clock, events, files, observe } = this.#options;
    const { uid } = pod.metadata;
    const started = clock.monotonic();
    const cancel = clock.after(OWNING_TOLD_AFTER_MS, () => {
      events.event(
        podReference(pod),
        'VolumePermissionChangeInProgress',
        `Setting volume ownership for ${path.slice(path.indexOf(uid))} is taking longer than expected, consider using OnRootMismatch - https://kubernetes.io/docs/tasks/configure-pod-container/security-context/#configure-volume-permission-and-ownership-change-policy-for-pods`,
      );
    });
    let failed = true;
    try {
      await files.apply(own, { signal });
      failed = false;
    } finally {
      cancel();
      const seconds = (clock.monotonic() - started) / 1000;
      observe({ plugin, operation: 'volume_apply_access_control', failed, seconds });
    }
  }

  /** Links the volume's block device where a kubelet has it. */
  async link(
    { path, source }: Work<'local-block'>,
    { above, signal }: { above: readonly FileOp[]; signal: AbortSignal },
  ): Promise<void> {
    const { files } = this.#options;
    const found = await files.stat(source, { signal, mayHang: true, follow: true });
    if (found?.type !== 'block-device')
      throw new MountStepError(
        'invalid',
        'MapVolume.MapBlockVolume failed',
        `${source} is not a block device`,
      );
    const folder = path.slice(0, path.lastIndexOf('/'));
    const ops: FileOp[] = [
      { op: 'mkdir', path: folder, mode: DIR_MODE },
      { op: 'symlink', path, target: source },
    ];
    await files.apply([...above, ...ops], { signal });
  }
}

function unlessMissing(path: string): (error: unknown) => string {
  return (error) => {
    if (isNotFound(error)) return path;
    throw error;
  };
}
