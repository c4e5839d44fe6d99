/** Syncs a pod that should run: SyncPod in pkg/kubelet/kubelet.go, step by step. */
import type { HostCondition } from '../hosts/runtime-host.ts';
import { FarletError, kindOf, messageOf } from '../model/errors.ts';
import type { Pod, PodStatus } from '../model/kube.ts';
import { isTerminalPhase } from '../model/holds.ts';
import type { PodActions } from '../model/pod-actions.ts';
import { podReference } from '../model/pod-ref.ts';
import { isStaticPod } from '../model/pod-source.ts';
import type { ResizePlan } from '../model/resource-amounts.ts';
import { handlerRefusal } from '../model/runtime-handler.ts';
import type { PodRuntimeState } from '../model/runtime-state.ts';
import type { SyncOutcome } from '../model/pod-update.ts';
import { computeActions, isIdle } from '../runtime/decide/compute-actions.ts';
import type { PodRuntime } from '../runtime/pod/pod-runtime.ts';
import type { PodSyncInput } from '../runtime/start/sync-input.ts';
import { settledBoth } from '../util/abort.ts';
import { deadlineMessage, msToDeadline } from './active-deadline.ts';
import type { PodView } from './pod-view.ts';
import { RuntimeSync, type RuntimeSyncOptions } from './runtime-sync.ts';
import { isPassing, PASSING_LINGER_MS } from './status/passing.ts';
import { errorRetryMs, networkRetryMs } from './sync-retry.ts';
import type { PodVolumes } from './volumes/pod-volumes.ts';

export interface PodSyncOptions extends RuntimeSyncOptions {
  readonly runtime: RuntimeSyncOptions['runtime'] & Pick<PodRuntime, 'lookAhead'>;
  readonly volumes: Pick<PodVolumes, 'mount' | 'renewAt'>;
  readonly cgroups: {
    prepare(pod: Pod, options: { create: boolean; signal: AbortSignal }): Promise<void>;
  };
  readonly objects: RuntimeSyncOptions['objects'] & { register(pod: Pod): void };
  /** makes the mirror pod of a static pod, in the background */
  readonly mirror: (pod: Pod) => void;
  readonly probes: RuntimeSyncOptions['probes'] & { add(pod: Pod): void };
  /** a pod was observed; nothing has been done for it yet in this sync */
  readonly onLook: (pod: Pod, state: PodRuntimeState) => void;
  /** a pod that was not known to run does now */
  readonly onRunning: (pod: Pod) => void;
}

/** Tokens and volumes take about this long; the runtime then works on the sandbox for longer. */
const BEGIN_LINGER_MS = 30;

/** What a sync will do for the pod. */
interface Plan {
  readonly actions: PodActions;
  readonly resize: ResizePlan | undefined;
  /** nothing is to be done */
  readonly isIdle: boolean;
}

export class PodSync {
  readonly #options: PodSyncOptions;
  readonly #view: PodView;
  readonly #runtime: RuntimeSync;

  constructor(options: PodSyncOptions, view: PodView) {
    this.#options = options;
    this.#view = view;
    this.#runtime = new RuntimeSync(options, view);
  }

