/**
 * The three steps of a pod's life (pkg/kubelet/kubelet.go SyncPod, SyncTerminatingPod, SyncTerminatedPod).
 *
 * I1. A step acts only on an observation newer than its last action: what it touched is looked at before it ends.
 * I2. While the host can't be asked nothing is judged and nothing is written.
 * I3. The object goes only after the runtime and the host's disk hold nothing of the pod, but for dead containers that the
 *     runtime refuses to remove: an object that waits for them would wait for ever.
 */
import type { HostState, RuntimeInfo } from '../hosts/runtime-host.ts';
import { FarletError, kindOf, messageOf } from '../model/errors.ts';
import type { EventRecorder } from '../model/events.ts';
import type { Pod, PodStatus, RuntimeClass, Secret } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import { podRef, podReference, type PodRef } from '../model/pod-ref.ts';
import { isStaticPod } from '../model/pod-source.ts';
import type { KillOrder } from '../model/pod-update.ts';
import { handlerRefusal } from '../model/runtime-handler.ts';
import type { SyncOutcome } from '../model/sync-outcome.ts';
import { emptyRuntimeState, type ObservedSandbox, type PodRuntimeState } from '../model/runtime-state.ts';
import { computeActions, isIdle } from '../runtime/compute-actions.ts';
import type { PodRuntime, PodSyncResult } from '../runtime/execute.ts';
import type { ProbeResults } from '../runtime/init-actions.ts';
import { readPullSecrets } from '../runtime/pull-secrets.ts';
import type { StartErrors } from '../runtime/start-errors.ts';
import { firstFailure } from '../runtime/steps.ts';
import { settledBoth } from '../util/abort.ts';
import { jittered } from '../util/backoff.ts';
import type { Clock } from '../util/clock.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import { isTerminalPhase } from '../model/phase.ts';
import { finalStatus } from './merge-status.ts';
import { overriddenStatus } from './overridden-status.ts';
import type { PodResizes } from './pod-resizes.ts';
import { podStatus } from './status.ts';
import type { TerminationMessages } from './termination-messages.ts';

export interface PodStepsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly host: {
    readonly name: string;
    state(): HostState;
    runtime(): Pick<RuntimeInfo, 'name' | 'handlers'> | undefined;
  };
  readonly cache: { get(uid: string): PodRuntimeState | undefined };
  /** looks at the runtime again; answers are newer than the question */
  readonly observe: {
    refresh(pod: PodRef, options: { signal: AbortSignal }): Promise<void>;
  };
  readonly runtime: PodRuntime;
  readonly startErrors: StartErrors;
  readonly collector: {
    removePod(state: PodRuntimeState, options: { signal: AbortSignal }): Promise<string[]>;
  };
  readonly volumes: PodVolumes;
  readonly cgroups: {
    prepare(pod: Pod, options: { create: boolean; signal: AbortSignal }): Promise<void>;
    remove(pod: Pod, options: { signal: AbortSignal }): Promise<void>;
  };
  readonly resizes: PodResizes;
  readonly objects: {
    register(pod: Pod): void;
    unregister(uid: string): void;
    secret(namespace: string, name: string, options: { signal: AbortSignal }): Promise<Secret>;
  };
  readonly runtimeClass: (name: string) => RuntimeClass | undefined;
  /** sees to the mirror of a static pod, without waiting for it */
  readonly mirror: (pod: Pod) => void;
  readonly probes: ProbeResults & {
    readonly readiness: ProbeResults['liveness'];
    add(pod: Pod): void;
    stopLivenessAndStartup(uid: string): void;
    remove(uid: string): void;
  };
  readonly messages: TerminationMessages;
  readonly status: {
    current(uid: string): PodStatus | undefined;
    set(pod: Pod, desired: { status: PodStatus; mayRun: boolean; lingerMs?: number }): void;
    settled(uid: string): Promise<void>;
    finish(pod: Pod, options: { signal: AbortSignal }): Promise<void>;
  };
  readonly forgetPod: (uid: string) => void;
  readonly nodeIPs: () => readonly string[];
  readonly onRunning: (pod: Pod) => void;
}

