/**
 * Makes volumes of every kind ready on one host: MountVolume and MapVolume in
 * pkg/volume/util/operationexecutor.
 */
import type { FileOp, HostFiles } from '../../hosts/link/link.ts';
import { FarletError } from '../../model/errors.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { PersistentVolume, Pod } from '../../model/kube.ts';
import { matchesTerms } from '../../model/node-selector.ts';
import { podDir, type HostPaths } from '../../model/paths.ts';
import type { Clock } from '../../util/clock.ts';
import { missingDriver } from './csi.ts';
import { emptyDirOps } from './empty-dir.ts';
import { prepareHostPath } from './host-path.ts';
import { LocalVolumes } from './local-volumes.ts';
import { MountStepError } from './mount-step-error.ts';
import { nfsOps } from './nfs.ts';
import type { MountedVolume, ReadyVolume } from './ready-volume.ts';
import type { VolumeSources } from './sources.ts';
import type { VolumeObservation } from './volume-observation.ts';
import type { VolumeToMount } from './volume-operation.ts';
import type { PlannedVolume, VolumeWork } from './volume-plan.ts';
import { WrittenVolumes } from './written-volumes.ts';

export interface VolumeMounterOptions {
  readonly files: HostFiles;
  readonly paths: HostPaths;
  readonly sources: Pick<VolumeSources, 'configMap' | 'secret' | 'token'>;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly node: () => {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly allocatable: Readonly<Record<string, string>>;
    readonly memoryBytes: number;
  };
  /** whether a pod other than this has the PersistentVolume */
  readonly isUsedElsewhere: (persistentVolume: string, podUid: string) => boolean;
  readonly observe: (operation: VolumeObservation) => void;
}

type Work<K extends VolumeWork['kind']> = Extract<VolumeWork, { kind: K }>;
type WrittenWork = Work<'configmap' | 'secret' | 'downward-api' | 'projected'>;
type Made = Pick<MountedVolume, 'hostPath' | 'readOnly' | 'managed' | 'mayHang'>;

const POD_DIR_MODE = 0o750;
const GID_ANNOTATION = 'pv.beta.kubernetes.io/gid';

export class VolumeMounter {
  readonly #options: VolumeMounterOptions;
  readonly #written: WrittenVolumes;
  readonly #local: LocalVolumes;

  constructor(options: VolumeMounterOptions) {
    this.#options = options;
    this.#written = new WrittenVolumes(options);
    this.#local = new LocalVolumes(options);
  }

  /**
   * What is ready and can't change costs nothing. Rejects with MountStepError where a step other than SetUp
   * failed.
   */
  async setUp(
    { pod, volume }: VolumeToMount,
    before: ReadyVolume | undefined,
    { signal }: { signal: AbortSignal },
  ): Promise<ReadyVolume> {
    const { work } = volume;
    if (isWritten(work)) {
      const { path, volume: spec } = work;
      const input = {
        pod,
        name: volume.name,
        path,
        volume: spec,
        above: this.#above(pod),
        before: before?.written,
      };
      const state = await this.#written.setUp(input, { signal });
      return { mounted: mounted(volume, { hostPath: path, readOnly: true, managed: true }), ...state };
    }
    if (before !== undefined) return before;
    this.#checkBound(pod, volume);
    const how = await this.#make(pod, volume, { work, signal });
    return { mounted: mounted(volume, how), written: undefined, renewAt: undefined };
  }

  async #make(
    pod: Pod,
    volume: PlannedVolume,
    { work, signal }: { work: Exclude<VolumeWork, WrittenWork>; signal: AbortSignal },
  ): Promise<Made> {
    const { files, node } = this.#options;
    switch (work.kind) {
      case 'image':
        return { hostPath: '', readOnly: true, managed: false };
      case 'csi':
        throw missingDriver(work);
      case 'empty-dir': {
        const { path, medium, sizeLimit } = work;
        const { memoryBytes: nodeMemoryBytes } = node();
        const ops = emptyDirOps({ pod, path, medium, sizeLimit, nodeMemoryBytes });
        await files.apply([...this.#above(pod), ...ops], { signal });
        return { hostPath: path, readOnly: false, managed: true };
      }
      case 'host-path': {
        const { path, type, readOnly } = work;
        await prepareHostPath(files, { path, type }, { signal });
        return { hostPath: path, readOnly, managed: false, mayHang: true };
      }
      case 'nfs':
        await this.#nfs(pod, work, signal);
        return { hostPath: work.path, readOnly: work.readOnly, managed: false, mayHang: true };
      case 'local':
        await this.#local.bind(pod, volume, { work, above: this.#above(pod), signal });
        return { hostPath: work.path, readOnly: work.readOnly, managed: !work.readOnly, mayHang: true };
      case 'local-block':
        await this.#local.link(work, { above: this.#above(pod), signal });
        return { hostPath: work.path, readOnly: work.readOnly, managed: false };
    }
  }

  /** The folders that the kubelet makes for every pod, before any volume's own. */
  #above(pod: Pod): FileOp[] {
    const folder = podDir(this.#options.paths, pod.metadata.uid);
    return [folder, `${folder}/volumes`].map((path): FileOp => ({ op: 'mkdir', path, mode: POD_DIR_MODE }));
  }

  /** What binds a PersistentVolume to this node and to this pod, checked once more where it is mounted. */
  #checkBound(pod: Pod, { bound, specName, work }: PlannedVolume): void {
    if (bound === undefined) return;
    const { node, isUsedElsewhere } = this.#options;
    const { nodeAffinity, accessModes = [], mountOptions } = bound.volume.spec ?? {};
    const verb = work.kind === 'local-block' ? 'MapVolume' : 'MountVolume';
    const terms = nodeAffinity?.required?.nodeSelectorTerms;
    if (terms !== undefined && !matchesTerms(terms, node()))
      throw new MountStepError(
        'conflict',
        `${verb}.NodeAffinity check failed`,
        'no matching NodeSelectorTerms',
      );
    if (work.kind === 'host-path' && mountOptions !== undefined && mountOptions.length > 0)
      throw new MountStepError(
        'invalid',
        'MountVolume.MountOptionSupport check failed',
        'mount options are not supported for this volume type',
      );
    if (
      accessModes.length === 1 &&
      accessModes[0] === 'ReadWriteOncePod' &&
      isUsedElsewhere(specName, pod.metadata.uid)
    )
      throw new FarletError(
        'conflict',
        'volume uses the ReadWriteOncePod access mode and is already in use by another pod',
      );
  }

  async #nfs(pod: Pod, work: Work<'nfs'>, signal: AbortSignal): Promise<void> {
    const { files } = this.#options;
    try {
      await files.apply([...this.#above(pod), ...nfsOps(work)], { signal });
    } catch (error) {
      // left empty, the folder would look like an empty export; if it is mounted all the same it can't be
      // removed
      await files
        .apply([{ op: 'remove', path: work.path }], { signal, mayHang: true })
        .catch(() => undefined);
      throw error;
    }
  }
}

function isWritten(work: VolumeWork): work is WrittenWork {
  return 'volume' in work;
}

function mounted({ specName, bound, work }: PlannedVolume, how: Made): MountedVolume {
  return { ...how, specName, isDevice: work.kind === 'local-block', gid: gidOf(bound?.volume) };
}

/** An annotation that is no number counts for nothing, as in the kubelet. */
function gidOf(volume: PersistentVolume | undefined): number | undefined {
  const text = volume?.metadata?.annotations?.[GID_ANNOTATION] ?? '';
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
