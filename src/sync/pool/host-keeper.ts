/**
 * Looks after the pods of hosts that are lost or drained. A node of several hosts stays Ready while one of
 * them answers, so that nobody but farlet can mark the pods of the others, nor see to it that they are
 * replaced.
 */
import type { EventRecorder } from '../../model/events.ts';
import { kindOf, messageOf } from '../../model/errors.ts';
import type { Pod, PodStatus } from '../../model/kube.ts';
import type { Log } from '../../model/log.ts';
import { podFields, podReference } from '../../model/pod-ref.ts';
import { rfc3339, type Clock } from '../../util/clock.ts';
import { isAffected, isToBeDrained, isToBeReplaced, lostStatus } from './lost-pods.ts';

export interface KeptHost {
  readonly name: string;
  /** `since` is on the monotonic clock */
  state():
    | { readonly at: 'connecting' | 'ready' }
    | { readonly at: 'lost'; readonly since: number; readonly error: string };
  isDraining(): boolean;
  pods(): readonly Pod[];
}

export interface HostKeeperOptions {
  readonly hosts: readonly KeptHost[];
  /** how long a host may be lost before its pods are deleted */
  readonly timeoutMs: number;
  readonly status: {
    current(uid: string): PodStatus | undefined;
    set(pod: Pod, wanted: { status: PodStatus; mayRun: boolean }): void;
  };
  readonly events: EventRecorder;
  /** Deletes the object. */
  readonly remove: (pod: Pod, options: { signal: AbortSignal }) => Promise<void>;
  /**
   * Asks for the pod's eviction; rejects with kind resource-exhausted while a disruption budget forbids it.
   */
  readonly evict: (pod: Pod, options: { signal: AbortSignal }) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const RETRY_MS = 10_000;
const FAILED = 'the pod could not be moved off its host';

export class HostKeeper {
  readonly #options: HostKeeperOptions;
  /** pods that were marked since their host was lost */
  readonly #marked = new Map<string, Set<string>>();
  /** pods that something was asked for: when (monotonic ms) it may be asked again, and why it failed */
  readonly #asked = new Map<string, { readonly again: number; failure?: string }>();

  constructor(options: HostKeeperOptions) {
    this.#options = options;
  }

  /** Looks at every host once; what takes time goes on by itself. */
  tick(): void {
    const { hosts, clock, timeoutMs } = this.#options;
    const now = clock.monotonic();
    // asked for no more
    for (const [uid, { again }] of this.#asked) if (again + RETRY_MS <= now) this.#asked.delete(uid);
    for (const host of hosts) {
      const state = host.state();
      if (state.at !== 'lost') this.#marked.delete(host.name);
      else {
        const lostMs = now - state.since;
        this.#mark(host, state.error);
        for (const pod of host.pods())
          if (isToBeReplaced(pod, { lostMs, timeoutMs })) this.#replace(pod, host, lostMs);
      }
      if (state.at === 'ready' && host.isDraining())
        for (const pod of host.pods()) if (isToBeDrained(pod)) this.#drain(pod, host);
    }
  }

  #mark(host: KeptHost, error: string): void {
    const { status, events, clock } = this.#options;
    const marked = this.#marked.get(host.name) ?? new Set();
    this.#marked.set(host.name, marked);
    const message = `host ${host.name} of the node does not answer: ${error}`;
    for (const pod of host.pods()) {
      const { uid } = pod.metadata;
      if (marked.has(uid) || !isAffected(pod)) continue;
      marked.add(uid);
      const known = status.current(uid) ?? pod.status ?? {};
      status.set(pod, { status: lostStatus(known, { message, now: rfc3339(clock.now()) }), mayRun: true });
      events.event(podReference(pod), 'HostLost', message);
    }
  }

  #replace(pod: Pod, host: KeptHost, lostMs: number): void {
    const { events, remove } = this.#options;
    this.#ask(pod, host, async (options) => {
      await remove(pod, options);
      const why = `deleted so that it is replaced: host ${host.name} has not answered for ${Math.round(lostMs / 1000)}s`;
      events.event(podReference(pod), 'HostLostEviction', why);
    });
  }

  #drain(pod: Pod, host: KeptHost): void {
    const { events, evict } = this.#options;
    this.#ask(pod, host, async (options) => {
      await evict(pod, options);
      events.event(podReference(pod), 'HostDraining', `evicted: host ${host.name} is being drained`);
    });
  }

  #ask(pod: Pod, host: KeptHost, work: (options: { signal: AbortSignal }) => Promise<void>): void {
    const { clock, log, events, signal } = this.#options;
    const { uid } = pod.metadata;
    const now = clock.monotonic();
    const before = this.#asked.get(uid);
    if (before !== undefined && before.again > now) return;
    const asked = { ...before, again: now + RETRY_MS };
    this.#asked.set(uid, asked);
    work({ signal }).catch((error: unknown) => {
      if (signal.aborted || kindOf(error) === 'not-found') return;
      const why = messageOf(error);
      if (asked.failure === why) return;
      asked.failure = why;
      log.warn({ ...podFields(pod.metadata), host: host.name, err: error }, `${FAILED}: trying again`);
      events.event(podReference(pod), 'HostEvictionFailed', `${FAILED} ${host.name}: ${why}`);
    });
  }
}
