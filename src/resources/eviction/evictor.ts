/**
 * Keeps a node from running out of what its pods share (pkg/kubelet/eviction/eviction_manager.go): tells its
 * conditions, reclaims what nobody needs, and evicts pods, one at a time.
 *
 * I1. Signals are the host's, as it was just seen. What could not be seen changes nothing.
 * I2. After an eviction the next one waits until the pod is gone, or for so long that it will not go soon.
 */
import type { DiskLayout } from '../../hosts/disk-layout-reader.ts';
import type { HostWatcher } from '../../hosts/host-monitor.ts';
import type { HostAnswer, HostFiles, HostQuery } from '../../hosts/link/link.ts';
import { isCritical } from '../../model/pod-source.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { EvictionThreshold } from '../../model/eviction-thresholds.ts';
import type { ObjectReference, Pod } from '../../model/kube.ts';
import type { Log } from '../../model/log.ts';
import type { NodePressure } from '../../model/node-info.ts';
import { podFields, podReference } from '../../model/pod-ref.ts';
import type { KillOrder } from '../../model/pod-update.ts';
import type { Clock } from '../../util/clock.ts';
import { awaitEvicted } from './await-evicted.ts';
import { calm, decideEviction, thresholdsMet, withContainerFs, type EvictionState } from './decide.ts';
import { evictionOrder } from './eviction-order.ts';
import { exceededLimit, hasStorageLimit } from './local-storage.ts';
import { evictionMessage } from './message.ts';
import { rankPods } from './rank.ts';
import { reclaimable } from './reclaim.ts';
import { resourceOf, signalQueries, signalsFrom, type Observations } from './signals.ts';
import type { PodUse } from './usage.ts';

const CHECK_MS = 10_000;
const IMMEDIATE_SECONDS = 1;
/**
 * Walking through volumes may take long: it takes at most a twentieth of the time, unless that would be later
 * than a kubelet notices, which measures volumes once a minute or more rarely (volume_stat_calculator.go).
 */
const MEASURING_SHARE = 20;
const MAX_PAUSE_MS = 50_000;
const DEFAULT_GRACE_SECONDS = 30;

export interface EvictorOptions {
  readonly files: Pick<HostFiles, 'look'>;
  readonly layout: (options: Look) => Promise<DiskLayout>;
  readonly usage: {
    read(pods: readonly Pod[], options: Look): Promise<ReadonlyMap<string, PodUse>>;
  };
  readonly thresholds: readonly EvictionThreshold[];
  readonly transitionMs: number;
  /** the most that a pod gets under a soft threshold */
  readonly maxPodGraceSeconds: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly node: ObjectReference;
  /** pods that run or are about to */
  readonly activePods: () => readonly Pod[];
  readonly kill: (uid: string, order: KillOrder) => void;
  /** none of its containers runs any more */
  readonly isStopped: (uid: string) => boolean;
  /** nothing of the pod is left to stop or to clean up */
  readonly isOver: (uid: string) => boolean;
  readonly reclaim: {
    /** what is dead of any pod that has ended */
    containers(options: Look): Promise<void>;
    /** images that nothing uses */
    images(options: Look): Promise<void>;
  };
  readonly onPressure: () => void;
  /** for kubelet_evictions */
  readonly onEvicted: (signal: string) => void;
}

interface Look {
  readonly signal: AbortSignal;
}

export class Evictor implements HostWatcher {
  readonly name = 'eviction';
  readonly everyMs = CHECK_MS;
  readonly #options: EvictorOptions;
  #state: EvictionState = calm;
  #pressures: readonly NodePressure[] = [];
  #measureAgainAt = -Infinity;

  constructor(options: EvictorOptions) {
    this.#options = options;
  }

  /** The node's conditions as of the last check. */
  pressures(): readonly NodePressure[] {
    return this.#pressures;
  }