  /**
   * Brings the pod one step towards its spec. Rejects with the signal's reason, or with what kept the runtime
   * from being asked: volumes, cgroups, a RuntimeClass that is missing.
   */
  async syncPod(pod: Pod, { signal }: { signal: AbortSignal }): Promise<SyncOutcome> {
    const hostState = this.#options.host.state();
    if (hostState.at !== 'ready') return { kind: 'paused' };
    const state = this.#view.state(pod);
    if (state.fault !== undefined) return this.#unseen(pod, state.fault);

    // 1. Record the pod worker's start latency and prepare the API status (generateAPIPodStatus).
    const status = await this.#generateStatus(pod, state, signal);
    const deadline = msToDeadline(pod, status, this.#options.clock.now());
    const over = this.#endTerminal(pod, status) ?? this.#endPastDeadline(pod, status, deadline);
    if (over !== undefined) return over;
    // 2. Update the status manager. A pod that is seen to run for the first time records its start latency.
    this.#setStatus(pod, state, status);
    // 3. Wait for the network, unless the pod uses the host's.
    const noNetwork = this.#networkNotReady(pod, hostState.networkReady);
    if (noNetwork !== undefined) return noNetwork;
    // 4. Start the background tracking of a runnable pod: mirror pod, objects, probes.
    this.#track(pod);
    // 5. Decide what to do (computePodActions).
    const plan = this.#plan(pod, state, status);
    // 6. Mount the volumes, and make the pod's cgroup beside that.
    const volumes = await this.#mount(pod, plan, signal);
    if (plan.isIdle) return { kind: 'settled', ...this.#nextSync(pod, deadline) };
    // 7. Find the runtime handler, and reject what admission could not judge without it.
    const runtimeHandler = await this.#runtimeHandler(pod);
    const rejected = this.#reject(pod, state, { plan, runtimeHandler });
    if (rejected !== undefined) return rejected;
    // 8. Fetch the pull secrets and call the container runtime's SyncPod.
    const { actions, resize } = plan;
    return this.#runtime.sync({ pod, state, actions, resize, volumes, runtimeHandler }, { signal });
  }

  #unseen(pod: Pod, fault: string): SyncOutcome {
    this.#view.reportUnseen(pod, fault);
    return { kind: 'failed', retryInMs: errorRetryMs() };
  }

  async #generateStatus(pod: Pod, state: PodRuntimeState, signal: AbortSignal): Promise<PodStatus> {
    this.#options.onLook(pod, state);
    await this.#options.messages.read(state, { signal });
    this.#options.resizes.observe(pod, state);
    return this.#view.status(pod, state, { isTerminal: false });
  }

