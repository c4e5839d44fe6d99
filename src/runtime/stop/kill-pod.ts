/**
 * Stops a whole pod: killPodWithSyncResult in kuberuntime_manager.go. What is stopped is removed elsewhere.
 */
import type { CriClient } from '../../hosts/cri/calls.ts';
import { isNotFound } from '../../model/errors.ts';
import type { Pod } from '../../model/kube.ts';
import { formatPod } from '../../model/pod-ref.ts';
import type { ObservedContainer, PodRuntimeState } from '../../model/runtime-state.ts';
import type { ContainerKiller } from './container-killer.ts';
import { killSubject } from './kill-subject.ts';
import { failedStep, type SyncStep } from '../spec/steps.ts';
import { StopCutOff } from '../spec/stop-cut-off.ts';
import { stopPrerequisites } from './stop-order.ts';

export interface PodKillOrder {
  /** undefined when its object is gone: then the containers' annotations tell what is needed */
  readonly pod: Pod | undefined;
  readonly state: PodRuntimeState;
  /** overrides the pod's own grace */
  readonly graceSeconds?: number | undefined;
}

export interface PodKillerOptions {
  readonly cri: Pick<CriClient, 'stopPodSandbox'>;
  readonly containers: Pick<ContainerKiller, 'kill'>;
}

/**
 * Stops all running containers side by side, sidecars after those they serve. Resolves with one step per
 * container; rejects only with the signal's reason.
 */
export function killContainers(
  order: PodKillOrder,
  options: PodKillerOptions,
  { signal }: { signal: AbortSignal },
): Promise<SyncStep[]> {
  const running = order.state.containers.filter(({ state }) => state === 'running');
  const turns = new Turns(order.pod, running);
  return Promise.all(running.map((container) => killOne(container, { order, options, turns, signal })));
}

async function killOne(
  observed: ObservedContainer,
  {
    order,
    options,
    turns,
    signal,
  }: {
    order: PodKillOrder;
    options: PodKillerOptions;
    turns: Turns;
    signal: AbortSignal;
  },
): Promise<SyncStep> {
  const step = { action: 'kill-container', target: observed.name } as const;
  const turn = turns.of(observed.name);
  try {
    await options.containers.kill(
      {
        subject: killSubject(order.pod, observed, order.state),
        reason: 'pod-deleted',
        graceSeconds: order.graceSeconds,
        podIPs: order.state.ips,
        ...(turn === undefined ? {} : { turn }),
      },
      { signal },
    );
    turns.done(observed.id);
    return step;
  } catch (error) {
    // whose turn comes after it would wait out a grace of which this one has its share
    if (error instanceof StopCutOff) turns.cutOff(observed.id, error);
    signal.throwIfAborted();
    return failedStep(step, 'KillContainerError', error);
  }
}

/** Stops every sandbox of the pod; one that is gone will do. Rejects only with the signal's reason. */
export async function stopSandboxes(
  state: PodRuntimeState,
  { cri }: Pick<PodKillerOptions, 'cri'>,
  { signal }: { signal: AbortSignal },
): Promise<SyncStep> {
  const step = { action: 'kill-sandbox', target: formatPod(state) } as const;
  const outcomes = await Promise.allSettled(
    state.sandboxes.map(({ id }) => cri.stopPodSandbox({ pod_sandbox_id: id }, { signal })),
  );
  signal.throwIfAborted();
  const failure = outcomes.find((outcome) => outcome.status === 'rejected' && !isNotFound(outcome.reason));
  return failure?.status === 'rejected' ? failedStep(step, 'KillPodSandboxError', failure.reason) : step;
}

/** When each container's turn has come: all running ones that go before it have stopped. */
class Turns {
  readonly #before: ReadonlyMap<string, readonly string[]>;
  readonly #stopped: readonly {
    id: string;
    name: string;
    promise: Promise<boolean>;
    resolve: (stopped: true) => void;
    reject: (error: StopCutOff) => void;
  }[];

  constructor(pod: Pod | undefined, running: readonly ObservedContainer[]) {
    this.#before = pod === undefined ? new Map() : stopPrerequisites(pod);
    this.#stopped = running.map(({ id, name }) => ({ id, name, ...Promise.withResolvers<boolean>() }));
    // not everybody whose turn it would be waits for it
    for (const { promise } of this.#stopped) promise.catch(() => undefined);
  }

  of(name: string): Promise<unknown> | undefined {
    const before = this.#before.get(name);
    if (before === undefined) return undefined;
    const turn = Promise.all(
      this.#stopped.filter((other) => before.includes(other.name)).map(({ promise }) => promise),
    );
    turn.catch(() => undefined);
    return turn;
  }

  done(id: string): void {
    this.#stopped.find((each) => each.id === id)?.resolve(true);
  }

  cutOff(id: string, error: StopCutOff): void {
    this.#stopped.find((each) => each.id === id)?.reject(error);
  }
}
