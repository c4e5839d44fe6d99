/** Starts one container: startContainer in kuberuntime_container.go. */
import type { CriClient } from '../../hosts/cri/calls.ts';
import type { ImageSpec } from '../../hosts/cri/generated/runtime/v1/ImageSpec.ts';
import { containerFieldPath, type PodContainer } from '../../model/containers.ts';
import { CriError, messageOf } from '../../model/errors.ts';
import type { EventReason } from '../../model/event-reasons.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { Container } from '../../model/kube.ts';
import type { Log } from '../../model/log.ts';
import { podFields, podReference } from '../../model/pod-ref.ts';
import { ContainerStartError, type WaitingReason } from '../../model/reasons.ts';
import type { ObservedContainer } from '../../model/runtime-state.ts';
import type { HookRunner } from '../stop/hook-runner.ts';
import type { ContainerKiller } from '../stop/container-killer.ts';
import { checkImageVolumes } from '../spec/image-volume-support.ts';
import type { ImagePuller, ReadyImage } from '../images/image-puller.ts';
import {
  ContainerConfigBuilder,
  type ContainerConfigBuilderOptions,
  type ReadyImages,
} from './container-config-builder.ts';
import type { StartContext } from './start-context.ts';
import type { StartPermits } from './start-permits.ts';
import { unstartedContainer } from './unstarted.ts';

export interface ContainerStarterOptions extends ContainerConfigBuilderOptions {
  readonly cri: Pick<CriClient, 'createContainer' | 'startContainer'>;
  readonly images: Pick<ImagePuller, 'ensureImage'>;
  readonly hooks: Pick<HookRunner, 'run'>;
  readonly killer: Pick<ContainerKiller, 'kill'>;
  readonly events: EventRecorder;
  readonly starts: Pick<StartPermits, 'run'>;
  readonly log: Log;
}

/** A container on its way, and what its steps share. */
interface Start {
  readonly container: PodContainer;
  readonly context: StartContext;
  readonly signal: AbortSignal;
}

type CreatedContainer = Pick<ObservedContainer, 'id' | 'logPath'>;

export class ContainerStarter {
  readonly #options: ContainerStarterOptions;
  readonly #configs: ContainerConfigBuilder;

  constructor(options: ContainerStarterOptions) {
    this.#options = options;
    this.#configs = new ContainerConfigBuilder(options);
  }

  /**
   * Resolves with its id once the container runs and its postStart hook is done; `onCreated` comes before it
   * is started.
   * Rejects with ContainerStartError, after an event about it, or with the signal's reason.
   */
  async start(
    container: PodContainer,
    context: StartContext,
    { onCreated, signal }: { onCreated: (created: CreatedContainer) => void; signal: AbortSignal },
  ): Promise<string> {
    const start = { container, context, signal };
    // a start that was cut off may have left the container created: it goes on with step 3
    let created: CreatedContainer | undefined = unstartedContainer(
      context.state,
      container.spec,
      context.sandbox.id,
    );
    if (created === undefined) {
      // Step 1: pull the image.
      const images = await this.#pullImages(start);
      // Step 2: create the container.
      created = await this.#create(start, images);
    }
    onCreated(created);
    // Step 3: start the container.
    await this.#startCreated(start, created);
    // Step 4: execute the post start hook.
    await this.#postStart(start, created);
    return created.id;
  }

