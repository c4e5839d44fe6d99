/**
 * The three steps of a pod's life (pkg/kubelet/kubelet.go SyncPod, SyncTerminatingPod, SyncTerminatedPod).
 *
 * I1. A step acts only on an observation newer than its last action: it observes the pod before it ends.
 * I2. While the host can't be asked, no step decides or writes anything.
 * I3. The object goes only after nothing of the pod runs, and its volumes and control group are gone. What is
 *     dead in the runtime, and the logs, go after it (while the node is drained, before): after a crash the
 *     pod is one that no source knows.
 */
import { FarletError } from '../model/errors.ts';
import type { Pod } from '../model/kube.ts';
import { podFields, podReference, type PodRef } from '../model/pod-ref.ts';
import type { KillOrder, SyncOutcome } from '../model/pod-update.ts';
import { runs, runsAll } from '../model/holds.ts';
import type { ObservedContainer, PodRuntimeState, Removal } from '../model/runtime-state.ts';
import type { PodRuntime } from '../runtime/pod/pod-runtime.ts';
import { firstFailure } from '../runtime/spec/steps.ts';
import { maySandboxesStop } from '../runtime/spec/stop-cut-off.ts';
import { settledBoth } from '../util/abort.ts';
import { Semaphore } from '../util/semaphore.ts';
import type { PodVolumes } from './volumes/pod-volumes.ts';
import { finalStatus } from './status/merge-status.ts';
import { overriddenStatus } from './status/overridden-status.ts';
import { PodView } from './pod-view.ts';
import { PodSync, type PodSyncOptions } from './pod-sync.ts';

export interface PodSyncerOptions extends PodSyncOptions {
  readonly runtime: PodSyncOptions['runtime'] &
    Pick<PodRuntime, 'killPod' | 'killContainers' | 'stopSandboxes'>;
  readonly cache: PodSyncOptions['cache'] & {
    stopped(uid: string, id: string): void;
    removed(uid: string, id: string): unknown;
  };
  readonly collector: {
    removePod(state: PodRuntimeState, options: { signal: AbortSignal }): Promise<Removal>;
  };
  readonly volumes: PodSyncOptions['volumes'] & Pick<PodVolumes, 'unmount'>;
  readonly cgroups: PodSyncOptions['cgroups'] & {
    remove(pod: Pod, options: { signal: AbortSignal }): Promise<void>;
  };
  readonly objects: PodSyncOptions['objects'] & { unregister(uid: string): void };
  readonly probes: PodSyncOptions['probes'] & {
    stopLivenessAndStartup(uid: string): void;
    remove(uid: string): void;
  };
  readonly status: PodSyncOptions['status'] & {
    settled(uid: string): Promise<void>;
    finish(pod: Pod, options: { signal: AbortSignal }): Promise<void>;
  };
  /** the node takes no new pods: an empty host is what is waited for */
  readonly isDrained: () => boolean;
  readonly forgetPod: (uid: string) => void;
}

/**
 * Most containers end within this time, in a burst of deletions too, and the next step follows at once: one
 * write reports all.
 */
const STOP_LINGER_MS = 1_000;
/** Removals wait for each other, so that a burst of deletions spends its time on stopping first. */
const REMOVALS_AT_ONCE = 2;

export class PodSyncer {
  readonly #options: PodSyncerOptions;
  readonly #view: PodView;
  readonly #sync: PodSync;
  readonly #removals = new Semaphore(REMOVALS_AT_ONCE);

  constructor(options: PodSyncerOptions) {
    this.#options = options;
    this.#view = new PodView(options);
    this.#sync = new PodSync(options, this.#view);
  }

  /** SyncPod: see PodSync. */
  syncPod(pod: Pod, { signal }: { signal: AbortSignal }): Promise<SyncOutcome> {
    return this.#sync.syncPod(pod, { signal });
  }

