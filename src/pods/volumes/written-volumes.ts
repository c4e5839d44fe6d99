/** Volumes whose files farlet itself writes and keeps current: configMap, secret, downwardAPI, projected. */
import { createHash } from 'node:crypto';
import type { FileOp, HostFiles } from '../../hosts/link/link.ts';
import type { Pod, Volume } from '../../model/kube.ts';
import { settledBoth } from '../../util/abort.ts';
import type { Clock } from '../../util/clock.ts';
import { planAtomicWrite } from './atomic-writer.ts';
import { emptyDirOps } from './empty-dir.ts';
import { fetchPayload } from './fetch-payload.ts';
import { nestedMountPoints } from './nested-mounts.ts';
import type { Payload } from './payload.ts';
import { readPayload, readVersion, readVersionName } from './read-version.ts';
import type { ReadyVolume } from './ready-volume.ts';
import type { VolumeSources } from './sources.ts';

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

export class WrittenVolumes {
  readonly #options: WrittenVolumesOptions;
  #serial = 0;

  constructor(options: WrittenVolumesOptions) {
    this.#options = options;
  }

  /** Writes what changed; nothing, if nothing did. */
  async setUp(
    input: WrittenInput,
    { signal }: { signal: AbortSignal },
  ): Promise<Pick<ReadyVolume, 'written' | 'renewAt'>> {
    const { files, node, sources, clock } = this.#options;
    const { pod, name, path, volume, before } = input;
    const { allocatable } = node();
    // the folder and its tmpfs are made while the contents are on their way
    const [found, { payload, renewAt }] = await bothSettled(
      before === undefined ? this.#folder(input, signal) : Promise.resolve(before),
      fetchPayload(pod, volume, { sources, allocatable, signal }),
    );
    const digest = digestOf(payload);
    if (found?.digest === digest) return { written: found, renewAt };
    this.#serial += 1;
    const now = clock.now();
    const { ops, version } = planAtomicWrite({
      path,
      payload,
      before: found?.version,
      now,
      unique: `${now.toString(36)}${this.#serial.toString(36)}`,
      fsGroup: pod.spec.securityContext?.fsGroup,
      nested: nestedMountPoints(pod, name).map((folder) => folder.split('/')[0] ?? folder),
    });
    await files.apply(ops, { signal });
    return { written: { version, digest }, renewAt };
  }

  /** Makes the volume's folder; after a restart of farlet reads what it wrote there before. */
  async #folder(
    { pod, name, path, volume, above }: WrittenInput,
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
    // a ConfigMap is no secret and may lie on disk
    const medium = volume.configMap === undefined ? 'Memory' : '';
    const { memoryBytes: nodeMemoryBytes } = node();
    const own = emptyDirOps({ pod, path, medium, sizeLimit: undefined, nodeMemoryBytes });
    // asked together, which is a round trip less: a volume that was there before the folder is made has its
    // name already
    const [, folder] = await settledBoth(
      files.apply([...above, ...own, ...nested], { signal }),
      readVersionName(files, path, { signal }),
    );
    const version = await readVersion(files, { path, folder }, { signal });
    if (version === undefined) return undefined;
    if (holdsToken(volume)) return { version, digest: UNKNOWN };
    return { version, digest: digestOf(await readPayload(files, { path, version }, { signal })) };
  }
}

/** Both outcomes, waiting for both: nothing goes on in the background when one fails. */
async function bothSettled<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  const [first, second] = await Promise.allSettled([a, b]);
  if (second.status === 'rejected') throw second.reason;
  if (first.status === 'rejected') throw first.reason;
  return [first.value, second.value];
}

/** The token is another one after a restart: what was written before it need not be read to know that. */
function holdsToken({ projected }: Volume): boolean {
  return (projected?.sources ?? []).some(({ serviceAccountToken }) => serviceAccountToken !== undefined);
}

/** Of no payload. */
const UNKNOWN = '';

/** Names and contents; modes alone are not rewritten, as in the kubelet. */
function digestOf(payload: Payload): string {
  const hash = createHash('sha256');
  for (const [name, { data }] of [...payload].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${name}\0${String(data.length)}\0`).update(data);
  return hash.digest('base64');
}