  async #pullImages(start: Start): Promise<ReadyImages> {
    const { container, context } = start;
    await this.#attempting(start, { reason: 'CreateContainerConfigError' }, () => {
      checkImageVolumes(context.pod, container.spec, this.#options.runtime());
    });
    const imageVolumes = readyImageVolumes(container.spec, context);
    return { image: await this.#pullImage(start), imageVolumes };
  }

  async #pullImage(start: Start): Promise<ReadyImage> {
    const { container, context, signal } = start;
    const { pod, pullSecrets, sandbox, prefetched } = context;
    try {
      return await this.#options.images.ensureImage(
        {
          pod,
          image: container.spec.image ?? '',
          pullPolicy: container.spec.imagePullPolicy,
          about: podReference(pod, containerFieldPath(container)),
          pullSecrets,
          sandboxConfig: sandbox.config,
          known: prefetched.images(),
        },
        { signal },
      );
    } catch (error) {
      signal.throwIfAborted();
      const reason = error instanceof ContainerStartError ? error.reason : messageOf(error);
      this.#event(start, { reason: 'Failed', message: `Error: ${reason}` });
      throw error;
    }
  }

  /**
   * Its configuration waits for the container's files: they are on the host before the container is there.
   */
  async #create(start: Start, images: ReadyImages): Promise<CreatedContainer> {
    const { container, context, signal } = start;
    const { cri, starts } = this.#options;
    const { id: pod_sandbox_id, config: sandbox_config } = context.sandbox;
    const config = await this.#attempting(start, { reason: 'CreateContainerConfigError' }, () =>
      this.#configs.build(container, context, { images, signal }),
    );
    const { container_id: id } = await this.#attempting(start, { reason: 'CreateContainerError' }, () =>
      starts.run({ call: 'create', signal }, () =>
        cri.createContainer({ pod_sandbox_id, config, sandbox_config }, { signal }),
      ),
    );
    this.#event(start, { reason: 'Created', message: 'Container created' });
    return { id, logPath: `${sandbox_config.log_directory ?? ''}/${config.log_path ?? ''}` };
  }

  async #startCreated(start: Start, { id }: CreatedContainer): Promise<void> {
    const { context, signal } = start;
    const { cri, starts } = this.#options;
    await this.#attempting(start, { reason: 'CreateContainerConfigError' }, () => context.prefetched.hosts());
    await this.#attempting(start, { reason: 'RunContainerError', hiddenId: id }, () =>
      starts.run({ call: 'start', signal }, () => cri.startContainer({ container_id: id }, { signal })),
    );
    this.#event(start, { reason: 'Started', message: 'Container started' });
  }

  async #postStart(start: Start, { id }: CreatedContainer): Promise<void> {
    const { context, signal } = start;
    const container = start.container.spec;
    const hook = container.lifecycle?.postStart;
    if (hook === undefined) return;
    const { pod, sandbox } = context;
    const podIPs = sandbox.ips;
    try {
      await this.#options.hooks.run(hook, { pod, container, containerId: id, podIPs }, { signal });
    } catch (error) {
      signal.throwIfAborted();
      // no details in the event: the error may hold what the container keeps secret
      const message = 'PostStartHook failed';
      this.#event(start, { reason: 'FailedPostStartHook', message });
      await this.#killAfterHook(start, id);
      throw new ContainerStartError('PostStartHookError', messageOf(error), { cause: error });
    }
  }

  async #killAfterHook({ container, context, signal }: Start, id: string): Promise<void> {
    const { pod, sandbox } = context;
    const about = podReference(pod, containerFieldPath(container));
    const subject = { id, pod, container: container.spec, about };
    const reason = 'failed-post-start';
    try {
      await this.#options.killer.kill(
        { subject, reason, message: 'FailedPostStartHook', podIPs: sandbox.ips },
        { signal },
      );
    } catch (error) {
      signal.throwIfAborted();
      this.#options.log.warn(
        { ...podFields(pod.metadata), container: container.spec.name, containerId: id, err: error },
        'container not stopped',
      );
    }
  }

  /** Does the work. What it throws becomes an event and the container's waiting reason. */
  async #attempting<T>(
    start: Start,
    { reason, hiddenId = '' }: { reason: WaitingReason; hiddenId?: string },
    work: () => Promise<T> | T,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      start.signal.throwIfAborted();
      const text = error instanceof CriError ? error.description : messageOf(error);
      // ids would make every event a new one
      const shown = hiddenId === '' ? text : text.replaceAll(hiddenId, start.container.spec.name);
      this.#event(start, { reason: 'Failed', message: `Error: ${shown}` });
      throw new ContainerStartError(reason, text, { cause: error });
    }
  }

  #event({ container, context }: Start, event: { reason: EventReason; message: string }): void {
    const about = podReference(context.pod, containerFieldPath(container));
    this.#options.events.event(about, event.reason, event.message);
  }
}

/** The images that this container mounts; one that failed fails the container, as its own image would. */
function readyImageVolumes(container: Container, { imageVolumes }: StartContext): Map<string, ImageSpec> {
  const ready = new Map<string, ImageSpec>();
  for (const { name } of container.volumeMounts ?? []) {
    const fetched = imageVolumes.get(name);
    if (fetched === undefined) continue;
    if ('error' in fetched) throw fetched.error;
    ready.set(name, fetched.value);
  }
  return ready;
}
