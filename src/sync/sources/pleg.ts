/**
 * The pod lifecycle event generator (kubelet: pkg/kubelet/pleg): turns what the runtime says into the cache's
 * state and into lifecycle events for the SyncLoop.
 *
 * Where the runtime streams container events they are the source and the relist only a safety net; on
 * runtimes without them (containerd 1.6) the relist is all there is and runs every second. A failed relist is
 * unknown, never empty: it changes nothing but the health. What is listed and can't be looked at concerns its
 * own pod alone, which waits until it can.
 */
import { own } from '../../model/own.ts';
import type { CriClient } from '../../hosts/cri/calls.ts';
import type { Container__Output } from '../../hosts/cri/generated/runtime/v1/Container.ts';
import type { ContainerEventResponse__Output } from '../../hosts/cri/generated/runtime/v1/ContainerEventResponse.ts';
import type { PodSandbox__Output } from '../../hosts/cri/generated/runtime/v1/PodSandbox.ts';
import { FarletError, kindOf, messageOf, unlessNotFound } from '../../model/errors.ts';
import type { Log } from '../../model/log.ts';
import { labels } from '../../model/labels.ts';
import { podFields, type PodRef } from '../../model/pod-ref.ts';
import type { PodLifecycleEvent } from '../../model/pod-update.ts';
import type {
  Deeds,
  ObservedContainer,
  ObservedSandbox,
  PodRuntimeState,
} from '../../model/runtime-state.ts';
import {
  containerState,
  observedContainer,
  observedSandbox,
  podOfLabels,
} from '../../runtime/observed/observe.ts';
import type { RuntimeCache } from '../../runtime/observed/runtime-cache.ts';
import { Alarm } from '../../util/alarm.ts';
import type { Beat } from '../../util/beat.ts';
import type { Clock } from '../../util/clock.ts';
import { inBatches } from '../../util/in-batches.ts';
import { nextTurn } from '../../util/turn.ts';
import { EventWaits } from './event-waits.ts';

/** GenericPLEG's relist period (pkg/kubelet/kubelet.go genericPlegRelistPeriod). */
const RELIST_MS = 1_000;
/**
 * The safety net beside an event stream, together with a look at the host; the kubelet's evented PLEG takes
 * 300 s, but a list is cheap here.
 */
const RELIST_WITH_EVENTS_MS = 60_000;
const STREAM_RETRY_MS = 1_000;
/** What events tell comes with the answer to the call, or never: a list then does. */
const TOLD_MS = 100;
/**
 * A runtime without events ends the stream at once, by an error or, as CRI-O with them switched off, without
 * one. Where it stays open for so long, while lists are answered over the same connection, there are events.
 */
const STREAM_PROVEN_MS = 5_000;
const STATUS_CALLS_AT_ONCE = 8;

export interface PlegObserver {
  /** seconds a relist took */
  relisted?(seconds: number): void;
  /** seconds from the start of the last relist that succeeded to the start of this one */
  interval?(seconds: number): void;
  /** seconds that looking at one pod took, whether it succeeded or not */
  podRelisted?(seconds: number): void;
  /** ms since the epoch of the last relist that succeeded */
  lastSeen?(at: number): void;
}

export interface PlegOptions {
  readonly cri: CriClient;
  readonly cache: RuntimeCache;
  readonly clock: Clock;
  readonly log: Log;
  /** only sandboxes and containers with these labels are this node's */
  readonly owner: Readonly<Record<string, string>>;
  /** and of those only the ones it says yes to; its answer may change, see relisted() */
  readonly owns?: (labels: Readonly<Record<string, string>>) => boolean;
  readonly beat: Beat;
  /** the first relist has succeeded */
  readonly onSynced: () => void;
  /** the stream of events has ended: the runtime may have */
  readonly onStreamEnd: () => void;
  readonly observer?: PlegObserver;
}

interface Labelled {
  readonly labels: Readonly<Record<string, string>>;
}

interface Listed {
  readonly sandboxes: readonly PodSandbox__Output[];
  readonly containers: readonly Container__Output[];
  readonly askedAt: number;
}

