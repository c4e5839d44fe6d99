/**
 * What the file systems of volumes have that others serve (local, nfs). A server that hangs holds up nobody
 * but the look at its own volume: each is asked by itself, in the background, once a minute.
 */
import type { HostFiles } from '../hosts/link/link.ts';
import type { Clock } from '../util/clock.ts';
import { fsFigures } from './disk-reader.ts';
import type { VolumeFigures } from './reading.ts';

export interface ServedVolumesOptions {
  readonly files: Pick<HostFiles, 'usage'>;
  /** of one pod, by its UID */
  readonly volumes: (uid: string) => readonly {
    readonly name: string;
    readonly path: string;
    readonly claim?: VolumeFigures['claim'];
  }[];
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'after'>;
  readonly signal: AbortSignal;
}

interface Known {
  figures: ReturnType<typeof fsFigures> | undefined;
  askedAt: number;
  running: Promise<void> | undefined;
}

const AGE_MS = 60_000;
/** for those that are asked just now; one that is silent is not waited for again */
const WAIT_MS = 1_000;

export class ServedVolumes {
  readonly #options: ServedVolumesOptions;
  /** by path, of the pods that were last asked for */
  #known = new Map<string, Known>();

  constructor(options: ServedVolumesOptions) {
    this.#options = options;
  }

  /** What is known of these pods' volumes, by UID. Waits a second at most, and never rejects. */
  async read(uids: readonly string[]): Promise<ReadonlyMap<string, readonly VolumeFigures[]>> {
    const { volumes, clock } = this.#options;
    const wanted = uids.map((uid) => ({ uid, volumes: volumes(uid) }));
    const paths = wanted.flatMap((pod) => pod.volumes.map(({ path }) => path));
    this.#known = new Map(
      paths.map((path) => [
        path,
        this.#known.get(path) ?? { figures: undefined, askedAt: -Infinity, running: undefined },
      ]),
    );
    const now = clock.monotonic();
    const due = [...this.#known].filter(
      ([, { askedAt, running }]) => running === undefined && now - askedAt >= AGE_MS,
    );
    await this.#atMost(Promise.all(due.map(([path, known]) => this.#ask(path, known, now))));
    return new Map(
      wanted.map(({ uid, volumes: all }) => [
        uid,
        all.flatMap(({ name, path, claim }) => {
          const figures = this.#known.get(path)?.figures;
          return figures === undefined ? [] : [{ ...figures, name, inMemory: false, isServed: true, claim }];
        }),
      ]),
    );
  }

  /** What can't be looked at is not known: figures of before would look like those of now. */
  #ask(path: string, known: Known, now: number): Promise<void> {
    const { files, clock, signal } = this.#options;
    known.askedAt = now;
    known.running = files
      .usage(path, { signal, mayHang: true })
      .then(
        (fs) => {
          known.figures = fsFigures(fs, 'all', clock.now());
        },
        () => {
          known.figures = undefined;
        },
      )
      .finally(() => {
        known.running = undefined;
      });
    return known.running;
  }

  async #atMost(work: Promise<unknown>): Promise<void> {
    const waited = Promise.withResolvers<undefined>();
    const cancel = this.#options.clock.after(WAIT_MS, () => {
      waited.resolve(undefined);
    });
    await Promise.race([work, waited.promise]);
    cancel();
  }
}
