/**
 * Connections over one link, counted apart by what they are for: users that forward ports take no place away
 * from probes, hooks or the runtime's own connection.
 */
import type { Duplex } from 'node:stream';
import { HostError } from '../../model/errors.ts';
import { limitSignal } from '../../util/abort.ts';
import { Semaphore } from '../../util/semaphore.ts';

/**
 * What a connection is for: `user` is whatever a caller of the kubelet API asked for, `runtime` the link's
 * own.
 */
export type DialUse = 'probe' | 'hook' | 'user' | 'runtime';

export interface DialUsage {
  readonly use: DialUse;
  readonly open: number;
  readonly waiting: number;
}

/** A place comes free when a connection ends; who has waited so long is told rather than kept. */
const WAIT_MS = 30_000;
const MAX_WAITING = 1_000;

const plural: Record<DialUse, string> = {
  probe: 'probes',
  hook: 'lifecycle hooks',
  user: 'users',
  runtime: 'the runtime',
};

export class DialLimits {
  readonly #host: string;
  readonly #widths: ReadonlyMap<DialUse, number>;
  readonly #limits: ReadonlyMap<DialUse, Semaphore>;

  /** `widths`: how many may be open at a time */
  constructor(host: string, widths: readonly (readonly [DialUse, number])[]) {
    this.#host = host;
    this.#widths = new Map(widths);
    this.#limits = new Map(widths.map(([use, width]) => [use, new Semaphore(width)]));
  }

  /**
   * Opens a connection when there is a place for it, and keeps the place until the connection is closed.
   * Rejects with HostError if none came free in time, also when the signal aborts while it waits: that says
   * nothing of what was to be dialed.
   */
  open<Stream extends Duplex>(
    use: DialUse,
    signal: AbortSignal,
    open: () => Promise<Stream>,
  ): Promise<Stream> {
    const limit = this.#limits.get(use);
    if (limit === undefined || limit.queued >= MAX_WAITING) return Promise.reject(this.#full(use));
    const opened = Promise.withResolvers<Stream>();
    let hasPlace = false;
    limit
      .run(limitSignal(WAIT_MS, signal), async () => {
        hasPlace = true;
        const stream = await open();
        // its user may listen too; one that does not must not end the process by it
        stream.on('error', () => undefined);
        opened.resolve(stream);
        if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
      })
      .catch((error: unknown) => {
        opened.reject(hasPlace ? error : this.#full(use, error));
      });
    return opened.promise;
  }

  usage(): DialUsage[] {
    return [...this.#limits].map(([use, limit]) => ({ use, open: limit.running, waiting: limit.queued }));
  }

  #full(use: DialUse, cause?: unknown): HostError {
    const text = `${this.#host}: all ${String(this.#widths.get(use) ?? 0)} connections that ${plural[use]} may have at a time are in use: close some, or ask again later`;
    return new HostError('resource-exhausted', this.#host, text, { cause });
  }
}

/**
 * What has to be there before anything can be dialed. An abort meanwhile becomes a HostError: it says nothing
 * of the target, which has not been asked yet.
 */
export async function onTheWay<T>(
  { host, what, signal }: { host: string; what: string; signal: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!signal.aborted || cause instanceof HostError) throw cause;
    throw new HostError('unavailable', host, `${host}: ${what} is not there yet`, { cause });
  }
}
