/** Starts a pod's containers in a sandbox that is ready: the steps 5 to 9 of SyncPod in kuberuntime_manager.go. */
import type { PodSandboxConfig } from '../../hosts/cri/generated/runtime/v1/PodSandboxConfig.ts';
import { containerFieldPath, type PodContainer } from '../../model/containers.ts';
import type { Pod } from '../../model/kube.ts';
import { etcHostsPath } from '../../model/paths.ts';
import type { PodActions } from '../../model/pod-actions.ts';
import { formatPod, podRef, podReference } from '../../model/pod-ref.ts';
import { goDuration } from '../../model/go-time.ts';
import { podHostname } from '../spec/hostname.ts';
import { managedHostsFile } from '../spec/hosts-file.ts';
import { canMountImages } from '../spec/image-volume-support.ts';
import { pullImageVolumes } from '../images/image-volumes.ts';
import { containerLogLink, hostsFileOp } from '../spec/pod-files.ts';
import type { PodRuntimeOptions } from './pod-runtime-options.ts';
import type { ContainerStarter, StartContext } from './start-container.ts';
import { nextAttempt, readEnvObjects, terminationLogs, writePodFiles } from './start-plan.ts';
import { failedStep, type SyncStep } from '../spec/steps.ts';
import type { PodSyncInput } from './sync-input.ts';

/** What was sent ahead. */
export type Prepared = Pick<StartContext, 'images' | 'env' | 'attempt' | 'terminationLogs' | 'files'>;

/** The sandbox that containers are started in. */
export interface ReadySandbox {
  readonly config: PodSandboxConfig;
  readonly sandboxId: string;
  readonly ips: readonly string[];
  readonly prepared?: Prepared;
}

export type PodContainersStarterOptions = PodRuntimeOptions & {
  readonly starter: Pick<ContainerStarter, 'start'>;
};

export class PodContainersStarter {
  readonly #options: PodContainersStarterOptions;

  constructor(options: PodContainersStarterOptions) {
    this.#options = options;
  }

  /** Sends what can go ahead of the containers' turns. Nothing here is waited for, and nothing fails unheard. */
  prepare(
    { pod, state }: PodSyncInput,
    { containers, ips }: { containers: readonly PodContainer[]; ips: readonly string[] },
    signal: AbortSignal,
  ): Prepared {
    const { host, settings, objects, services, images } = this.#options;
    const { files } = host.link;
    const { paths } = settings;
    const logs = terminationLogs(pod, containers, { state, paths });
    const { clusterDomain } = settings;
    const attempts = new Map(
      containers.map(({ spec: { name } }) => [
        name,
        quiet(nextAttempt(pod, name, { state, files, paths, signal })),
      ]),
    );
    return {
      images: images.ask(
        containers.map(({ spec }) => ({ pod, image: spec.image ?? '', pullPolicy: spec.imagePullPolicy })),
        signal,
      ),
      env: quiet(readEnvObjects(pod, containers, { objects, services, signal })),
      attempt: (name) => attempts.get(name) ?? nextAttempt(pod, name, { state, files, paths, signal }),
      terminationLogs: logs,
      files: quiet(
        writePodFiles(
          pod,
          { containers, terminationLogs: logs, clusterDomain, podIPs: ips },
          { files, paths, signal },
        ),
      ),
    };
  }

