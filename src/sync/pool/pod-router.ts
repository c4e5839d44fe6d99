/**
 * Leads each pod of a node to the one host that runs it.
 *
 * I1. A pod is led to a host only once the API server has the choice (annotation farlet.dev/host): no CRI
 *     call comes before that, so a restart finds every pod where it was, and never starts it a second time
 *     elsewhere.
 * I2. A write carries the resourceVersion that the choice was made from: one that comes late changes nothing.
 * I3. What a runtime has already stays where it is, choice or no choice: so a node may come by a second host.
 * I4. Nothing here waits for a host. A node of one host needs no choice, and nothing is written.
 */
import { kindOf } from '../../model/errors.ts';
import type { Pod } from '../../model/kube.ts';
import type { Log } from '../../model/log.ts';
import { podFields } from '../../model/pod-ref.ts';
import { isTerminalPhase } from '../../model/holds.ts';
import type { PodChange } from '../../model/pod-update.ts';
import type { Refusal } from '../../resources/admission/refusal.ts';
import { backoffMs } from '../../util/backoff.ts';
import type { Clock } from '../../util/clock.ts';
import { isWorthTelling } from '../../util/retry.ts';
import { Semaphore } from '../../util/semaphore.ts';
import { hostKey } from '../../model/host-labels.ts';
import { isLeaving, isPlaced, refreshed, withHost } from './placed-pod.ts';
import { placePod, type HostCandidate, type Placement } from './placement.ts';

/** A host of the pool as pods are led to it. */
export interface PoolHost {
  readonly name: string;
  /** why its runtime can't be asked now; undefined: it can */
  silent(): string | undefined;
  /** Whether its runtime has anything of the pod; undefined: it has not been asked yet. */
  holds(uid: string): boolean | undefined;
  /** How it stands to the pod, given those it has. */
  candidate(pod: Pod, pods: readonly Pod[]): Omit<HostCandidate, 'name' | 'pods' | 'silent'>;
  deliver(changes: readonly PodChange[]): void;
}

export interface PodRouterOptions {
  /** the handler of the pod's RuntimeClass; "" without one */
  readonly handlerOf: (pod: Pod) => string;
  /** Writes the choice to the API server. Rejects with kind conflict if the pod is not as given any more. */
  readonly store: (pod: Pod, host: string, options: { signal: AbortSignal }) => Promise<void>;
  /** The pod as the API server has it now. */
  readonly read: (pod: Pod, options: { signal: AbortSignal }) => Promise<Pod>;
  /** Reads the Node's labels again. */
  readonly refreshNode: (options: { signal: AbortSignal }) => Promise<void>;
  readonly onRefused: (pod: Pod, why: Refusal) => void;
  /** the object of a pod that no host had is gone */
  readonly onForgotten: (pod: Pod) => void;
  /** the pod was placed on a host that the node does not have any more */
  readonly onStranded: (pod: Pod, host: string) => void;
  /** told once for each reason in turn */
  readonly onWaiting: (pod: Pod, why: string) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

type Seat =
  /** a host has it */
  | { readonly at: 'host'; readonly host: PoolHost }
  /** the choice is being written */
  | { readonly at: 'storing'; readonly host: PoolHost }
  /** no host can be asked that would take it */
  | { readonly at: 'waiting'; readonly why: string }
  /** no host takes it, or its host is not one of the node any more */
  | { readonly at: 'nowhere' };

interface Entry {
  pod: Pod;
  seat: Seat;
}

const STORES_AT_ONCE = 8;
/** How long hosts may take to be reached after a start before pods are led to the others alone. */
const FIRST_LOOK_MS = 5_000;
const retry = { baseMs: 200, maxMs: 10_000, factor: 2, jitter: 0.2 };

export class PodRouter {
  readonly #options: PodRouterOptions;
  #hosts: readonly PoolHost[] = [];
  readonly #entries = new Map<string, Entry>();
  readonly #semaphore = new Semaphore(STORES_AT_ONCE);

  readonly #began: number;

  constructor(options: PodRouterOptions) {
    this.#options = options;
    this.#began = options.clock.monotonic();
  }

  /** Before any change. */
  attach(hosts: readonly PoolHost[]): void {
    this.#hosts = hosts;
  }

