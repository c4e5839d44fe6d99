/**
 * Where the sources meet: everything that happens becomes an entry here, and the SyncLoop takes it in
 * batches. Entries about one pod merge, so the queue is never longer than there are pods.
 */
import type { PodChange, PodLifecycleEvent } from '../model/pod-update.ts';
import { Arrival } from '../util/arrival.ts';

/** What drives the SyncLoop, as the kubelet's syncLoopIteration names it. */
export type SyncEventKind = 'config' | 'pleg' | 'sync' | 'probe' | 'host' | 'housekeeping';

/** Those that entries wait for. */
export const queued = ['config', 'pleg', 'sync', 'probe'] as const satisfies readonly SyncEventKind[];

export interface SyncBatch {
  readonly config: readonly PodChange[];
  /** UIDs with new runtime state */
  readonly pleg: ReadonlySet<string>;
  /** UIDs whose time has come */
  readonly sync: ReadonlySet<string>;
  /** UIDs with a probe result that matters */
  readonly probe: ReadonlySet<string>;
  /** the host came or went: every pod is due */
  readonly host: boolean;
  readonly housekeeping: boolean;
}

/**
 * So many pods of each kind are a batch at most: to begin with a pod takes a millisecond or so, and nothing
 * else of the process has its turn during a batch.
 */
export const MOST_PODS = 4;

export class SyncQueue {
  readonly #config = new Map<string, PodChange[]>();
  readonly #pleg = new Set<string>();
  readonly #sync = new Set<string>();
  readonly #probe = new Set<string>();
  #host = false;
  #housekeeping = false;
  readonly #arrival = new Arrival();

  config(changes: readonly PodChange[]): void {
    for (const change of changes) {
      const uid = change.pod.metadata.uid;
      this.#config.set(uid, mergeChanges(this.#config.get(uid) ?? [], change));
    }
    this.#arrival.announce();
  }

  pleg(changes: readonly PodLifecycleEvent[]): void {
    for (const { pod } of changes) this.#pleg.add(pod.uid);
    this.#arrival.announce();
  }

  due(uid: string): void {
    this.#sync.add(uid);
    this.#arrival.announce();
  }

  probe(uid: string): void {
    this.#probe.add(uid);
    this.#arrival.announce();
  }

  hostChanged(): void {
    this.#host = true;
    this.#arrival.announce();
  }

  housekeeping(): void {
    this.#housekeeping = true;
    this.#arrival.announce();
  }

  /** How many entries wait, by kind: for the queue depth metric. */
  depth(): Record<(typeof queued)[number], number> {
    return {
      config: this.#config.size,
      pleg: this.#pleg.size,
      sync: this.#sync.size,
      probe: this.#probe.size,
    };
  }

  /**
   * What waits, as soon as anything does, of no more pods than a batch may have; undefined once the signal
   * aborts. While more pods have changed than that, the first of them and nothing else: what else waits is
   * told of pods that are known.
   */
  async take(signal: AbortSignal): Promise<SyncBatch | undefined> {
    while (!signal.aborted) {
      const batch = this.#drain();
      if (batch !== undefined) return batch;
      await this.#arrival.next(signal);
    }
    return undefined;
  }

  #drain(): SyncBatch | undefined {
    const { config, pleg, sync, probe } = this.depth();
    if (config + pleg + sync + probe === 0 && !this.#host && !this.#housekeeping) return undefined;
    const changes = this.#firstChanges();
    if (config > MOST_PODS) return { ...nothing, config: changes };
    const batch: SyncBatch = {
      config: changes,
      pleg: firstOf(this.#pleg),
      sync: firstOf(this.#sync),
      probe: firstOf(this.#probe),
      host: this.#host,
      housekeeping: this.#housekeeping,
    };
    this.#host = false;
    this.#housekeeping = false;
    return batch;
  }

  #firstChanges(): PodChange[] {
    const first = [...this.#config].slice(0, MOST_PODS);
    for (const [uid] of first) this.#config.delete(uid);
    return first.flatMap(([, changes]) => changes);
  }
}

const nothing: SyncBatch = {
  config: [],
  pleg: new Set(),
  sync: new Set(),
  probe: new Set(),
  host: false,
  housekeeping: false,
};

/** As many as a batch may have; they wait no more. */
function firstOf(waiting: Set<string>): ReadonlySet<string> {
  const first = new Set<string>();
  for (const uid of waiting) {
    if (first.size === MOST_PODS) break;
    first.add(uid);
    waiting.delete(uid);
  }
  return first;
}

/** The changes still to be told of one pod after another one came: at most an add and a removal remain. */
export function mergeChanges(waiting: readonly PodChange[], change: PodChange): PodChange[] {
  const last = waiting.at(-1);
  if (last === undefined) return [change];
  if (change.kind === 'remove') return last.kind === 'add' ? [] : [change];
  if (last.kind === 'remove') return [...waiting, change];
  return [...waiting.slice(0, -1), { kind: mergedKind(last.kind, change.kind), pod: change.pod }];
}

type Present = Exclude<PodChange['kind'], 'remove'>;

function mergedKind(first: Present, second: Present): Present {
  if (first === 'add') return 'add';
  return second === 'reconcile' ? first : second;
}
