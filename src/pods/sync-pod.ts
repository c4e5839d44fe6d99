/** What is done for a pod as long as it is to run (pkg/kubelet/kubelet.go SyncPod). */
import { FarletError, kindOf, messageOf } from '../model/errors.ts';
import type { Pod, PodStatus, Secret } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import { isTerminalPhase } from '../model/holds.ts';
import { podReference } from '../model/pod-ref.ts';
import { isStaticPod } from '../model/pod-source.ts';
import type { KillOrder, SyncOutcome } from '../model/pod-update.ts';
import { handlerRefusal } from '../model/runtime-handler.ts';
import type { ObservedSandbox, PodRuntimeState } from '../model/runtime-state.ts';
import { computeActions, isIdle } from '../runtime/decide/compute-actions.ts';
import type { PodRuntime, PodSyncResult } from '../runtime/pod/execute.ts';
import { readPullSecrets } from '../runtime/images/pull-secrets.ts';
import { settledBoth } from '../util/abort.ts';
import { jittered } from '../util/backoff.ts';
import type { PodVolumes } from './volumes/pod-volumes.ts';
import type { PodView, PodViewOptions } from './pod-view.ts';

export interface PodSyncOptions extends PodViewOptions {
  readonly log: Log;
  readonly runtime: Pick<PodRuntime, 'lookAhead' | 'syncPod'>;
  readonly volumes: Pick<PodVolumes, 'mount' | 'renewAt'>;
  readonly cgroups: {
    prepare(pod: Pod, options: { create: boolean; signal: AbortSignal }): Promise<void>;
  };
  readonly objects: {
    register(pod: Pod): void;
    secret(namespace: string, name: string, options: { signal: AbortSignal }): Promise<Secret>;
  };
  /** sees to the mirror of a static pod, without waiting for it */
  readonly mirror: (pod: Pod) => void;
  readonly probes: PodViewOptions['probes'] & { add(pod: Pod): void };
  readonly status: PodViewOptions['status'] & {
    set(pod: Pod, desired: { status: PodStatus; mayRun: boolean; lingerMs?: number }): void;
  };
  /** what is found of a pod before anything is done for it */
  readonly onLook: (pod: Pod, state: PodRuntimeState) => void;
  /** a pod that was not known to run does */
  readonly onRunning: (pod: Pod) => void;
}

/** Where images are there, containers run within this time of their sandbox: one write tells of both. */
const SANDBOX_TOLD_AFTER_MS = 500;
/** Tokens and volumes take about this long; the runtime then works on the sandbox for longer. */
const BEGIN_TOLD_AFTER_MS = 30;
const NETWORK_RETRY_MS = 1_000;
const ERROR_RETRY_MS = 10_000;
const MAX_RETRY_MS = 60_000;
const JITTER = 0.5;

export class PodSync {
  readonly #options: PodSyncOptions;
  readonly #view: PodView;

  constructor(options: PodSyncOptions, view: PodView) {
    this.#options = options;
    this.#view = view;
  }

  async syncPod(pod: Pod, { signal }: { signal: AbortSignal }): Promise<SyncOutcome> {
    const { clock, host, objects, probes, status, events, messages, volumes, onLook, onRunning } =
      this.#options;
    const hostState = host.state();
    if (hostState.at !== 'ready') return { kind: 'paused' };
    const state = this.#view.state(pod);
    if (state.fault !== undefined) {
      this.#view.tellUnseen(pod, state.fault);
      return { kind: 'failed', retryInMs: jittered(ERROR_RETRY_MS, JITTER) };
    }
    onLook(pod, state);
    await messages.read(state, { signal });
    this.#options.resizes.observe(pod, state);
    const current = this.#view.status(pod, state, { isTerminal: false });
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
    const isNew =
      current.phase === 'Running' && (status.current(pod.metadata.uid) ?? pod.status)?.phase !== 'Running';
    // the API server answers what the start waits for first: nobody waits to be told that it has begun
    const linger = state.sandboxes.length === 0 ? { lingerMs: BEGIN_TOLD_AFTER_MS } : {};
    status.set(pod, { status: current, mayRun: true, ...linger });
    if (isNew) onRunning(pod);
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
      idle ? Promise.resolve() : this.#prepareHost(pod, { create: actions.createSandbox, signal }),
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
    await this.#view.look(pod, signal);
    const failed = result.steps.filter(({ error }) => error !== undefined);
    if (result.error === undefined && failed.length === 0) return { kind: 'acted' };
    const state = this.#view.state(pod);
    this.#options.status.set(pod, {
      status: this.#view.status(pod, state, { isTerminal: false }),
      mayRun: true,
    });
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
      status: this.#view.status(pod, shown, { isTerminal: false }),
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