  apply(changes: readonly PodChange[]): void {
    // those that have a host hold its room: they come before those that look for one
    const [first, then] = [changes.filter(isPlaced), changes.filter((change) => !isPlaced(change))];
    for (const change of [...first, ...then]) this.#apply(change);
  }

  /** A host is back, one is not drained any more, or room may have been made. */
  retry(): void {
    for (const entry of this.#entries.values()) if (entry.seat.at === 'waiting') this.#place(entry);
  }

  /** Whether it is known that there is such a pod, and not yet which host has it. */
  isUnsettled(uid: string): boolean {
    const at = this.#entries.get(uid)?.seat.at;
    return at !== undefined && at !== 'host';
  }

  /** The pods a host has or is about to have. */
  podsOf(host: string): Pod[] {
    return [...this.#entries.values()].flatMap(({ pod, seat }) =>
      'host' in seat && seat.host.name === host ? [pod] : [],
    );
  }

  #apply(change: PodChange): void {
    const { uid } = change.pod.metadata;
    const entry = this.#entries.get(uid);
    if (change.kind === 'remove') {
      this.#entries.delete(uid);
      if (entry?.seat.at === 'host') entry.seat.host.deliver([change]);
      else this.#options.onForgotten(change.pod);
      return;
    }
    if (entry?.seat.at === 'host') {
      entry.pod = change.pod;
      entry.seat.host.deliver([change]);
      return;
    }
    if (entry === undefined) {
      const entered: Entry = { pod: change.pod, seat: { at: 'waiting', why: '' } };
      this.#entries.set(uid, entered);
      this.#settle(entered);
      return;
    }
    entry.pod = change.pod;
    // that it was written may be seen by the watch before the answer comes
    if (entry.seat.at !== 'storing') this.#settle(entry);
  }

  #settle(entry: Entry): void {
    const { onStranded } = this.#options;
    const hosts = this.#hosts;
    const { annotations } = entry.pod.metadata;
    const wanted = annotations?.[hostKey];
    const named = hosts.find((host) => host.name === wanted);
    if (named !== undefined) {
      this.#seat(entry, named);
    } else if (wanted !== undefined && !isTerminalPhase(entry.pod.status?.phase)) {
      if (entry.seat.at !== 'nowhere') onStranded(entry.pod, wanted);
      entry.seat = { at: 'nowhere' };
    } else if (hosts.length === 1 && hosts[0] !== undefined) this.#seat(entry, hosts[0]);
    else if (entry.seat.at !== 'nowhere' || isLeaving(entry.pod)) this.#place(entry);
  }