export class Pleg {
  readonly #options: PlegOptions;
  readonly #listeners: ((changes: readonly PodLifecycleEvent[]) => void)[] = [];
  #lastRelist: number | undefined;
  /** lists are only the safety net */
  #events = false;
  /** when the stream of events that is open was begun, ms (monotonic) */
  #listeningSince: number | undefined;
  #synced = false;
  readonly #alarm: Alarm;
  readonly #waits: EventWaits;
  /** something could not be looked at */
  #isPartial = false;
  #waiters: (() => void)[] = [];

  constructor(options: PlegOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock);
    this.#waits = new EventWaits(options.clock);
  }

  /** What changes on the runtime is told to all listeners, in the order in which they came. */
  onChanges(listener: (changes: readonly PodLifecycleEvent[]) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * ms since the last relist that succeeded, undefined before the first; and the longest that may pass
   * between two before the node counts as unhealthy.
   */
  health(): { readonly silentMs: number | undefined; readonly thresholdMs: number } {
    const last = this.#lastRelist;
    return {
      silentMs: last === undefined ? undefined : this.#options.clock.monotonic() - last,
      thresholdMs: this.#events ? 10 * 60_000 : 3 * 60_000,
    };
  }

  /** Relists and listens until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#relistLoop(signal), this.#eventLoop(signal)]);
  }

  /** Asks for a relist now, e.g. because the host is back. */
  relistSoon(): void {
    this.#alarm.ring();
  }

  /**
   * Resolves once a relist that began after this call has succeeded: the cache then holds all that is owned.
   */
  relisted(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
      this.relistSoon();
    });
  }

  /** Reads everything the runtime holds of one pod and merges it. Throws if the runtime can't say. */
  async refresh(pod: PodRef, { signal }: { signal: AbortSignal }): Promise<void> {
    const { clock, observer } = this.#options;
    const started = clock.monotonic();
    try {
      const listed = await this.#list({ ...this.#options.owner, [labels.podUid]: pod.uid }, signal);
      if (await this.#apply(listed, [pod], signal)) this.#lookAgain();
    } finally {
      observer?.podRelisted?.((clock.monotonic() - started) / 1000);
    }
    const fault = this.#options.cache.get(pod.uid)?.fault;
    if (fault !== undefined) throw new FarletError('internal', fault);
  }

  /**
   * The pod's state once events have told what became of these ids, of a sandbox or containers that were
   * just started (they are ready or run, or have ended since) or stopped: as good as `refresh` then, and it
   * costs no call. undefined where they don't tell soon, and for a pod that could not be looked at.
   */
  async told(
    uid: string,
    { started = [], stopped = [] }: Deeds,
    { signal }: { signal: AbortSignal },
  ): Promise<PodRuntimeState | undefined> {
    const { cache } = this.#options;
    const known = (id: string): string => cache.known(uid, id) ?? 'created';
    const isTold = (): boolean =>
      started.every((id) => known(id) !== 'created') &&
      stopped.every((id) => ['exited', 'not-ready'].includes(known(id)));
    if (!this.#events) return undefined;
    if (!isTold() && !(await this.#waits.until(uid, isTold, { ms: TOLD_MS, signal }))) return undefined;
    const state = cache.get(uid);
    return state?.fault === undefined ? state : undefined;
  }

  /** The relist keeps to its short period until everything could be looked at. */
  #lookAgain(): void {
    this.#isPartial = true;
    this.#alarm.ring();
  }

  async #relistLoop(signal: AbortSignal): Promise<void> {
    const { beat, clock, log, observer } = this.#options;
    let failures = 0;
    let last: number | undefined;
    while (!signal.aborted) {
      const started = clock.monotonic();
      const armed = this.#alarm.arm(signal);
      if (last !== undefined) observer?.interval?.((started - last) / 1000);
      try {
        await this.#relist(signal);
        last = started;
        failures = 0;
        observer?.relisted?.((clock.monotonic() - started) / 1000);
      } catch (error) {
        signal.throwIfAborted();
        if (failures === 0)
          log.warn({ err: error }, 'relist failed: the pods of this host are unknown until it succeeds');
        failures += 1;
      }
      const isWell = failures === 0 && !this.#isPartial;
      await armed.sleep(this.#events && isWell ? beat.until(RELIST_WITH_EVENTS_MS) : beat.after(RELIST_MS));
    }
  }

  async #relist(signal: AbortSignal): Promise<void> {
    const { cache, clock, onSynced, observer } = this.#options;
    const waiters = this.#waiters.splice(0);
    try {
      const listed = await this.#list(this.#options.owner, signal);
      this.#events ||= listed.askedAt - (this.#listeningSince ?? Infinity) >= STREAM_PROVEN_MS;
      this.#isPartial = await this.#apply(listed, cache.pods(), signal);
    } catch (error) {
      this.#waiters.unshift(...waiters);
      throw error;
    }
    for (const resolve of waiters) resolve();
    this.#lastRelist = clock.monotonic();
    observer?.lastSeen?.(clock.now());
    if (this.#synced) return;
    this.#synced = true;
    onSynced();
  }

  async #list(labelSelector: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Listed> {
    const { cri, clock } = this.#options;
    const askedAt = clock.monotonic();
    const filter = { label_selector: { ...labelSelector } };
    const [sandboxes, containers] = await Promise.all([
      cri.listPodSandbox({ filter }, { signal }),
      cri.listContainers({ filter }, { signal }),
    ]);
    return {
      sandboxes: sandboxes.items.filter((each) => this.#owns(each.labels)),
      containers: containers.containers.filter((each) => this.#owns(each.labels)),
      askedAt,
    };
  }

  /**
   * Looks closer at what differs from the cache, merges it, and drops what is gone from `pods`. Resolves with
   * whether something could not be looked at. Rejects if the host could not be asked.
   */
  async #apply(listed: Listed, pods: readonly PodRef[], signal: AbortSignal): Promise<boolean> {
    const { cache } = this.#options;
    const faults = new Map<string, { pod: PodRef; fault: string }>();
    const unlessFaulty = async <T>(pod: PodRef, look: () => Promise<T | undefined>) => {
      try {
        return { pod, seen: await look() };
      } catch (error) {
        signal.throwIfAborted();
        if (isOfHost(error)) throw error;
        faults.set(pod.uid, { pod, fault: messageOf(error) });
        return { pod, seen: undefined };
      }
    };
    const changedSandboxes = ofPods(listed.sandboxes).filter(
      ({ pod, item: { id, state } }) =>
        cache.known(pod.uid, id) !== (state === 'SANDBOX_READY' ? 'ready' : 'not-ready'),
    );
    const changedContainers = ofPods(listed.containers).filter(
      ({ pod, item: { id, state } }) => cache.known(pod.uid, id) !== containerState(state),
    );
    // after a start of farlet all pods of every host are looked at
    const lots = { size: STATUS_CALLS_AT_ONCE, signal, before: nextTurn };
    const [sandboxes, containers] = await Promise.all([
      inBatches(changedSandboxes, lots, ({ pod, item: { id } }) =>
        unlessFaulty(pod, () => this.#sandbox(id, signal)),
      ),
      inBatches(changedContainers, lots, ({ pod, item: { id, pod_sandbox_id: sandboxId } }) =>
        unlessFaulty(pod, () => this.#container(id, sandboxId, signal)),
      ),
    ]);
    const changes: PodLifecycleEvent[] = [];
    for (const { pod, seen } of sandboxes)
      if (seen !== undefined)
        changes.push(...cache.merge({ pod, sandboxes: [seen], containers: [] }, listed.askedAt));
    for (const { pod, seen } of containers)
      if (seen !== undefined)
        changes.push(...cache.merge({ pod, sandboxes: [], containers: [seen] }, listed.askedAt));
    const ids = new Set([...listed.sandboxes.map(({ id }) => id), ...listed.containers.map(({ id }) => id)]);
    for (const pod of pods) changes.push(...cache.reconcile(pod.uid, ids, listed.askedAt));
    this.#mark(pods, [...faults.values()]);
    this.#emit(changes);
    return faults.size > 0;
  }

  #mark(pods: readonly PodRef[], faults: readonly { pod: PodRef; fault: string }[]): void {
    const { cache, log } = this.#options;
    const faulty = new Set(faults.map(({ pod }) => pod.uid));
    for (const pod of pods) if (!faulty.has(pod.uid)) cache.setFault(pod, undefined);
    for (const { pod, fault } of faults) {
      if (cache.get(pod.uid)?.fault === undefined)
        log.warn(
          { ...podFields(pod), reason: fault },
          'a pod waits: the runtime did not report all that it holds of it',
        );
      cache.setFault(pod, fault);
    }
  }

  /** One that vanished since it was listed is no error (the kubelet's PLEG skips NotFound). */
  async #sandbox(id: string, signal: AbortSignal): Promise<ObservedSandbox | undefined> {
    const answer = await this.#options.cri
      .podSandboxStatus({ pod_sandbox_id: id }, { signal })
      .catch(unlessNotFound);
    return answer?.status ? observedSandbox(answer.status) : undefined;
  }

  async #container(
    id: string,
    sandboxId: string,
    signal: AbortSignal,
  ): Promise<ObservedContainer | undefined> {
    const answer = await this.#options.cri
      .containerStatus({ container_id: id }, { signal })
      .catch(unlessNotFound);
    return answer?.status ? observedContainer(answer.status, sandboxId) : undefined;
  }

  async #eventLoop(signal: AbortSignal): Promise<void> {
    const { cri, clock, log } = this.#options;
    while (!signal.aborted) {
      try {
        this.#listeningSince = clock.monotonic();
        for await (const event of cri.getContainerEvents({ signal })) {
          this.#events = true;
          this.#onEvent(event);
        }
      } catch (error) {
        signal.throwIfAborted();
        if (kindOf(error) === 'unimplemented') {
          log.info({}, 'the runtime has no container events: relisting every second instead');
          return;
        }
        if (this.#events)
          log.warn({ err: error }, 'container event stream broke: relisting until it is back');
      } finally {
        this.#listeningSince = undefined;
      }
      if (this.#events) this.#options.onStreamEnd();
      this.#events = false;
      this.#waits.ended();
      this.relistSoon();
      await clock.sleep(STREAM_RETRY_MS, { signal });
    }
  }

  #onEvent(event: ContainerEventResponse__Output): void {
    const { cache, owner } = this.#options;
    const status = event.pod_sandbox_status;
    if (event.container_event_type === 'CONTAINER_DELETED_EVENT') {
      this.#emit(cache.deleted(event.container_id));
      return;
    }
    const pod = status === null ? undefined : podOfLabels(status.labels);
    if (status === null || pod === undefined || !carries(status.labels, owner) || !this.#owns(status.labels))
      return;
    const containers = event.containers_statuses.map((container) => observedContainer(container, status.id));
    this.#emit(cache.merge({ pod, sandboxes: [observedSandbox(status)], containers }));
    this.#waits.told(pod.uid);
  }

  #owns(labels: Readonly<Record<string, string>>): boolean {
    return this.#options.owns?.(labels) ?? true;
  }

  #emit(changes: readonly PodLifecycleEvent[]): void {
    if (changes.length > 0) for (const listener of this.#listeners) listener(changes);
  }
}

/** The host could not be asked: that says nothing of the pod. */
function isOfHost(error: unknown): boolean {
  return ['unavailable', 'cancelled', 'unauthenticated'].includes(kindOf(error));
}

function carries(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(([key, value]) => own(labels, key) === value);
}

/** Each with the pod that it says it belongs to; without those that no kubelet made. */
function ofPods<T extends Labelled>(items: readonly T[]): { readonly pod: PodRef; readonly item: T }[] {
  return items.flatMap((item) => {
    const pod = podOfLabels(item.labels);
    return pod === undefined ? [] : [{ pod, item }];
  });
}
