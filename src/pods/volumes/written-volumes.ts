/** Volumes whose files farlet itself writes and keeps current: configMap, secret, downwardAPI, projected. */
import type { FileOp, HostFiles } from '../../hosts/link/link.ts';
import type { Pod, Volume } from '../../model/kube.ts';
import { settledBoth } from '../../util/abort.ts';
import type { Clock } from '../../util/clock.ts';
import { planAtomicWrite, type WrittenVersion } from './atomic-writer.ts';
import { emptyDirOps } from './empty-dir.ts';
import { fetchPayload } from './fetch-payload.ts';
import { nestedMountPoints, nestedNames } from './nested-mounts.ts';
import { digestOf, openDigest } from './payload-digest.ts';
import { readPayload, readVersion, readVersionName } from './read-version.ts';
import type { ReadyVolume } from './ready-volume.ts';
import type { FetchedPayload, VolumeSources } from './sources.ts';
import { asStated, readStatedVersion } from './stated-version.ts';
import { versionName } from './version-name.ts';

export interface WrittenVolumesOptions {
  readonly files: HostFiles;
  readonly clock: Clock;
  readonly sources: Pick<VolumeSources, 'configMap' | 'secret' | 'token'>;
  readonly node: () => {
    readonly allocatable: Readonly<Record<string, string>>;
    readonly memoryBytes: number;
  };
}

export interface WrittenInput {
  readonly pod: Pod;
  /** the pod's name for it */
  readonly name: string;
  readonly path: string;
  readonly volume: Volume;
  /** what makes the folders above */
  readonly above: readonly FileOp[];
  readonly before: ReadyVolume['written'];
}

/** Where `..data` leads: nowhere, if it is not there. */
interface Link {
  readonly to: string | undefined;
}

type Shown = Pick<ReadyVolume, 'written' | 'renewAt'>;

export class WrittenVolumes {
  readonly #options: WrittenVolumesOptions;
  #serial = 0;

  constructor(options: WrittenVolumesOptions) {
    this.#options = options;
  }

  /** Writes what changed; nothing, if nothing did. */
  async setUp(input: WrittenInput, { signal }: { signal: AbortSignal }): Promise<Shown> {
    const { files, node, sources, clock } = this.#options;
    const { pod, path, volume } = input;
    const { allocatable } = node();
    const context = { sources, allocatable, signal };
    const isFirst = input.before === undefined;
    const link =
      isFirst && wasHereBefore(pod) ? { to: await readVersionName(files, path, { signal }) } : undefined;
    const left = link === undefined ? undefined : await this.#left(input, link.to, signal);
    const before = left === undefined ? input.before : { version: left, digest: UNKNOWN };
    if (before?.digest === UNKNOWN) {
      const kept = await asStated(before.version, input, { ...context, now: clock.now() });
      if (kept !== undefined) return { written: before, renewAt: kept.renewAt };
    }
    // the folder and its tmpfs are made while the contents are on their way
    const [{ payload, renewAt }, found] = await settledBoth(
      fetchPayload(pod, volume, context),
      before === undefined ? this.#folder(input, link, signal) : Promise.resolve(before),
    );
    const digest = digestOf(payload);
    if (found?.digest === digest) return { written: found, renewAt };
    const version = await this.#write(input, { before: found?.version, payload, renewAt, signal });
    return { written: { version, digest }, renewAt };
  }

  async #write(
    { pod, name, path, volume }: WrittenInput,
    made: FetchedPayload & { before: WrittenVersion | undefined; signal: AbortSignal },
  ): Promise<WrittenVersion> {
    const { files, clock } = this.#options;
    const { before, payload, renewAt, signal } = made;
    this.#serial += 1;
    const now = clock.now();
    const openly = isOnDisk(volume) ? undefined : openDigest(payload);
    const { ops, version } = planAtomicWrite({
      path,
      payload,
      before,
      folder: versionName({
        now,
        unique: `${now.toString(36)}${this.#serial.toString(36)}`,
        states: openly === undefined ? undefined : { digest: openly, renewAt },
      }),
      fsGroup: pod.spec.securityContext?.fsGroup,
      nested: nestedNames(pod, name),
    });
    await files.apply(ops, { signal });
    return version;
  }

  /** What an earlier run of farlet left, if it says what that is and all of it is there. */
  async #left(
    { pod, name, path, volume }: WrittenInput,
    folder: string | undefined,
    signal: AbortSignal,
  ): Promise<WrittenVersion | undefined> {
    const mayLack = isOnDisk(volume) || nestedMountPoints(pod, name).length > 0;
    if (mayLack) return undefined;
    return await readStatedVersion(this.#options.files, { path, folder }, { signal });
  }

  /** Makes the volume's folder, and reads what was written there before. */
  async #folder(
    { pod, name, path, volume, above }: WrittenInput,
    link: Link | undefined,
    signal: AbortSignal,
  ): Promise<ReadyVolume['written']> {
    const { files, node } = this.#options;
    const gid = pod.spec.securityContext?.fsGroup;
    const nested = nestedMountPoints(pod, name).map((folder): FileOp => ({
      op: 'mkdir',
      path: `${path}/${folder}`,
      mode: gid === undefined ? 0o755 : 0o2755,
      keep: true,
      ...(gid === undefined ? {} : { uid: 0, gid }),
    }));
    const medium = isOnDisk(volume) ? '' : 'Memory';
    const { memoryBytes: nodeMemoryBytes } = node();
    const own = emptyDirOps({ pod, path, medium, sizeLimit: undefined, nodeMemoryBytes });
    const version = async (): Promise<WrittenVersion | undefined> => {
      const folder = link === undefined ? await readVersionName(files, path, { signal }) : link.to;
      return await readVersion(files, { path, folder }, { signal });
    };
    // asked together, which is a round trip less: a volume that was there before the folder is made has its
    // name already
    const [, found] = await settledBoth(files.apply([...above, ...own, ...nested], { signal }), version());
    if (found === undefined) return undefined;
    if (holdsToken(volume)) return { version: found, digest: UNKNOWN };
    const payload = await readPayload(files, { path, version: found }, { signal });
    return { version: found, digest: digestOf(payload) };
  }
}

/**
 * A ConfigMap is no secret and lies on disk: its files may be torn since they were written, by a loss of
 * power, whatever their folder's name says.
 */
function isOnDisk({ configMap }: Volume): boolean {
  return configMap !== undefined;
}

/** It is to be another one: what was written need not be read to know that. */
function holdsToken({ projected }: Volume): boolean {
  return (projected?.sources ?? []).some(({ serviceAccountToken }) => serviceAccountToken !== undefined);
}

/** A kubelet, or an earlier run of farlet, has begun with it. */
function wasHereBefore({ status }: Pod): boolean {
  return status?.startTime !== undefined;
}

/** Of no payload. */
const UNKNOWN = '';