  /**
   * SyncTerminatingPod: resolves only once no container of the pod runs and the status says how they ended.
   * `graceSeconds` is the time that containers have to end; `status` is merged over the computed one.
   */
  async stopPod(
    pod: Pod,
    {
      graceSeconds,
      status: override,
      signal,
    }: { graceSeconds: number; status: KillOrder['status'] | undefined; signal: AbortSignal },
  ): Promise<void> {
    const { host, probes, status, messages } = this.#options;
    if (host.state().at !== 'ready')
      throw new FarletError('unavailable', 'the host is not ready: the pod is stopped when it is back');
    const { uid } = pod.metadata;
    // 1. Stop the probes that restart containers.
    probes.stopLivenessAndStartup(uid);
    // 2. Update the status. How containers will end is not known yet: step 4 reports that.
    if (!isKnownToRun(pod, this.#view.state(pod))) await this.#view.observe(pod, signal);
    const before = this.#view.state(pod);
    await messages.read(before, { signal });
    status.set(pod, {
      status: overriddenStatus(this.#view.status(pod, before, { isTerminal: false }), override),
      mayRun: true,
      lingerMs: STOP_LINGER_MS,
    });
    // 3. Stop the containers and the sandboxes (killPod), and what a look at the pod finds besides.
    await this.#kill(pod, before, { graceSeconds, signal });
    if (runs(this.#view.state(pod))) await this.#kill(pod, this.#view.state(pod), { graceSeconds, signal });
    probes.remove(uid);
    const after = this.#view.state(pod);
    const left = running(after).map(({ name }) => name);
    if (left.length > 0) throw notStopped(pod, `still running: ${left.join(', ')}`);
    // 4. Report how the containers ended.
    await messages.read(after, { signal });
    status.set(pod, {
      status: overriddenStatus(this.#view.status(pod, after, { isTerminal: true }), override),
      mayRun: false,
      lingerMs: STOP_LINGER_MS,
    });
  }

  /** Stops what the state holds, then observes the pod. What can't be stopped rejects, told in an event. */
  async #kill(
    pod: Pod,
    state: PodRuntimeState,
    { graceSeconds, signal }: { graceSeconds: number; signal: AbortSignal },
  ): Promise<void> {
    const { runtime, cache, events, messages } = this.#options;
    const containers = await runtime.killContainers({ pod, state, graceSeconds }, { signal });
    // all there is to see is there once the containers have ended; the sandbox takes its time to stop
    const stopped = running(state).map(({ id }) => id);
    const observed = this.#view
      .observeDeeds(pod, { stopped }, signal)
      .then(() => messages.read(this.#view.state(pod), { signal }));
    observed.catch(() => undefined);
    const sandboxes = maySandboxesStop(containers) ? [await runtime.stopSandboxes(state, { signal })] : [];
    const failure = firstFailure([...containers, ...sandboxes]);
    if (failure !== undefined) {
      events.event(podReference(pod), 'FailedKillPod', `error killing pod: ${failure.message}`);
      throw notStopped(pod, failure.message);
    }
    await observed;
    for (const { id } of state.sandboxes) cache.stopped(pod.metadata.uid, id);
  }

  /**
   * SyncTerminatedPod: gives back what the pod held on the host. Resolves once its last status is written
   * and, for a pod that was deleted, its object is gone, and then all that the runtime held of it.
   */
  async finishPod(pod: Pod, { signal }: { signal: AbortSignal }): Promise<void> {
    const { host, objects, status, volumes, cgroups, probes, isDrained, forgetPod } = this.#options;
    if (host.state().at !== 'ready')
      throw new FarletError('unavailable', 'the host is not ready: the pod is cleaned up when it is back');
    const { uid } = pod.metadata;
    // 1. Set the final status, and end the probes.
    const last = status.current(uid) ?? pod.status ?? {};
    status.set(pod, { status: finalStatus(last, pod), mayRun: false });
    probes.remove(uid);
    // 2. Unmount the volumes and remove the cgroup.
    await settledBoth(volumes.unmount(uid, { signal }), cgroups.remove(pod, { signal }));
    objects.unregister(uid);
    // 3. A pod that nobody deleted stays: its status is written, its containers keep their logs.
    if (pod.metadata.deletionTimestamp === undefined) {
      await status.settled(uid);
      return;
    }
    // 4. Let the object go: nothing of the pod runs, or is mounted.
    // 5. Remove what the runtime still holds. Only who drains a node waits for that.
    const waits = isDrained();
    if (waits) await this.#remove(pod, signal);
    await status.finish(pod, { signal });
    forgetPod(uid);
    if (!waits) await this.#remove(pod, signal);
  }

  /** A few pods at a time. What fails is told, and left to the collection of every minute. */
  async #remove(pod: Pod, signal: AbortSignal): Promise<void> {
    const { collector, cache, log } = this.#options;
    const { uid } = pod.metadata;
    try {
      await this.#removals.run(signal, async () => {
        const held = cache.get(uid);
        if (held === undefined) return;
        const { gone, refused } = await collector.removePod(held, { signal });
        for (const id of gone) cache.removed(uid, id);
        this.#reportRefused(pod, refused);
      });
    } catch (error) {
      signal.throwIfAborted();
      log.warn(
        { ...podFields(pod.metadata), err: error },
        'the remains of a deleted pod could not be removed: the collection of every minute tries again',
      );
    }
  }

  /** Stops and removes a pod of which only the runtime knows (HandlePodCleanups in kubelet_pods.go). */
  async stopOrphan(pod: PodRef, { signal }: { signal: AbortSignal }): Promise<void> {
    const { host, runtime, collector, volumes, observe, cache, log } = this.#options;
    if (host.state().at !== 'ready') return;
    await observe.refresh(pod, { signal });
    const state = cache.get(pod.uid);
    if (state === undefined) return;
    if (runs(state)) log.warn(podFields(pod), 'stopping a pod that no source knows');
    else log.info(podFields(pod), 'removing what is left of a pod that no source knows');
    const failure = firstFailure(
      await runtime.killPod({ pod: undefined, state, graceSeconds: 1 }, { signal }),
    );
    if (failure !== undefined) throw new FarletError('internal', failure.message);
    await observe.refresh(pod, { signal });
    const stopped = cache.get(pod.uid);
    if (stopped !== undefined) await collector.removePod(stopped, { signal });
    await volumes.unmount(pod.uid, { signal });
    await observe.refresh(pod, { signal });
  }

  #reportRefused(pod: Pod, refused: readonly string[]): void {
    const [first] = refused;
    if (first === undefined) return;
    const message = `Nothing of the pod runs, but the runtime refuses to remove ${refused.length} of its containers and sandboxes: ${first}. It is asked again every minute; a restart of the runtime usually helps`;
    this.#options.events.event(podReference(pod), 'FailedRemovePodContainers', message);
    this.#options.log.warn(
      { ...podFields(pod.metadata), refused },
      'the runtime refuses to remove what does not run',
    );
  }
}

/**
 * Each container runs, so none is just being made, and no sandbox either: a look would tell no more. A sync
 * that was cut off may have left what nobody has seen yet.
 */
function isKnownToRun(pod: Pod, state: PodRuntimeState): boolean {
  return state.sandboxes.length > 0 && runsAll(pod, state);
}

function running({ containers }: PodRuntimeState): ObservedContainer[] {
  return containers.filter(({ state }) => state === 'running');
}

function notStopped({ metadata: { name } }: Pod, why: string): FarletError {
  return new FarletError('internal', `pod ${name} could not be stopped: ${why}`);
}