  #endTerminal(pod: Pod, status: PodStatus): SyncOutcome | undefined {
    if (!isTerminalPhase(status.phase)) return undefined;
    this.#options.status.set(pod, { status, mayRun: true });
    return { kind: 'terminal', order: {} };
  }

  #endPastDeadline(pod: Pod, status: PodStatus, deadline: number | undefined): SyncOutcome | undefined {
    if (deadline === undefined || deadline > 0) return undefined;
    this.#options.events.event(podReference(pod), 'DeadlineExceeded', deadlineMessage);
    const failed = { phase: 'Failed', reason: 'DeadlineExceeded', message: deadlineMessage };
    this.#options.status.set(pod, { status: { ...status, ...failed }, mayRun: true });
    return { kind: 'terminal', order: { status: failed } };
  }

  #setStatus(pod: Pod, state: PodRuntimeState, status: PodStatus): void {
    const known = this.#options.status.current(pod.metadata.uid) ?? pod.status;
    this.#options.status.set(pod, { status, mayRun: true, ...lingering(state, status, known) });
    if (status.phase === 'Running' && known?.phase !== 'Running') this.#options.onRunning(pod);
  }

  #networkNotReady(pod: Pod, { status, reason, message }: HostCondition): SyncOutcome | undefined {
    if (status || pod.spec.hostNetwork === true) return undefined;
    this.#options.events.event(
      podReference(pod),
      'NetworkNotReady',
      `network is not ready: container runtime network not ready: NetworkReady=false reason:${reason} message:${message}`,
    );
    return { kind: 'failed', retryInMs: networkRetryMs() };
  }

  #track(pod: Pod): void {
    const { mirror, objects, probes } = this.#options;
    if (isStaticPod(pod)) mirror(pod);
    objects.register(pod);
    probes.add(pod);
  }

  #plan(pod: Pod, state: PodRuntimeState, status: PodStatus): Plan {
    const { probes, resizes } = this.#options;
    const computed = computeActions({ pod, state, probes, restartAll: isRestartingAll(status) });
    const { actions, resize } = resizes.plan(pod, state, computed);
    return { actions, resize, isIdle: isIdle(actions) && resize === undefined };
  }

  async #mount(pod: Pod, { actions, isIdle }: Plan, signal: AbortSignal): Promise<PodSyncInput['volumes']> {
    // one after the other would be a round trip more for every pod
    const [mounted] = await settledBoth(
      this.#options.volumes.mount(pod, { signal, hasSandbox: !actions.createSandbox }),
      isIdle ? Promise.resolve() : this.#prepareHost(pod, { create: actions.createSandbox, signal }),
    );
    return mounted;
  }

  async #prepareHost(pod: Pod, { create, signal }: { create: boolean; signal: AbortSignal }): Promise<void> {
    await settledBoth(
      this.#prepareCgroup(pod, { create, signal }),
      create ? this.#options.runtime.lookAhead({ signal }) : Promise.resolve(),
    );
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
      events.event(podReference(pod), 'FailedCreatePodContainer', why);
      throw new FarletError(
        kindOf(error),
        `failed to ensure that the pod: ${pod.metadata.uid} cgroups exist and are correctly applied: ${messageOf(error)}; set cgroupsPerQOS: false if farlet may not write the host's cgroups`,
        { cause: error },
      );
    }
  }

  #runtimeHandler(pod: Pod): Promise<string> {
    const name = pod.spec.runtimeClassName;
    if (name === undefined || name === '') return Promise.resolve('');
    const found = this.#options.runtimeClass(name);
    if (found !== undefined) return Promise.resolve(found.handler);
    const text = `runtimeclass.node.k8s.io "${name}" not found`;
    this.#options.events.event(
      podReference(pod),
      'FailedCreatePodSandBox',
      `Failed to create pod sandbox: ${text}`,
    );
    return Promise.reject(new FarletError('not-found', text));
  }

  /** Admission skips pods whose RuntimeClass is unknown, so their handler is judged before their sandbox. */
  #reject(
    pod: Pod,
    { sandboxes }: PodRuntimeState,
    { plan, runtimeHandler }: { plan: Plan; runtimeHandler: string },
  ): SyncOutcome | undefined {
    const { host, events } = this.#options;
    if (!plan.actions.createSandbox || sandboxes.length > 0) return undefined;
    const handlers = host.runtime()?.handlers ?? [];
    const refusal = handlerRefusal(pod, runtimeHandler, { host: host.name, handlers });
    if (refusal === undefined) return undefined;
    const { reason, message } = refusal;
    events.event(podReference(pod), reason, message);
    const status = { phase: 'Failed', reason, message: `Pod was rejected: ${message}` };
    return { kind: 'terminal', order: { status } };
  }

  #nextSync(pod: Pod, deadline: number | undefined): { againInMs?: number } {
    const { clock, volumes } = this.#options;
    const renewAt = volumes.renewAt(pod.metadata.uid);
    const waits = [deadline, renewAt === undefined ? undefined : renewAt - clock.now()].filter(
      (ms) => ms !== undefined,
    );
    return waits.length === 0 ? {} : { againInMs: Math.max(1_000, Math.min(...waits)) };
  }
}

function lingering(
  { sandboxes }: PodRuntimeState,
  status: PodStatus,
  known: PodStatus | undefined,
): { readonly lingerMs?: number } {
  // a start needs the API server for other answers first: the write of its beginning can wait
  if (sandboxes.length === 0) return { lingerMs: BEGIN_LINGER_MS };
  return isPassing(status, known) ? { lingerMs: PASSING_LINGER_MS } : {};
}

/** The condition stays until the last container that has to go is gone. */
function isRestartingAll({ conditions = [] }: PodStatus): boolean {
  return conditions.some(({ type, status }) => type === 'AllContainersRestarting' && status === 'True');
}
