/**
 * The three steps of a pod's life (pkg/kubelet/kubelet.go SyncPod, SyncTerminatingPod, SyncTerminatedPod).
 *
 * I1. A step acts only on an observation newer than its last action: what it touched is looked at before it ends.
 * I2. While the host can't be asked nothing is judged and nothing is written.
 * I3. The object goes only after the runtime and the host's disk hold nothing of the pod, but for dead containers that the
 *     runtime refuses to remove: an object that waits for them would wait for ever.
 */
import { FarletError } from '../model/errors.ts';
import type { Pod } from '../model/kube.ts';
import { podRef, podReference, type PodRef } from '../model/pod-ref.ts';
import type { KillOrder, SyncOutcome } from '../model/pod-update.ts';
import type { PodRuntimeState } from '../model/runtime-state.ts';
import type { PodRuntime } from '../runtime/pod/execute.ts';
import { firstFailure } from '../runtime/spec/steps.ts';
import { settledBoth } from '../util/abort.ts';
import type { PodVolumes } from './volumes/pod-volumes.ts';
import { finalStatus } from './status/merge-status.ts';
import { overriddenStatus } from './status/overridden-status.ts';
import { PodView } from './pod-view.ts';
import { PodSync, type PodSyncOptions } from './sync-pod.ts';

export interface PodStepsOptions extends PodSyncOptions {
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

export class PodSteps {
  readonly #options: PodStepsOptions;
  readonly #view: PodView;
  readonly #sync: PodSync;

  constructor(options: PodStepsOptions) {
    this.#options = options;
    this.#view = new PodView(options);
    this.#sync = new PodSync(options, this.#view);
  }

  syncPod(pod: Pod, { signal }: { signal: AbortSignal }): Promise<SyncOutcome> {
    return this.#sync.syncPod(pod, { signal });
  }

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
    probes.stopLivenessAndStartup(uid);
    await this.#view.look(pod, signal);
    const before = this.#view.state(pod);
    await messages.read(before, { signal });
    // nothing is known yet of how its containers will end: that is told once they have
    status.set(pod, {
      status: overriddenStatus(this.#view.status(pod, before, { isTerminal: false }), override),
      mayRun: true,
    });
    const steps = await runtime.killPod({ pod, state: before, graceSeconds }, { signal });
    const failure = firstFailure(steps);
    if (failure !== undefined)
      events.event(podReference(pod), 'Warning', 'FailedKillPod', `error killing pod: ${failure.message}`);
    probes.remove(uid);
    await this.#view.look(pod, signal);
    const after = this.#view.state(pod);
    const running = after.containers.filter(({ state }) => state === 'running').map(({ name }) => name);
    if (failure !== undefined || running.length > 0) {
      throw new FarletError(
        'internal',
        `pod ${pod.metadata.name} could not be stopped: ${failure?.message ?? `still running: ${running.join(', ')}`}`,
      );
    }
    await messages.read(after, { signal });
    status.set(pod, {
      status: overriddenStatus(this.#view.status(pod, after, { isTerminal: true }), override),
      mayRun: false,
    });
  }

  async finishPod(pod: Pod, { signal }: { signal: AbortSignal }): Promise<void> {
    const { host, collector, objects, status, volumes, cgroups, probes, cache, forgetPod } = this.#options;
    if (host.state().at !== 'ready')
      throw new FarletError('unavailable', 'the host is not ready: the pod is cleaned up when it is back');
    const { uid } = pod.metadata;
    const last = status.current(uid) ?? pod.status ?? {};
    status.set(pod, { status: finalStatus(last, pod), mayRun: false });
    probes.remove(uid);
    await settledBoth(volumes.unmount(uid, { signal }), cgroups.remove(pod, { signal }));
    objects.unregister(uid);
    if (pod.metadata.deletionTimestamp === undefined) {
      await status.settled(uid);
      return;
    }
    const held = cache.get(uid);
    if (held !== undefined) {
      this.#tellRefused(pod, await collector.removePod(held, { signal }));
      await this.#view.look(pod, signal);
    }
    await status.finish(pod, { signal });
    forgetPod(uid);
  }

  async stopOrphan(pod: PodRef, { signal }: { signal: AbortSignal }): Promise<void> {
    const { host, runtime, collector, volumes, observe, cache, log } = this.#options;
    if (host.state().at !== 'ready') return;
    await observe.refresh(pod, { signal });
    const state = cache.get(pod.uid);
    if (state === undefined) return;
    log.warn(
      { pod: pod.name, namespace: pod.namespace, uid: pod.uid },
      'stopping a pod that no source knows',
    );
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

  #tellRefused(pod: Pod, refused: readonly string[]): void {
    const [first] = refused;
    if (first === undefined) return;
    const message = `Nothing of the pod runs, but the runtime refuses to remove ${refused.length} of its containers and sandboxes: ${first}. It is asked again every minute; a restart of the runtime usually helps`;
    this.#options.events.event(podReference(pod), 'Warning', 'FailedRemovePodContainers', message);
    this.#options.log.warn({ pod: podRef(pod), refused }, 'the runtime refuses to remove what does not run');
  }
}
