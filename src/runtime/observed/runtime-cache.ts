/**
 * What one host's runtime holds for this node's pods, put together from lists, events and answers to farlet's
 * own calls, in whatever order those arrive.
 *
 * I1. An id's state only moves forward (created → running → unknown → exited; ready → not ready), so merging
 *     takes the furthest and a late event can undo nothing.
 * I2. An id leaves when a removal of it is seen, or when a list asked for after its last sighting lacks it.
 *     What was asked for before that does not bring it back.
 * I3. Only a successful list makes ids leave: a failed one changes nothing.
 * I4. A pod of which something listed could not be looked at is marked: what is held of it is not all there
 *     is.
 */
import type { Clock } from '../../util/clock.ts';
import { lru } from '../../util/lru.ts';
import type { PodRef } from '../../model/pod-ref.ts';
import type { PodLifecycleEvent } from '../../model/pod-update.ts';
import type {
  ObservedContainer,
  ObservedContainerState,
  ObservedSandbox,
  PodRuntimeState,
} from '../../model/runtime-state.ts';

/** Something seen of one pod; not necessarily all of it. */
export interface Sighting {
  readonly pod: PodRef;
  readonly sandboxes: readonly ObservedSandbox[];
  readonly containers: readonly ObservedContainer[];
}

interface Held<T> {
  readonly value: T;
  readonly seenAt: number;
}

interface Entry {
  readonly pod: PodRef;
  readonly sandboxes: Map<string, Held<ObservedSandbox>>;
  readonly containers: Map<string, Held<ObservedContainer>>;
  ips: readonly string[];
  observedAt: number;
  fault: string | undefined;
}

export interface RuntimeCounts {
  /** pods of which a sandbox is ready */
  readonly ready: number;
  readonly containers: Readonly<Record<ObservedContainerState, number>>;
}

/** So many of those that left: an answer is under way for seconds, and few leave meanwhile. */
const REMEMBERED = 256;

const rank: Record<ObservedContainerState, number> = { created: 0, running: 1, unknown: 2, exited: 3 };

export class RuntimeCache {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #pods = new Map<string, Entry>();
  /** when those that left last were gone, by id */
  readonly #left = lru<{ readonly at: number }>(REMEMBERED);
  #revision = 0;

  constructor(options: { clock: Pick<Clock, 'monotonic'> }) {
    this.#clock = options.clock;
  }

  /** Grows whenever the counts may have changed. */
  get revision(): number {
    return this.#revision;
  }

  get(uid: string): PodRuntimeState | undefined {
    const entry = this.#pods.get(uid);
    return entry === undefined ? undefined : snapshot(entry);
  }

