/**
 * The three steps of a pod's life (pkg/kubelet/kubelet.go SyncPod, SyncTerminatingPod, SyncTerminatedPod).
 *
 * I1. A step acts only on an observation newer than its last action: it observes the pod before it ends.
 * I2. While the host can't be asked, no step decides or writes anything.
 * I3. The object goes only after the runtime and the host's disk hold nothing of the pod, but for dead
 *     containers that the runtime refuses to remove: an object that waits for them would wait for ever.
 */
import { FarletError } from '../model/errors.ts';
import type { Pod } from '../model/kube.ts';
import { podFields, podReference, type PodRef } from '../model/pod-ref.ts';
import type { KillOrder, SyncOutcome } from '../model/pod-update.ts';
import type { PodRuntimeState } from '../model/runtime-state.ts';
import type { PodRuntime } from '../runtime/pod/pod-runtime.ts';
import { firstFailure } from '../runtime/spec/steps.ts';
import { settledBoth } from '../util/abort.ts';
import type { PodVolumes } from './volumes/pod-volumes.ts';
import { finalStatus } from './status/merge-status.ts';
import { overriddenStatus } from './status/overridden-status.ts';
import { PodView } from './pod-view.ts';
import { PodSync, type PodSyncOptions } from './pod-sync.ts';

export interface PodSyncerOptions extends PodSyncOptions {
  readonly runtime: PodSyncOptions['runtime'] & Pick<PodRuntime, 'killPod'>;
  readonly collector: {
    removePod(state: PodRuntimeState, options: { signal: AbortSignal }): Promise<string[]>;
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
  readonly forgetPod: (uid: string) => void;
}

export class PodSyncer {
  readonly #options: PodSyncerOptions;
  readonly #view: PodView;
  readonly #sync: PodSync;

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
    const { host, runtime, probes, status, events, messages } = this.#options;
    if (host.state().at !== 'ready')
      throw new FarletError('unavailable', 'the host is not ready: the pod is stopped when it is back');
    const { uid } = pod.metadata;
    // 1. Stop the probes that restart containers.
    probes.stopLivenessAndStartup(uid);
    // 2. Update the status. How containers will end is not known yet: step 5 reports that.
    await this.#view.observe(pod, signal);
    const before = this.#view.state(pod);
    await messages.read(before, { signal });
    status.set(pod, {
      status: overriddenStatus(this.#view.status(pod, before, { isTerminal: false }), override),
      mayRun: true,
    });
    // 3. Stop the containers and the sandboxes (killPod).
    const steps = await runtime.killPod({ pod, state: before, graceSeconds }, { signal });
    const failure = firstFailure(steps);
    if (failure !== undefined)
      events.event(podReference(pod), 'FailedKillPod', `error killing pod: ${failure.message}`);
    probes.remove(uid);
    // 4. Check that nothing of the pod runs.
    await this.#view.observe(pod, signal);
    const after = this.#view.state(pod);
    const why = failure?.message ?? stillRunning(after);
    if (why !== undefined)
      throw new FarletError('internal', `pod ${pod.metadata.name} could not be stopped: ${why}`);
    // 5. Report how the containers ended.
    await messages.read(after, { signal });
    status.set(pod, {
      status: overriddenStatus(this.#view.status(pod, after, { isTerminal: true }), override),
      mayRun: false,
    });
  }

  /**
   * SyncTerminatedPod: gives back what the pod held on the host. Resolves once its last status is written
   * and, for a pod that was deleted, its object is gone.
   */
  async finishPod(pod: Pod, { signal }: { signal: AbortSignal }): Promise<void> {
    const { host, collector, objects, status, volumes, cgroups, probes, cache, forgetPod } = this.#options;
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
    // 4. Remove what the runtime still holds, then the object.
    const held = cache.get(uid);
    if (held !== undefined) {
      this.#reportRefused(pod, await collector.removePod(held, { signal }));
      await this.#view.observe(pod, signal);
    }
    await status.finish(pod, { signal });
    forgetPod(uid);
  }

  /** Stops and removes a pod of which only the runtime knows (HandlePodCleanups in kubelet_pods.go). */
  async stopOrphan(pod: PodRef, { signal }: { signal: AbortSignal }): Promise<void> {
    const { host, runtime, collector, volumes, observe, cache, log } = this.#options;
    if (host.state().at !== 'ready') return;
    await observe.refresh(pod, { signal });
    const state = cache.get(pod.uid);
    if (state === undefined) return;
    log.warn(podFields(pod), 'stopping a pod that no source knows');
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

function stillRunning({ containers }: PodRuntimeState): string | undefined {
  const names = containers.filter(({ state }) => state === 'running').map(({ name }) => name);
  return names.length === 0 ? undefined : `still running: ${names.join(', ')}`;
}