  #seat(entry: Entry, host: PoolHost): void {
    entry.seat = { at: 'host', host };
    host.deliver([{ kind: 'add', pod: entry.pod }]);
  }

  #place(entry: Entry): void {
    const { log, onWaiting, signal } = this.#options;
    const known = this.#whereItIs(entry.pod);
    const placement = known ?? this.#choose(entry.pod);
    if (known === undefined && placement.kind === 'placed' && this.#isEarly(entry.pod)) return;
    if (placement.kind === 'placed') {
      const host = this.#hosts.find((each) => each.name === placement.host);
      if (host === undefined) return;
      // nobody starts it anywhere: there is nothing to remember
      if (isLeaving(entry.pod)) {
        this.#seat(entry, host);
        return;
      }
      entry.seat = { at: 'storing', host };
    } else if (placement.kind === 'wait') {
      if (entry.seat.at === 'waiting' && sameReason(entry.seat.why, placement.why)) return;
      entry.seat = { at: 'waiting', why: placement.why };
      log.info({ ...podFields(entry.pod.metadata), reason: placement.why }, 'pod waits for a host');
      onWaiting(entry.pod, placement.why);
      return;
    } else entry.seat = { at: 'nowhere' };
    this.#finish(entry, placement).catch((error: unknown) => {
      if (signal.aborted) return;
      log.warn({ ...podFields(entry.pod.metadata), err: error }, 'pod could not be placed: trying again');
      entry.seat = { at: 'waiting', why: '' };
    });
  }

  /** A host that is late by a moment after a start would get none of the pods that came meanwhile. */
  #isEarly(pod: Pod): boolean {
    const { clock } = this.#options;
    return (
      !isLeaving(pod) &&
      clock.monotonic() - this.#began < FIRST_LOOK_MS &&
      this.#hosts.some((host) => host.silent() !== undefined)
    );
  }

  /** For a pod without a choice that may have run: where its runtime is, or that this can't be told yet. */
  #whereItIs({ metadata: { uid }, status }: Pod): Placement | undefined {
    const hosts = this.#hosts;
    const holder = hosts.find((host) => host.holds(uid) === true);
    if (holder !== undefined) return { kind: 'placed', host: holder.name };
    const unseen = hosts.filter((host) => host.holds(uid) === undefined).map(({ name }) => name);
    if (status?.startTime === undefined || unseen.length === 0) return undefined;
    return {
      kind: 'wait',
      why: `it has run before, and may be on a host that has not been observed yet: ${unseen.join(', ')}`,
    };
  }

  #choose(pod: Pod): Placement {
    const { handlerOf } = this.#options;
    const hosts = this.#hosts;
    // nothing of it runs anywhere, so that any host can let it go
    const any = isLeaving(pod) ? (hosts.find((host) => host.silent() === undefined) ?? hosts[0]) : undefined;
    if (any !== undefined) return { kind: 'placed', host: any.name };
    const candidates = hosts.map((host) => {
      const pods = this.podsOf(host.name).filter(
        ({ metadata, status }) => metadata.uid !== pod.metadata.uid && !isTerminalPhase(status?.phase),
      );
      return { name: host.name, silent: host.silent(), pods, ...host.candidate(pod, pods) };
    });
    return placePod(pod, { handler: handlerOf(pod), hosts: candidates });
  }

  async #finish(entry: Entry, placement: Placement): Promise<void> {
    const { refreshNode, onRefused, signal, log } = this.#options;
    const { uid } = entry.pod.metadata;
    if (placement.kind !== 'refused') return this.#store(entry);
    if (placement.reason === 'NodeAffinity') {
      await refreshNode({ signal });
      const again = this.#choose(entry.pod);
      if (again.kind !== 'refused') {
        entry.seat = { at: 'waiting', why: '' };
        this.#place(entry);
        return;
      }
    }
    if (this.#entries.get(uid) !== entry) return;
    log.info({ ...podFields(entry.pod.metadata), reason: placement.reason }, 'pod rejected by every host');
    onRefused(entry.pod, placement);
  }

  async #store(entry: Entry): Promise<void> {
    const { store, read, clock, signal, log } = this.#options;
    const { uid } = entry.pod.metadata;
    for (let failures = 0; this.#entries.get(uid) === entry && entry.seat.at === 'storing';) {
      const { host } = entry.seat;
      if (
        entry.pod.metadata.deletionTimestamp !== undefined ||
        entry.pod.metadata.annotations?.[hostKey] !== undefined
      ) {
        entry.seat = { at: 'waiting', why: '' };
        this.#settle(entry);
        return;
      }
      try {
        await this.#semaphore.run(signal, () => store(entry.pod, host.name, { signal }));
        if (this.#entries.get(uid) !== entry) return;
        log.info({ ...podFields(entry.pod.metadata), host: host.name }, 'pod placed');
        entry.pod = withHost(entry.pod, host.name);
        this.#seat(entry, host);
        return;
      } catch (error) {
        signal.throwIfAborted();
        // the watch tells what became of it
        if (kindOf(error) === 'not-found') return;
        failures += 1;
        if (isWorthTelling(failures) && kindOf(error) !== 'conflict')
          log.warn(
            { ...podFields(entry.pod.metadata), err: error, host: host.name, failures },
            'choice of host not stored: trying again',
          );
        await clock.sleep(backoffMs(retry, failures), { signal });
        if (kindOf(error) === 'conflict')
          entry.pod = refreshed(entry.pod, await read(entry.pod, { signal }).catch(() => entry.pod));
      }
    }
  }
}

/** How long a host has been silent is no new reason. */
function sameReason(a: string, b: string): boolean {
  const withoutNumbers = (why: string): string => why.replaceAll(/\d/g, '');
  return withoutNumbers(a) === withoutNumbers(b);
}