  /** Every pod of which the runtime holds something. */
  pods(): PodRef[] {
    return [...this.#pods.values()].map((entry) => entry.pod);
  }

  states(): PodRuntimeState[] {
    return [...this.#pods.values()].map(snapshot);
  }

  /** Of how many pods a sandbox is ready, and how many containers are in each state. */
  counts(): RuntimeCounts {
    const containers = { created: 0, running: 0, unknown: 0, exited: 0 };
    let ready = 0;
    for (const entry of this.#pods.values()) {
      if (hasReady(entry)) ready += 1;
      for (const { value } of entry.containers.values()) containers[value.state] += 1;
    }
    return { ready, containers };
  }

  /** The listed state of an id as last seen, to tell which ids need a closer look. */
  known(uid: string, id: string): ObservedContainerState | 'ready' | 'not-ready' | undefined {
    const entry = this.#pods.get(uid);
    const sandbox = entry?.sandboxes.get(id)?.value;
    if (sandbox !== undefined) return sandbox.ready ? 'ready' : 'not-ready';
    return entry?.containers.get(id)?.value.state;
  }

  /**
   * Adds what was seen of a pod; `askedAt` (monotonic ms) is when the question was put. Returns what is new.
   */
  merge({ pod, ...sighting }: Sighting, askedAt = this.#clock.monotonic()): PodLifecycleEvent[] {
    const isThere = ({ id }: { id: string }): boolean => (this.#left.get(id)?.at ?? -Infinity) <= askedAt;
    const sandboxes = sighting.sandboxes.filter(isThere);
    const containers = sighting.containers.filter(isThere);
    if (sandboxes.length === 0 && containers.length === 0 && !this.#pods.has(pod.uid)) return [];
    const entry = this.#entry(pod);
    const changes: PodLifecycleEvent[] = [];
    for (const sandbox of sandboxes) {
      const before = entry.sandboxes.get(sandbox.id);
      if (before !== undefined && !before.value.ready && sandbox.ready) continue;
      entry.sandboxes.set(sandbox.id, { value: sandbox, seenAt: Math.max(askedAt, before?.seenAt ?? 0) });
      if (before?.value.ready === sandbox.ready) continue;
      this.#revision += 1;
      changes.push({ pod: entry.pod, id: sandbox.id, kind: 'sandbox-changed' });
    }
    for (const container of containers) {
      const before = entry.containers.get(container.id);
      if (before !== undefined && rank[before.value.state] > rank[container.state]) continue;
      entry.containers.set(container.id, {
        value: container,
        seenAt: Math.max(askedAt, before?.seenAt ?? 0),
      });
      if (before?.value.state === container.state) continue;
      this.#revision += 1;
      if (container.state === 'running')
        changes.push({ pod: entry.pod, id: container.id, kind: 'container-started' });
      else if (container.state !== 'created')
        changes.push({ pod: entry.pod, id: container.id, kind: 'container-died' });
    }
    entry.observedAt = Math.max(entry.observedAt, askedAt);
    entry.ips = currentIps(entry);
    return changes;
  }

  /** Drops ids that a list asked for at `askedAt` did not hold. */
  reconcile(uid: string, listed: ReadonlySet<string>, askedAt: number): PodLifecycleEvent[] {
    const entry = this.#pods.get(uid);
    if (entry === undefined) return [];
    const gone = [...entry.sandboxes, ...entry.containers]
      .filter(([id, held]) => !listed.has(id) && held.seenAt < askedAt)
      .map(([id]) => id);
    entry.observedAt = Math.max(entry.observedAt, askedAt);
    return gone.flatMap((id) => this.removed(uid, id, askedAt));
  }

  /** Why not all that the runtime holds of the pod could be looked at; undefined: it could. */
  setFault(pod: PodRef, fault: string | undefined): void {
    if (fault !== undefined) this.#entry(pod).fault = fault;
    const entry = this.#pods.get(pod.uid);
    if (entry === undefined || fault !== undefined) return;
    entry.fault = undefined;
    this.#forgetEmpty(entry);
  }

  /** A sandbox that farlet itself has stopped. */
  stopped(uid: string, id: string): void {
    const entry = this.#pods.get(uid);
    const held = entry?.sandboxes.get(id);
    if (entry === undefined || held === undefined) return;
    this.#revision += 1;
    entry.sandboxes.set(id, { ...held, value: { ...held.value, ready: false } });
    entry.ips = currentIps(entry);
  }

  /** A container or sandbox is no more, which was so at that time at the latest. */
  removed(uid: string, id: string, at = this.#clock.monotonic()): PodLifecycleEvent[] {
    this.#left.set(id, { at });
    const entry = this.#pods.get(uid);
    if (entry === undefined) return [];
    const wasSandbox = entry.sandboxes.delete(id);
    const wasContainer = entry.containers.delete(id);
    if (wasSandbox || wasContainer) this.#revision += 1;
    this.#forgetEmpty(entry);
    if (wasSandbox) return [{ pod: entry.pod, id, kind: 'sandbox-changed' }];
    return wasContainer ? [{ pod: entry.pod, id, kind: 'container-removed' }] : [];
  }

  /** As `removed`, where no more is known than the id. */
  deleted(id: string): PodLifecycleEvent[] {
    return this.removed(this.#ownerOf(id) ?? '', id);
  }

  #ownerOf(id: string): string | undefined {
    for (const [uid, entry] of this.#pods)
      if (entry.sandboxes.has(id) || entry.containers.has(id)) return uid;
    return undefined;
  }

  #forgetEmpty({ pod, sandboxes, containers, fault }: Entry): void {
    if (sandboxes.size === 0 && containers.size === 0 && fault === undefined) this.#pods.delete(pod.uid);
  }

  #entry(pod: PodRef): Entry {
    const existing = this.#pods.get(pod.uid);
    if (existing !== undefined) return existing;
    const entry: Entry = {
      pod,
      sandboxes: new Map(),
      containers: new Map(),
      ips: [],
      observedAt: 0,
      fault: undefined,
    };
    this.#pods.set(pod.uid, entry);
    return entry;
  }
}

/**
 * Newest first: highest attempt, then latest creation, then id (kubelet: podSandboxByCreated and its users).
 */
function newestFirst<T extends { attempt: number; createdAt: number; id: string }>(a: T, b: T): number {
  return b.attempt - a.attempt || b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1);
}

function byCreation(a: ObservedContainer, b: ObservedContainer): number {
  return b.createdAt - a.createdAt || newestFirst(a, b);
}

function currentIps(entry: Entry): readonly string[] {
  const ready = [...entry.sandboxes.values()].map((held) => held.value).filter((sandbox) => sandbox.ready);
  return ready.sort(newestFirst)[0]?.ips ?? entry.ips;
}

function hasReady({ sandboxes }: Entry): boolean {
  for (const { value } of sandboxes.values()) if (value.ready) return true;
  return false;
}

function snapshot(entry: Entry): PodRuntimeState {
  return {
    ...entry.pod,
    sandboxes: [...entry.sandboxes.values()].map((held) => held.value).sort(newestFirst),
    containers: [...entry.containers.values()].map((held) => held.value).sort(byCreation),
    ips: entry.ips,
    observedAt: entry.observedAt,
    ...(entry.fault === undefined ? {} : { fault: entry.fault }),
  };
}
