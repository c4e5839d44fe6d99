/** How many streams may be open at once: each holds connections to its host, which everybody shares. */
import { HttpFault } from '../http/http-fault.ts';

/** Of one node. Through an API server all are the API server's, so a user may have nearly all of them. */
export const streamLimits = { all: 512, user: 448, pod: 128 } as const;
/** Logs that are followed: they hold no connection of their own, and log collectors follow many. */
export const logLimits = { all: 2_048, user: 1_920, pod: 128 } as const;

const RETRY_AFTER_S = 10;

export type LimitName = 'all' | 'user' | 'pod';

export interface StreamLimitsOptions {
  /** what is counted, in the plural, for messages */
  readonly what: string;
  readonly limits: Readonly<Record<LimitName, number>>;
  readonly onCount?: (open: number) => void;
  readonly onRefused?: (limit: LimitName) => void;
}

export class StreamLimits {
  readonly #options: StreamLimitsOptions;
  readonly #users = new Map<string, number>();
  readonly #pods = new Map<string, number>();
  #all = 0;

  constructor(options: StreamLimitsOptions) {
    this.#options = options;
  }

  /**
   * Returns what is called once when the stream ends. Throws HttpFault 429 where there are too many. `pod`:
   * namespace/name
   */
  take({ user, pod }: { user: string; pod: string }): () => void {
    this.#check('all', this.#all, 'of this node');
    this.#check('pod', this.#pods.get(pod) ?? 0, `of pod ${pod}`);
    this.#check('user', this.#users.get(user) ?? 0, `of user ${user}`);
    this.#add(1, { user, pod });
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      this.#add(-1, { user, pod });
    };
  }

  #check(name: LimitName, open: number, whose: string): void {
    const { what, limits, onRefused } = this.#options;
    if (open < limits[name]) return;
    onRefused?.(name);
    throw new HttpFault(
      429,
      `too many ${what} ${whose}: ${String(open)} are open, which is the limit; end some and try again`,
      { 'retry-after': String(RETRY_AFTER_S) },
    );
  }

  #add(change: 1 | -1, { user, pod }: { user: string; pod: string }): void {
    this.#all += change;
    for (const [counts, key] of [
      [this.#users, user],
      [this.#pods, pod],
    ] as const) {
      const next = (counts.get(key) ?? 0) + change;
      if (next > 0) counts.set(key, next);
      else counts.delete(key);
    }
    this.#options.onCount?.(this.#all);
  }
}