  /** One step per container, in order. Rejects only with the signal's reason. */
  async start(
    input: PodSyncInput,
    sandbox: ReadySandbox,
    { ahead, signal }: { ahead: AbortSignal; signal: AbortSignal },
  ): Promise<SyncStep[]> {
    const { pod, actions } = input;
    // in a sandbox that is there, nothing is put on the host for containers that are held back
    const held = new Map<string, SyncStep | undefined>();
    const heldBack = (container: PodContainer): SyncStep | undefined => {
      const { name } = container.spec;
      if (!held.has(name)) held.set(name, this.#heldBack(container, input));
      return held.get(name);
    };
    const free =
      sandbox.prepared === undefined
        ? allStarting(actions).filter((container) => heldBack(container) === undefined)
        : allStarting(actions);
    const links: Promise<void>[] = [];
    const prepare = (): Prepared => this.prepare(input, { containers: free, ips: sandbox.ips }, ahead);
    const context =
      free.length === 0
        ? undefined
        : await this.#context(
            input,
            { ...sandbox, prepared: sandbox.prepared ?? prepare(), links },
            { ahead, signal },
          );
    const steps: SyncStep[] = [];
    const start = async (container: PodContainer): Promise<boolean> => {
      const step = heldBack(container) ?? (context && (await this.#startOne(container, context, signal)));
      if (step !== undefined) steps.push(step);
      return step?.error === undefined;
    };
    for (const container of actions.startEphemeral) await start(container);
    let initialized = true;
    for (const container of actions.startInit) {
      initialized = (await start(container)) || container.sidecar;
      if (!initialized) break;
    }
    if (initialized) for (const container of actions.start) await start(container);
    const { alongside } = input;
    if (alongside === undefined) await Promise.all(links);
    else for (const link of links) alongside(link);
    signal.throwIfAborted();
    this.#options.log.debug({ pod: podRef(pod), steps: steps.length }, 'containers started');
    return steps;
  }

  async #context(
    input: PodSyncInput,
    sandbox: ReadySandbox & { prepared: Prepared; links: Promise<void>[] },
    { ahead, signal }: { ahead: AbortSignal; signal: AbortSignal },
  ): Promise<StartContext> {
    const { pod, state, actions, volumes, pullSecrets, runtimeHandler } = input;
    const { host, images, settings } = this.#options;
    const { config, sandboxId, ips, prepared, links } = sandbox;
    const hasHosts = pod.spec.hostNetwork === true || ips.length > 0;
    const rewrites = actions.createSandbox && pod.spec.hostNetwork !== true && hasHosts;
    return {
      ...prepared,
      pod,
      state,
      sandboxId,
      isNewSandbox: actions.createSandbox,
      sandboxConfig: config,
      runtimeHandler,
      podIPs: ips,
      pullSecrets,
      volumes,
      imageVolumes: canMountImages(host.runtime())
        ? await pullImageVolumes(
            { pod, pullSecrets, sandboxConfig: config, known: prepared.images },
            { images, signal },
          )
        : new Map(),
      hosts: rewrites ? quiet(this.#rewriteHosts(pod, { ips, prepared, signal: ahead })) : prepared.files,
      hostsFile: hasHosts ? etcHostsPath(settings.paths, pod.metadata.uid) : undefined,
      onStarted: (container, id, target) => {
        links.push(this.#linkLog(pod, { container, id, target, signal }));
      },
    };
  }

  /** The file was written without addresses, so that containers could be created with it. */
  async #rewriteHosts(
    pod: Pod,
    { ips, prepared, signal }: { ips: readonly string[]; prepared: Prepared; signal: AbortSignal },
  ): Promise<void> {
    const { host, settings } = this.#options;
    await prepared.files;
    const text = managedHostsFile(pod, podHostname(pod, settings.clusterDomain), ips);
    await host.link.files.apply([hostsFileOp(pod, settings.paths, text)], { signal });
  }

  /** A container that ended too often waits, counted from when it last ended. */
  #heldBack(container: PodContainer, { pod, state }: PodSyncInput): SyncStep | undefined {
    const { restarts, clock, events } = this.#options;
    const { name, image, resources } = container.spec;
    const exited = state.containers.find((each) => each.name === name && each.state === 'exited');
    if (exited === undefined) return undefined;
    const key = JSON.stringify([pod.metadata.uid, name, image, resources]);
    const held = restarts.next(key, exited.finishedAt / 1e6, clock.now());
    if (held === undefined) return undefined;
    const of = formatPod(podRef(pod));
    events.event(
      podReference(pod, containerFieldPath(container)),
      'Warning',
      'BackOff',
      `Back-off restarting failed container ${name} in pod ${of}`,
    );
    const message = `back-off ${goDuration(held.delayMs)} restarting failed container=${name} pod=${of}`;
    const error = { code: 'CrashLoopBackOff', message, retryAt: held.until, cause: undefined };
    return { action: 'start-container', target: name, error };
  }

  async #startOne(container: PodContainer, context: StartContext, signal: AbortSignal): Promise<SyncStep> {
    const { metrics } = this.#options;
    const step = { action: 'start-container', target: container.spec.name } as const;
    metrics.containerStarting(container.type);
    try {
      await this.#options.starter.start(container, context, { signal });
      return step;
    } catch (error) {
      signal.throwIfAborted();
      const failed = failedStep(step, 'StartContainerError', error);
      metrics.containerStartFailed(container.type, failed.error?.code ?? '');
      return failed;
    }
  }

  /** The link by which log collectors find the log; a container runs well without it. */
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
      if (!signal.aborted) log.warn({ pod: podRef(pod), container, path, err: error }, 'log not linked');
    }
  }
}

/** Every container a sync is to start, in order. */
export function allStarting({ startEphemeral, startInit, start }: PodActions): PodContainer[] {
  return [...startEphemeral, ...startInit, ...start];
}

/** A promise that nobody may come to wait for; whoever does still gets its failure. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
