/**
 * Removes images that a host can do without (pkg/kubelet/images/image_gc_manager.go).
 *
 * I1. In use is what any container of the runtime was made from, whoever made it: the host may serve others
 *     too.
 * I2. A failed look removes nothing.
 */
import type { CriClient } from '../../hosts/cri/calls.ts';
import type { FsUsage } from '../../hosts/link/link.ts';
import { FarletError, messageOf } from '../../model/errors.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { ObjectReference } from '../../model/kube.ts';
import type { Log } from '../../model/log.ts';
import type { Clock } from '../../util/clock.ts';
import {
  insufficientRoom,
  oldEnough,
  recordImages,
  roomToMake,
  tooOld,
  unusedImages,
  type ImageGcPolicy,
  type ImageRecord,
  type ListedImage,
} from './image-gc.ts';

export interface ImageCollectorOptions {
  readonly cri: Pick<CriClient, 'listImages' | 'listContainers' | 'removeImage' | 'status'>;
  readonly policy: ImageGcPolicy;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly node: ObjectReference;
  /** room on the file system with the images */
  readonly imageFs: (options: { signal: AbortSignal }) => Promise<FsUsage>;
  /** images that pods of this node mount as volumes, by name or id */
  readonly mountedImages: () => Iterable<string>;
  readonly onRemoved: (reason: 'age' | 'space') => void;
  /**
   * after a round that removed for room: what is left, and when the runtime was asked (ms since the epoch)
   */
  readonly onCollected: (left: {
    readonly ids: ReadonlySet<string>;
    readonly names: ReadonlySet<string>;
    readonly before: number;
  }) => void;
}

interface Look {
  readonly signal: AbortSignal;
}

export class ImageCollector {
  readonly #options: ImageCollectorOptions;
  readonly #watchedSince: number;
  #records: ReadonlyMap<string, ImageRecord> = new Map();
  #failedBefore = false;
  #sandboxImage: string | undefined;
  #listed: { ids: readonly string[]; names: ReadonlySet<string>; before: number } = {
    ids: [],
    names: new Set(),
    before: 0,
  };

  constructor(options: ImageCollectorOptions) {
    this.#options = options;
    this.#watchedSince = options.clock.monotonic();
  }

  /**
   * One round, as the kubelet does every five minutes: what is too old goes, then what is unused until the
   * file system is down to the low threshold. A round that fails is told on the node from the second in a row
   * on.
   */
  async collect({ signal }: Look): Promise<void> {
    const { events, node, log } = this.#options;
    try {
      await this.#round(signal);
      this.#failedBefore = false;
    } catch (error) {
      signal.throwIfAborted();
      if (this.#failedBefore) events.event(node, 'ImageGCFailed', messageOf(error));
      log.warn({ err: error }, 'image collection failed');
      this.#failedBefore = true;
    }
  }

  /** Under disk pressure: every image that nothing uses goes. Rejects if some could not be removed. */
  async deleteUnused({ signal }: Look): Promise<void> {
    const { policy } = this.#options;
    const now = await this.#detect(signal);
    const unused = oldEnough(unusedImages(this.#records, now), { minAgeMs: policy.minAgeMs, now });
    await this.#free(unused, { signal, bytes: Infinity, reason: 'space' });
    this.#report();
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { policy, events, node, imageFs } = this.#options;
    const now = await this.#detect(signal);
    const old = tooOld(unusedImages(this.#records, now), {
      maxAgeMs: policy.maxAgeMs,
      watchedSince: this.#watchedSince,
      now,
    });
    await this.#free(old, { signal, bytes: Infinity, reason: 'age' });
    const fs = await imageFs({ signal });
    if (fs.capacityBytes === 0) {
      const message = 'invalid capacity 0 on image filesystem';
      events.event(node, 'InvalidDiskCapacity', message);
      throw new FarletError('invalid', message);
    }
    const wanted = roomToMake(fs, policy);
    if (wanted === undefined) return;
    const unused = oldEnough(unusedImages(this.#records, now), { minAgeMs: policy.minAgeMs, now });
    const freedBytes = await this.#free(unused, { signal, bytes: wanted.bytes, reason: 'space' });
    this.#report();
    if (freedBytes >= wanted.bytes) return;
    const message = insufficientRoom({ usagePercent: wanted.usagePercent, freedBytes }, fs);
    events.event(node, 'FreeDiskSpaceFailed', message);
    throw new FarletError('resource-exhausted', message);
  }

  /** Lists images and what uses them; the time at which that was. */
  async #detect(signal: AbortSignal): Promise<number> {
    const { cri, clock, mountedImages } = this.#options;
    const before = clock.now();
    const [{ images }, { containers }] = await Promise.all([
      cri.listImages({}, { signal }),
      cri.listContainers({}, { signal }),
    ]);
    this.#sandboxImage ??= sandboxImageOf(await cri.status({ verbose: true }, { signal }));
    const now = clock.monotonic();
    const used = new Set([
      this.#sandboxImage,
      ...containers.flatMap(({ image_id: id, image_ref: ref, image }) => [id, ref, image?.image ?? '']),
      ...mountedImages(),
    ]);
    used.delete('');
    const listed = images.map(
      ({ id, repo_tags: tags, repo_digests: digests, size, pinned }): ListedImage => ({
        id,
        names: [...tags, ...digests],
        sizeBytes: size,
        pinned,
      }),
    );
    this.#listed = {
      ids: listed.map(({ id }) => id),
      names: new Set(listed.flatMap(({ names }) => names)),
      before,
    };
    this.#records = recordImages(this.#records, listed, { used, now });
    return now;
  }

  /**
   * Removes images in order until so many bytes are free; what they took. All are tried before a failure is
   * told.
   */
  async #free(
    images: readonly ImageRecord[],
    { signal, bytes, reason }: { signal: AbortSignal; bytes: number; reason: 'age' | 'space' },
  ): Promise<number> {
    const { cri, log, onRemoved } = this.#options;
    let freed = 0;
    const failures: string[] = [];
    for (const { id, sizeBytes } of images) {
      if (freed >= bytes) break;
      try {
        await cri.removeImage({ image: { image: id } }, { signal });
      } catch (error) {
        signal.throwIfAborted();
        failures.push(messageOf(error));
        continue;
      }
      log.info({ image: id, sizeBytes, reason }, 'image removed');
      const records = new Map(this.#records);
      records.delete(id);
      this.#records = records;
      freed += sizeBytes;
      onRemoved(reason);
    }
    if (failures.length === 0) return freed;
    const why = failures.length === 1 ? failures[0] : `[${failures.join(', ')}]`;
    throw new FarletError(
      'internal',
      `wanted to free ${bytes === Infinity ? 'all unused images' : `${bytes} bytes`}, but freed ${freed} bytes space with errors in image deletion: ${why ?? ''}`,
    );
  }

  #report(): void {
    const { ids, names, before } = this.#listed;
    this.#options.onCollected({ ids: new Set(ids.filter((id) => this.#records.has(id))), names, before });
  }
}

/**
 * What sandboxes are made of. containerd pins it from 1.7 on; before that only its configuration names it,
 * and a host without it, and without a way to pull it, starts no pod any more. Empty where the runtime does
 * not say.
 */
function sandboxImageOf({ info }: { readonly info: Readonly<Record<string, string>> }): string {
  try {
    const config: unknown = JSON.parse(info.config ?? '{}');
    if (typeof config !== 'object' || config === null || !('sandboxImage' in config)) return '';
    return typeof config.sandboxImage === 'string' ? config.sandboxImage : '';
  } catch {
    return '';
  }
}
