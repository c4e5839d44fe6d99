/** The last step of a pod's sync: it calls the container runtime's SyncPod and evaluates the result. */
import type { Pod, PodStatus, Secret } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import { podFields } from '../model/pod-ref.ts';
import type { ObservedSandbox, PodRuntimeState } from '../model/runtime-state.ts';
import type { SyncOutcome } from '../model/pod-update.ts';
import { readPullSecrets } from '../runtime/images/pull-secrets.ts';
import type { PodRuntime, PodSyncResult } from '../runtime/pod/pod-runtime.ts';
import { startedIds } from '../runtime/spec/steps.ts';
import { allStarting } from '../runtime/start/pod-containers-starter.ts';
import type { PodSyncInput } from '../runtime/start/sync-input.ts';
import { settledBoth } from '../util/abort.ts';
import type { PodView, PodViewOptions } from './pod-view.ts';
import { PASSING_LINGER_MS } from './status/passing.ts';
import { retryAfterSync } from './sync-retry.ts';

export interface RuntimeSyncOptions extends PodViewOptions {
  readonly log: Log;
  readonly runtime: Pick<PodRuntime, 'syncPod'>;
  readonly objects: {
    secret(namespace: string, name: string, options: { signal: AbortSignal }): Promise<Secret>;
  };
  readonly status: PodViewOptions['status'] & {
    set(pod: Pod, desired: { status: PodStatus; mayRun: boolean; lingerMs?: number }): void;
  };
}

export class RuntimeSync {
  readonly #options: RuntimeSyncOptions;
  readonly #view: PodView;

  constructor(options: RuntimeSyncOptions, view: PodView) {
    this.#options = options;
    this.#view = view;
  }

  /** Resolves once the runtime was observed again. Rejects if it can't be, or with the signal's reason. */
  async sync(
    input: Omit<PodSyncInput, 'pullSecrets' | 'onSandboxReady' | 'alongside'>,
    { signal }: { signal: AbortSignal },
  ): Promise<SyncOutcome> {
    const { pod, state } = input;
    // 1. Fetch the pull secrets.
    const pullSecrets = await this.#pullSecrets(input, signal);
    // 2. Call the container runtime's SyncPod.
    const alongside: Promise<void>[] = [];
    const result = await this.#options.runtime.syncPod(
      {
        ...input,
        pullSecrets,
        onSandboxReady: (sandbox, ips) => {
          this.#reportSandbox(pod, state, { sandbox, ips });
        },
        alongside: (work) => alongside.push(work),
      },
      { signal },
    );
    // 3. Keep why containers did not start (reason_cache.go), and observe what the runtime did.
    const [outcome] = await settledBoth(this.#evaluate(pod, result, signal), Promise.all(alongside));
    return outcome;
  }

  #pullSecrets(
    { pod, actions }: Pick<PodSyncInput, 'pod' | 'actions'>,
    signal: AbortSignal,
  ): Promise<Secret[]> {
    if (allStarting(actions).length === 0) return Promise.resolve([]);
    const { objects, events } = this.#options;
    return readPullSecrets(pod, { secret: objects.secret.bind(objects), events }, { signal });
  }

  /** Reports the pod's address while its images may still have to be pulled, which may take long. */
  #reportSandbox(
    pod: Pod,
    state: PodRuntimeState,
    { sandbox, ips }: { sandbox: ObservedSandbox; ips: readonly string[] },
  ): void {
    const old = state.sandboxes.map((former) => ({ ...former, ready: false }));
    // a pod on the host's network has its address only with its containers
    const shown = { ...state, sandboxes: [sandbox, ...old], ips: state.containers.length > 0 ? ips : [] };
    this.#options.status.set(pod, {
      status: this.#view.status(pod, shown, { isTerminal: false }),
      mayRun: true,
      lingerMs: PASSING_LINGER_MS,
    });
  }

  async #evaluate(pod: Pod, result: PodSyncResult, signal: AbortSignal): Promise<SyncOutcome> {
    const { clock, log, startErrors, resizes, status } = this.#options;
    startErrors.update(pod.metadata.uid, result.steps);
    resizes.tellFailure(pod, result.steps);
    const started = result.error === undefined ? startedIds(result.steps) : undefined;
    if (started === undefined) await this.#view.observe(pod, signal);
    else await this.#view.observeDeeds(pod, { started }, signal);
    const retryInMs = retryAfterSync(result, clock.now());
    if (retryInMs === undefined) return { kind: 'acted' };
    const state = this.#view.state(pod);
    status.set(pod, { status: this.#view.status(pod, state, { isTerminal: false }), mayRun: true });
    if (result.error !== undefined)
      log.warn({ ...podFields(pod.metadata), err: result.error }, 'pod sync failed');
    return { kind: 'failed', retryInMs };
  }
}
