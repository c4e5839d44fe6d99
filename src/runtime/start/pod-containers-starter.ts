/** Starts a pod's containers in a ready sandbox: steps 5, 6 and 8 of SyncPod in kuberuntime_manager.go. */
import { containerFieldPath, type PodContainer } from '../../model/containers.ts';
import type { Pod } from '../../model/kube.ts';
import type { PodActions } from '../../model/pod-actions.ts';
import { formatPod, podFields, podRef, podReference } from '../../model/pod-ref.ts';
import { goDuration } from '../../model/go-time.ts';
import { canMountImages } from '../spec/image-volume-support.ts';
import { pullImageVolumes } from '../images/image-volumes.ts';
import { containerLogLink } from '../spec/pod-files.ts';
import type { PodRuntimeOptions } from './pod-runtime-options.ts';
import { Prefetched } from './prefetched.ts';
import type { ContainerStarter } from './container-starter.ts';
import type { ReadySandbox, StartContext } from './start-context.ts';
import { failedStep, type SyncStep } from '../spec/steps.ts';
import type { PodSyncInput } from './sync-input.ts';

export type PodContainersStarterOptions = PodRuntimeOptions & {
  readonly starter: Pick<ContainerStarter, 'start'>;
};

export interface StartSignals {
  /** for what is asked ahead of its turn: aborts when the sync ends */
  readonly ahead: AbortSignal;
  readonly signal: AbortSignal;
}

export class PodContainersStarter {
  readonly #options: PodContainersStarterOptions;

  constructor(options: PodContainersStarterOptions) {
    this.#options = options;
  }

  /**
   * One step per container, in order. `prefetched` holds what was asked for while the sandbox was being made;
   * without it everything is asked for here. Rejects only with the signal's reason.
   */
  async start(
    input: PodSyncInput,
    { sandbox, prefetched }: { sandbox: ReadySandbox; prefetched?: Prefetched },
    { ahead, signal }: StartSignals,
  ): Promise<SyncStep[]> {
    const { pod, state, actions } = input;
    const heldBack = once((container) => this.#heldBack(container, input));
    const starting = allStarting(actions);
    // containers that a back-off holds in a sandbox that is there must not cost the host anything
    const containers =
      prefetched === undefined ? starting.filter((container) => heldBack(container) === undefined) : starting;
    const ask = (): Prefetched =>
      new Prefetched(this.#options, { pod, state, containers, podIPs: sandbox.ips }, { signal: ahead });
    const context =
      containers.length === 0
        ? undefined
        : await this.#context(input, { sandbox, prefetched: prefetched ?? ask() }, signal);
    const links: Promise<void>[] = [];
    const steps = await startInOrder(
      actions,
      async (container) =>
        heldBack(container) ?? (context && (await this.#startOne(container, context, { links, signal }))),
    );
    await handOver(links, input);
    signal.throwIfAborted();
    this.#options.log.debug({ ...podFields(pod.metadata), steps: steps.length }, 'containers started');
    return steps;
  }

  async #context(
    input: PodSyncInput,
    { sandbox, prefetched }: { sandbox: ReadySandbox; prefetched: Prefetched },
    signal: AbortSignal,
  ): Promise<StartContext> {
    const { pod, state, volumes, pullSecrets, runtimeHandler } = input;
    const { host, images } = this.#options;
    const imageVolumes = canMountImages(host.runtime())
      ? await pullImageVolumes(
          { pod, pullSecrets, sandboxConfig: sandbox.config, known: prefetched.images() },
          { images, signal },
        )
      : new Map();
    if (sandbox.isNew) prefetched.sandboxReady(sandbox.ips);
    return { pod, state, volumes, pullSecrets, runtimeHandler, sandbox, imageVolumes, prefetched };
  }

  /** The step of a container that ended too often and waits, counted from when it last ended (doBackOff). */
  #heldBack(container: PodContainer, { pod, state }: PodSyncInput): SyncStep | undefined {
    const { restarts, clock, events } = this.#options;
    const { name, image, resources } = container.spec;
    const exited = state.containers.find((known) => known.name === name && known.state === 'exited');
    if (exited === undefined) return undefined;
    const key = JSON.stringify([pod.metadata.uid, name, image, resources]);
    const held = restarts.next(key, exited.finishedAt / 1e6, clock.now());
    if (held === undefined) return undefined;
    const podName = formatPod(podRef(pod));
    events.event(
      podReference(pod, containerFieldPath(container)),
      'BackOffRestart',
      `Back-off restarting failed container ${name} in pod ${podName}`,
    );
    const message = `back-off ${goDuration(held.delayMs)} restarting failed container=${name} pod=${podName}`;
    const error = { code: 'CrashLoopBackOff', message, retryAt: held.until, cause: undefined };
    return { action: 'start-container', target: name, error };
  }

  async #startOne(
    container: PodContainer,
    context: StartContext,
    { links, signal }: { links: Promise<void>[]; signal: AbortSignal },
  ): Promise<SyncStep> {
    const { metrics } = this.#options;
    const { name } = container.spec;
    const step = { action: 'start-container', target: name } as const;
    metrics.containerStarting(container.type);
    try {
      const started = await this.#options.starter.start(container, context, {
        onCreated: ({ id, logPath: target }) => {
          links.push(this.#linkLog(context.pod, { container: name, id, target, signal }));
        },
        signal,
      });
      return { ...step, id: started };
    } catch (error) {
      signal.throwIfAborted();
      const failed = failedStep(step, 'StartContainerError', error);
      metrics.containerStartFailed(container.type, failed.error?.code ?? '');
      return failed;
    }
  }

