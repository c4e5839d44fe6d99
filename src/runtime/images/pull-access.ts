/**
 * Remembers with which credentials images were pulled, in files on the host that outlive farlet, and decides
 * by that which pods may use them (pkg/kubelet/images/pullmanager/image_pull_manager.go; ADR 7).
 *
 * I1. An intent is on the disk before a pull begins, so that an image that comes by a pull farlet does not
 *     live to see finished is not taken for one that was always there.
 * I2. Records that can't be read make every image be verified.
 */
import type { HostFiles, HostQuery } from '../../hosts/link/link.ts';
import type { Log } from '../../model/log.ts';
import type { Clock } from '../../util/clock.ts';
import {
  makeFolders,
  parseIntent,
  parseRecord,
  recordFolders,
  removeIntent,
  removeRecord,
  writeIntent,
  writeRecord,
  type RecordFolders,
} from './pull-record-files.ts';
import {
  recordPull,
  verifyAccess,
  type PulledRecord,
  type PulledWith,
  type SecretSource,
  type Verdict,
  type VerificationPolicy,
} from './pull-verification.ts';

export interface PullAccessOptions {
  readonly files: HostFiles;
  readonly rootDir: string;
  readonly policy: VerificationPolicy;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}

interface Look {
  readonly signal: AbortSignal;
}

interface Known {
  readonly records: Map<string, PulledRecord>;
  /** images whose pull began and was not seen to end, with how many pulls of each are under way */
  readonly intents: Map<string, number>;
}

export class PullAccess {
  readonly #options: PullAccessOptions;
  readonly #folders: RecordFolders;
  #known: Promise<Known> | undefined;

  constructor(options: PullAccessOptions) {
    this.#options = options;
    this.#folders = recordFolders(options.rootDir);
  }

  /**
   * Whether a pod may use the image without pulling it. `secrets` are the pod's that fit the image, asked for
   * only if that matters; a pod whose Secrets can't be read may not.
   */
  async mayUse(
    { image, imageRef, secrets }: { image: string; imageRef: string; secrets: () => readonly SecretSource[] },
    { signal }: Look,
  ): Promise<boolean> {
    const { policy, log } = this.#options;
    if (policy.kind === 'NeverVerify') return true;
    let known: Known;
    try {
      known = await this.#load(signal);
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ err: error }, 'the records of image pulls could not be read: the image is pulled again');
      return false;
    }
    const record = known.records.get(imageRef);
    const verdict = this.#verdict({ policy, image, record, pullBroken: known.intents.has(image), secrets });
    if (verdict.mayUse && verdict.note !== undefined)
      await this.#record(image, imageRef, { with: { open: false, secrets: [verdict.note] }, signal });
    return verdict.mayUse;
  }

  #verdict(input: Parameters<typeof verifyAccess>[0]): Verdict {
    try {
      return verifyAccess(input);
    } catch (error) {
      // the pull that follows fails for the same reason, and says so
      this.#options.log.debug({ err: error, image: input.image }, 'pull secrets could not be read');
      return { mayUse: false };
    }
  }

  /** A pull is about to begin. Rejects if that can't be written down: then it must not begin. */
  async pulling(image: string, { signal }: Look): Promise<void> {
    const known = await this.#load(signal);
    const running = known.intents.get(image);
    if (running === undefined || running === 0)
      await this.#options.files.apply([...makeFolders(this.#folders), ...writeIntent(this.#folders, image)], {
        signal,
      });
    known.intents.set(image, (running ?? 0) + 1);
  }

  /**
   * A pull has succeeded. If that can't be written down the intent stays: the image is verified until a later
   * pull of it is written down.
   */
  async pulled(
    image: string,
    { imageRef, with: pulledWith }: { imageRef: string; with: PulledWith },
    { signal }: Look,
  ): Promise<void> {
    if (await this.#record(image, imageRef, { with: pulledWith, signal })) await this.#ended(image, signal);
  }

  /** A pull has failed, or was called off. */
  async failed(image: string, { signal }: Look): Promise<void> {
    await this.#ended(image, signal);
  }

  /**
   * Forgets images that are gone. `before` (ms since the epoch) is when the runtime was asked for what is
   * left.
   */
  async prune(
    left: { readonly ids: ReadonlySet<string>; readonly names: ReadonlySet<string>; readonly before: number },
    { signal }: Look,
  ): Promise<void> {
    const { records, intents } = await this.#load(signal);
    const stale = [...records.values()].filter(
      ({ imageRef, updatedAt }) => !left.ids.has(imageRef) && updatedAt < left.before,
    );
    const broken = [...intents].filter(([image, running]) => running === 0 && !left.names.has(image));
    if (stale.length + broken.length === 0) return;
    await this.#options.files.apply(
      [
        ...stale.map(({ imageRef }) => removeRecord(this.#folders, imageRef)),
        ...broken.map(([image]) => removeIntent(this.#folders, image)),
      ],
      { signal },
    );
    for (const { imageRef } of stale) records.delete(imageRef);
    for (const [image] of broken) intents.delete(image);
  }

  /** false: it could not be written down. */
  async #record(
    image: string,
    imageRef: string,
    { with: pulledWith, signal }: { with: PulledWith; signal: AbortSignal },
  ): Promise<boolean> {
    const { files, clock, log } = this.#options;
    try {
      const { records } = await this.#load(signal);
      const before = records.get(imageRef);
      const record = recordPull(before, { image, imageRef, with: pulledWith, now: clock.now() });
      if (record === before) return true;
      await files.apply([...makeFolders(this.#folders), ...writeRecord(this.#folders, record)], { signal });
      records.set(imageRef, record);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ err: error, image }, 'the image pull could not be recorded');
      return false;
    }
  }

  async #ended(image: string, signal: AbortSignal): Promise<void> {
    const { files, log } = this.#options;
    const { intents } = await this.#load(signal);
    const running = intents.get(image) ?? 0;
    if (running > 1) {
      intents.set(image, running - 1);
      return;
    }
    intents.set(image, 0);
    try {
      await files.apply([removeIntent(this.#folders, image)], { signal });
      if (intents.get(image) === 0) intents.delete(image);
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ err: error, image }, 'the intent of an image pull could not be taken back');
    }
  }

  #load(signal: AbortSignal): Promise<Known> {
    this.#known ??= this.#read(signal).catch((error: unknown) => {
      this.#known = undefined;
      throw error;
    });
    return this.#known;
  }

  async #read(signal: AbortSignal): Promise<Known> {
    const { files } = this.#options;
    const { pulling, pulled } = this.#folders;
    const [intents, records] = await Promise.all(
      [pulling, pulled].map(async (folder) => {
        const entries = (await files.list(folder, { signal })) ?? [];
        const names = entries.map(({ name }) => name).filter((name) => !name.endsWith('.tmp'));
        return names.map((name): HostQuery => ({ look: 'text', path: `${folder}/${name}` }));
      }),
    );
    const queries = [...(intents ?? []), ...(records ?? [])];
    const texts = queries.length === 0 ? [] : await files.look(queries, { signal });
    const from = intents?.length ?? 0;
    return {
      intents: new Map(
        texts
          .slice(0, from)
          .map(({ text }) => parseIntent(text ?? ''))
          .filter((image) => image !== undefined)
          .map((image) => [image, 0]),
      ),
      records: new Map(
        texts
          .slice(from)
          .map(({ text }) => parseRecord(text ?? ''))
          .filter((record) => record !== undefined)
          .map((record) => [record.imageRef, record]),
      ),
    };
  }
}