/** Where images are there, containers run within this time of their sandbox: one write tells of both. */
const SANDBOX_TOLD_AFTER_MS = 500;
const NETWORK_RETRY_MS = 1_000;
const ERROR_RETRY_MS = 10_000;
const MAX_RETRY_MS = 60_000;
const JITTER = 0.5;

export class PodSteps {
  readonly #options: PodStepsOptions;

  constructor(options: PodStepsOptions) {
    this.#options = options;
  }

  async syncPod(pod: Pod, { signal }: { signal: AbortSignal }): Promise<SyncOutcome> {
    const { clock, host, objects, probes, status, events, messages, volumes, onRunning } = this.#options;
    const hostState = host.state();
    if (hostState.at !== 'ready') return { kind: 'paused' };
    const state = this.#state(pod);
    if (state.fault !== undefined) {
      this.#tellUnseen(pod, state.fault);
      return { kind: 'failed', retryInMs: jittered(ERROR_RETRY_MS, JITTER) };
    }
    await messages.read(state, { signal });
    this.#options.resizes.observe(pod, state);
    const current = this.#status(pod, state, { isTerminal: false });
    if (isTerminalPhase(current.phase)) {
      status.set(pod, { status: current, mayRun: true });
      return { kind: 'terminal', order: {} };
    }
    const deadline = deadlineIn(pod, current, clock.now());
    if (deadline !== undefined && deadline <= 0) {
      events.event(podReference(pod), 'Normal', 'DeadlineExceeded', deadlineMessage);
      const failed = { phase: 'Failed', reason: 'DeadlineExceeded', message: deadlineMessage };
      status.set(pod, { status: { ...current, ...failed }, mayRun: true });
      return { kind: 'terminal', order: { status: failed } };
    }
    status.set(pod, { status: current, mayRun: true });
    if (current.phase === 'Running') onRunning(pod);
    if (!hostState.networkReady.status && pod.spec.hostNetwork !== true) {
      const { reason, message } = hostState.networkReady;
      events.event(
        podReference(pod),
        'Warning',
        'NetworkNotReady',
        `network is not ready: container runtime network not ready: NetworkReady=false reason:${reason} message:${message}`,
      );
      return { kind: 'failed', retryInMs: jittered(NETWORK_RETRY_MS, JITTER) };
    }
    if (isStaticPod(pod)) this.#options.mirror(pod);
    objects.register(pod);
    probes.add(pod);
    const { actions, resize } = this.#options.resizes.plan(
      pod,
      state,
      computeActions({ pod, state, probes, restartAll: isRestartingAll(current) }),
    );
    const idle = isIdle(actions) && resize === undefined;
    // one after the other would be a round trip more for every pod
    const [mounted] = await settledBoth(
      volumes.mount(pod, { signal }),
      idle ? Promise.resolve() : this.#prepareCgroup(pod, { create: actions.createSandbox, signal }),
    );
    if (idle) return { kind: 'settled', ...this.#nextLook(pod, deadline) };
    const handler = await this.#runtimeHandler(pod);
    const refused = actions.createSandbox ? this.#refusal(pod, state, handler) : undefined;
    if (refused !== undefined) return { kind: 'terminal', order: { status: refused } };
    const alongside: Promise<void>[] = [];
    const starts = actions.start.length + actions.startInit.length + actions.startEphemeral.length > 0;
    const result = await this.#options.runtime.syncPod(
      {
        pod,
        state,
        actions,
        resize,
        volumes: mounted,
        pullSecrets: starts
          ? await readPullSecrets(pod, { secret: objects.secret.bind(objects), events }, { signal })
          : [],
        runtimeHandler: handler,
        onSandboxReady: (sandbox, ips) => {
          this.#tellSandbox(pod, state, { sandbox, ips });
        },
        alongside: (work) => alongside.push(work),
      },
      { signal },
    );
    const [outcome] = await settledBoth(this.#afterSync(pod, result, signal), Promise.all(alongside));
    return outcome;
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
    await this.#look(pod, signal);
    const before = this.#state(pod);
    await messages.read(before, { signal });
    // nothing is known yet of how its containers will end: that is told once they have
    status.set(pod, {
      status: overriddenStatus(this.#status(pod, before, { isTerminal: false }), override),
      mayRun: true,
    });
    const steps = await runtime.killPod({ pod, state: before, graceSeconds }, { signal });
    const failure = firstFailure(steps);
    if (failure !== undefined)
      events.event(podReference(pod), 'Warning', 'FailedKillPod', `error killing pod: ${failure.message}`);
    probes.remove(uid);
    await this.#look(pod, signal);
    const after = this.#state(pod);
    const running = after.containers.filter(({ state }) => state === 'running').map(({ name }) => name);
    if (failure !== undefined || running.length > 0) {
      throw new FarletError(
        'internal',
        `pod ${pod.metadata.name} could not be stopped: ${failure?.message ?? `still running: ${running.join(', ')}`}`,
      );
    }
    await messages.read(after, { signal });
    status.set(pod, {
      status: overriddenStatus(this.#status(pod, after, { isTerminal: true }), override),
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
      await this.#look(pod, signal);
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

  async #prepareCgroup(
    pod: Pod,
    { create, signal }: { create: boolean; signal: AbortSignal },
  ): Promise<void> {
    const { cgroups, events } = this.#options;
    try {
      await cgroups.prepare(pod, { create, signal });
    } catch (error) {
      signal.throwIfAborted();
      const why = `unable to ensure pod container exists: ${messageOf(error)}`;
      events.event(podReference(pod), 'Warning', 'FailedCreatePodContainer', why);
      throw new FarletError(
        kindOf(error),
        `failed to ensure that the pod: ${pod.metadata.uid} cgroups exist and are correctly applied: ${messageOf(error)}; set cgroupsPerQOS: false if farlet may not write the host's cgroups`,
        { cause: error },
      );
    }
  }

  async #afterSync(pod: Pod, result: PodSyncResult, signal: AbortSignal): Promise<SyncOutcome> {
    const { clock, log, startErrors } = this.#options;
    const { uid, name, namespace } = pod.metadata;
    startErrors.update(uid, result.steps);
    this.#options.resizes.tellFailure(pod, result.steps);
    await this.#look(pod, signal);
    const failed = result.steps.filter(({ error }) => error !== undefined);
    if (result.error === undefined && failed.length === 0) return { kind: 'acted' };
    const state = this.#state(pod);
    this.#options.status.set(pod, { status: this.#status(pod, state, { isTerminal: false }), mayRun: true });
    if (result.error !== undefined)
      log.warn({ err: result.error, pod: name, namespace, uid }, 'pod sync failed');
    const times = failed.map(({ error }) => error?.retryAt);
    const known = times.filter((at) => at !== undefined);
    const backoffOnly = result.error === undefined && known.length === times.length;
    const wait = backoffOnly
      ? Math.min(Math.max(0, Math.min(...known) - clock.now()), MAX_RETRY_MS)
      : jittered(ERROR_RETRY_MS, JITTER);
    return { kind: 'failed', retryInMs: Math.max(wait, 10) };
  }

  /** Looks at the pod again. A runtime that does not tell of all it holds is told of (pod_workers.go podWorkerLoop). */
  async #look(pod: Pod, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.observe.refresh(podRef(pod), { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (kindOf(error) !== 'unavailable') this.#tellUnseen(pod, messageOf(error));
      throw error;
    }
  }

  #tellUnseen(pod: Pod, why: string): void {
    this.#options.events.event(
      podReference(pod),
      'Warning',
      'FailedSync',
      `error determining status: ${why}`,
    );
  }

  #tellRefused(pod: Pod, refused: readonly string[]): void {
    const [first] = refused;
    if (first === undefined) return;
    const message = `Nothing of the pod runs, but the runtime refuses to remove ${refused.length} of its containers and sandboxes: ${first}. It is asked again every minute; a restart of the runtime usually helps`;
    this.#options.events.event(podReference(pod), 'Warning', 'FailedRemovePodContainers', message);
    this.#options.log.warn({ pod: podRef(pod), refused }, 'the runtime refuses to remove what does not run');
  }

  #state(pod: Pod): PodRuntimeState {
    return (
      this.#options.cache.get(pod.metadata.uid) ??
      emptyRuntimeState(podRef(pod), this.#options.clock.monotonic())
    );
  }

  #status(pod: Pod, state: PodRuntimeState, { isTerminal: terminal }: { isTerminal: boolean }): PodStatus {
    const { startErrors, probes, messages, resizes, nodeIPs, host, clock, status } = this.#options;
    const { uid } = pod.metadata;
    return podStatus({
      pod,
      state,
      previous: status.current(uid) ?? pod.status ?? {},
      failure: (container) => {
        const error = startErrors.get(uid, container);
        return error === undefined ? undefined : { reason: error.code, message: error.message };
      },
      probes,
      terminationMessage: (id) => messages.get(id),
      resize: resizes,
      nodeIPs: nodeIPs(),
      runtimeName: host.runtime()?.name ?? 'unknown',
      recursiveReadOnly: this.#recursiveReadOnly(pod),
      isTerminal: terminal,
      isComplete: true,
      now: clock.now(),
    });
  }

  #recursiveReadOnly({ spec: { runtimeClassName = '' } }: Pod): boolean {
    const { host, runtimeClass } = this.#options;
    const handler = runtimeClassName === '' ? '' : runtimeClass(runtimeClassName)?.handler;
    return (
      host
        .runtime()
        ?.handlers.some(
          ({ name, recursiveReadOnlyMounts }) => name === handler && recursiveReadOnlyMounts,
        ) === true
    );
  }

  /** The sandbox is up: told though images may have to be pulled, which may take long. */
  #tellSandbox(
    pod: Pod,
    state: PodRuntimeState,
    { sandbox, ips }: { sandbox: ObservedSandbox; ips: readonly string[] },
  ): void {
    const old = state.sandboxes.map((each) => ({ ...each, ready: false }));
    // a pod on the host's network has its address only with its containers
    const shown = { ...state, sandboxes: [sandbox, ...old], ips: state.containers.length > 0 ? ips : [] };
    this.#options.status.set(pod, {
      status: this.#status(pod, shown, { isTerminal: false }),
      mayRun: true,
      lingerMs: SANDBOX_TOLD_AFTER_MS,
    });
  }

  #runtimeHandler(pod: Pod): Promise<string> {
    const name = pod.spec.runtimeClassName;
    if (name === undefined || name === '') return Promise.resolve('');
    const found = this.#options.runtimeClass(name);
    if (found !== undefined) return Promise.resolve(found.handler);
    const text = `runtimeclass.node.k8s.io "${name}" not found`;
    this.#options.events.event(
      podReference(pod),
      'Warning',
      'FailedCreatePodSandBox',
      `Failed to create pod sandbox: ${text}`,
    );
    return Promise.reject(new FarletError('not-found', text));
  }

  /** What admission refuses it could not refuse yet if the pod's RuntimeClass came later than the pod. */
  #refusal(pod: Pod, state: PodRuntimeState, handler: string): KillOrder['status'] {
    const { host, events } = this.#options;
    if (state.sandboxes.length > 0) return undefined;
    const handlers = host.runtime()?.handlers ?? [];
    const why = handlerRefusal(pod, handler, { host: host.name, handlers });
    if (why === undefined) return undefined;
    events.event(podReference(pod), 'Warning', why.reason, why.message);
    return { phase: 'Failed', reason: why.reason, message: `Pod was rejected: ${why.message}` };
  }

  #nextLook(pod: Pod, deadline: number | undefined): { againInMs?: number } {
    const { clock, volumes } = this.#options;
    const renewAt = volumes.renewAt(pod.metadata.uid);
    const waits = [deadline, renewAt === undefined ? undefined : renewAt - clock.now()].filter(
      (ms) => ms !== undefined,
    );
    return waits.length === 0 ? {} : { againInMs: Math.max(1_000, Math.min(...waits)) };
  }
}

/** The status says so as long as a container that is to go is still there. */
function isRestartingAll({ conditions = [] }: PodStatus): boolean {
  return conditions.some(({ type, status }) => type === 'AllContainersRestarting' && status === 'True');
}

const deadlineMessage = 'Pod was active on the node longer than the specified deadline';

/** ms until the pod's activeDeadlineSeconds are over (pkg/kubelet/active_deadline.go). */
function deadlineIn(pod: Pod, status: PodStatus, now: number): number | undefined {
  const { activeDeadlineSeconds } = pod.spec;
  if (activeDeadlineSeconds === undefined || status.startTime === undefined) return undefined;
  return Date.parse(status.startTime) + activeDeadlineSeconds * 1000 - now;
}