  /**
   * The link by which log collectors find the log; a container runs well without it. It is made while the
   * container is started, since a pod is Ready only after both.
   */
  async #linkLog(
    pod: Pod,
    { container, id, target, signal }: { container: string; id: string; target: string; signal: AbortSignal },
  ): Promise<void> {
    const { host, settings, log } = this.#options;
    const { name, namespace } = pod.metadata;
    const path = containerLogLink(settings.paths, { pod: name, namespace, container, id });
    try {
      await host.link.files.apply([{ op: 'symlink', path, target }], { signal });
    } catch (error) {
      if (!signal.aborted)
        log.warn({ ...podFields(pod.metadata), container, path, err: error }, 'log not linked');
    }
  }
}

/** Every container a sync is to start, in order. */
export function allStarting({ startEphemeral, startInit, start }: PodActions): PodContainer[] {
  return [...startEphemeral, ...startInit, ...start];
}

/** One container after the other, in the kubelet's order. */
async function startInOrder(
  { startEphemeral, startInit, start }: PodActions,
  startOne: (container: PodContainer) => Promise<SyncStep | undefined>,
): Promise<SyncStep[]> {
  const steps: SyncStep[] = [];
  const tryStart = async (container: PodContainer): Promise<boolean> => {
    const step = await startOne(container);
    if (step !== undefined) steps.push(step);
    return step?.error === undefined;
  };
  // Step 5: start ephemeral containers.
  for (const container of startEphemeral) await tryStart(container);
  // Step 6: start init containers. The pod is not initialized without them, but for its sidecars.
  for (const container of startInit) if (!(await tryStart(container)) && !container.sidecar) return steps;
  // Step 8: start regular containers.
  for (const container of start) await tryStart(container);
  return steps;
}

/** Hands work that no step waits for to the caller, or waits for it if the caller does not want to. */
async function handOver(work: readonly Promise<void>[], { alongside }: PodSyncInput): Promise<void> {
  if (alongside === undefined) await Promise.all(work);
  else for (const each of work) alongside(each);
}

/** Asks once for each container and keeps the answer: asking about a back-off moves it on. */
function once<T>(ask: (container: PodContainer) => T): (container: PodContainer) => T {
  const answers = new Map<string, { readonly answer: T }>();
  return (container) => {
    const { name } = container.spec;
    const known = answers.get(name) ?? { answer: ask(container) };
    answers.set(name, known);
    return known.answer;
  };
}