  async queries({ signal }: Look): Promise<HostQuery[]> {
    return signalQueries(await this.#options.layout({ signal }));
  }

  /** One check, and further ones as long as they evict. */
  async take(answers: readonly HostAnswer[], { signal }: Look): Promise<void> {
    const { files, layout, maxPodGraceSeconds } = this.#options;
    const disks = await layout({ signal });
    for (let seen = answers; ;) {
      const evicted = await this.#check(signalsFrom(seen, disks), disks, signal);
      if (evicted.length === 0) return;
      await awaitEvicted(evicted, { ...this.#options, graceSeconds: maxPodGraceSeconds }, { signal });
      seen = await files.look(signalQueries(disks), { signal });
    }
  }

  async #check(observations: Observations, disks: DiskLayout, signal: AbortSignal): Promise<Pod[]> {
    const { clock, transitionMs, onPressure } = this.#options;
    const thresholds = withContainerFs(this.#options.thresholds, disks);
    const decision = decideEviction({
      thresholds,
      observations,
      state: this.#state,
      transitionMs,
      now: clock.monotonic(),
    });
    const before = this.#pressures.join();
    this.#state = decision.state;
    this.#pressures = decision.pressures;
    if (before !== decision.pressures.join()) onPressure();
    const overLimit = await this.#evictOverLimit(disks, signal);
    if (overLimit.length > 0) return overLimit;
    const [first] = decision.act;
    if (first === undefined) return [];
    return this.#relieve({ first, act: decision.act, thresholds, observations, disks, signal });
  }

  /** Pods beyond their own limits on the disk go whether or not anything is short. */
  async #evictOverLimit({ imageFs }: DiskLayout, signal: AbortSignal): Promise<Pod[]> {
    const { clock, usage, log, onEvicted, activePods } = this.#options;
    const limited = activePods().filter(hasStorageLimit);
    const began = clock.monotonic();
    if (limited.length === 0 || began < this.#measureAgainAt) return [];
    let uses: ReadonlyMap<string, PodUse>;
    try {
      uses = await usage.read(limited, { signal });
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ err: error }, "pods' use of local storage could not be measured");
      return [];
    } finally {
      const ended = clock.monotonic();
      this.#measureAgainAt = ended + Math.min((ended - began) * MEASURING_SHARE, MAX_PAUSE_MS);
    }
    return limited.filter((pod) => {
      const use = uses.get(pod.metadata.uid);
      const exceeded =
        use === undefined ? undefined : exceededLimit(pod, use, { dedicatedImageFs: imageFs !== undefined });
      if (exceeded === undefined) return false;
      const order = evictionOrder(pod, exceeded.message, {
        graceSeconds: IMMEDIATE_SECONDS,
        disrupts: false,
        now: clock.now(),
      });
      if (!this.#evict(pod, order)) return false;
      onEvicted(exceeded.signal);
      return true;
    });
  }

  async #relieve(short: {
    first: EvictionThreshold;
    act: readonly EvictionThreshold[];
    thresholds: readonly EvictionThreshold[];
    observations: Observations;
    disks: DiskLayout;
    signal: AbortSignal;
  }): Promise<Pod[]> {
    const { first, act, observations, disks, signal } = short;
    const { clock, events, node, log, usage, activePods, onEvicted } = this.#options;
    const resource = resourceOf(first.signal);
    log.warn({ signal: first.signal, observed: observations.get(first.signal) }, 'eviction threshold met');
    events.event(node, 'EvictionThresholdMet', `Attempting to reclaim ${resource}`);
    if (await this.#reclaimed(short)) return [];
    const pods = activePods();
    if (pods.length === 0) return [];
    const uses = await usage.read(pods, { signal });
    const useOf = (uid: string): PodUse | undefined => uses.get(uid);
    for (const pod of rankPods(pods, useOf, { signal: first.signal, layout: disks })) {
      const use = useOf(pod.metadata.uid);
      const { message, annotations } = evictionMessage(pod, use, { resource, thresholds: act, observations });
      const graceSeconds = first.graceMs === 0 ? IMMEDIATE_SECONDS : this.#softGrace(pod);
      const order = evictionOrder(pod, message, { graceSeconds, disrupts: true, now: clock.now() });
      if (!this.#evict(pod, order, annotations)) continue;
      onEvicted(first.signal);
      return [pod];
    }
    log.warn({ signal: first.signal }, 'no pod can be evicted');
    return [];
  }

  /** Whether what the node itself can give up is enough. */
  async #reclaimed({
    first,
    thresholds,
    disks,
    signal,
  }: {
    first: EvictionThreshold;
    thresholds: readonly EvictionThreshold[];
    disks: DiskLayout;
    signal: AbortSignal;
  }): Promise<boolean> {
    const { files, reclaim, log } = this.#options;
    const steps = reclaimable(first.signal, disks);
    if (steps.length === 0) return false;
    for (const step of steps) {
      try {
        await reclaim[step]({ signal });
      } catch (error) {
        signal.throwIfAborted();
        log.warn({ err: error, step }, 'not everything could be reclaimed');
      }
    }
    const now = signalsFrom(await files.look(signalQueries(disks), { signal }), disks);
    return thresholdsMet(thresholds, now, { withReclaim: true }).length === 0;
  }

  #softGrace({ spec }: Pod): number {
    return Math.min(
      this.#options.maxPodGraceSeconds,
      spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS,
    );
  }

  /** false: a critical pod is not evicted. */
  #evict(pod: Pod, order: KillOrder, annotations?: Readonly<Record<string, string>>): boolean {
    const { events, kill, log } = this.#options;
    if (isCritical(pod)) {
      log.warn({ ...podFields(pod.metadata) }, 'a critical pod is not evicted');
      return false;
    }
    const message = order.status?.message ?? '';
    events.event(podReference(pod), 'Evicted', message, annotations);
    log.warn({ ...podFields(pod.metadata), message }, 'pod evicted');
    kill(pod.metadata.uid, order);
    return true;
  }
}
