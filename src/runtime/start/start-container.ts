/** Starts one container: startContainer in kuberuntime_container.go. Its files are on the host already. */
import type { CriClient } from '../../hosts/cri/calls.ts';
import type { ContainerConfig } from '../../hosts/cri/generated/runtime/v1/ContainerConfig.ts';
import type { ImageSpec } from '../../hosts/cri/generated/runtime/v1/ImageSpec.ts';
import type { PodSandboxConfig } from '../../hosts/cri/generated/runtime/v1/PodSandboxConfig.ts';
import { containerFieldPath, type PodContainer } from '../../model/containers.ts';
import { CriError, messageOf } from '../../model/errors.ts';
import type { EventReason } from '../../model/event-reasons.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { Container, EphemeralContainer, Pod, Secret } from '../../model/kube.ts';
import type { Log } from '../../model/log.ts';
import type { NodeInfo } from '../../model/node-info.ts';
import { podFields, podReference } from '../../model/pod-ref.ts';
import { ContainerStartError, type WaitingReason } from '../../model/reasons.ts';
import type { PodRuntimeState } from '../../model/runtime-state.ts';
import { containerConfig } from '../spec/container-config.ts';
import { readEnvFiles } from '../spec/env-files.ts';
import { containerEnv, type EnvSources } from '../spec/env.ts';
import type { Fetched } from '../spec/env-entry.ts';
import { blockDevices } from '../spec/devices.ts';
import type { HookRunner } from '../stop/hooks.ts';
import { checkImageVolumes } from '../spec/image-volume-support.ts';
import type { ImagePuller, KnownImages, ReadyImage } from '../images/images.ts';
import type { ContainerKiller } from '../stop/kill-container.ts';
import { containerMounts, subPathMounts, type VolumeSource } from '../spec/mounts.ts';
import type { PodHost, SubPathPreparer } from '../spec/providers.ts';
import type { ContainerCpus } from './pod-runtime-options.ts';
import type { LinuxHost, RuntimeSettings } from '../spec/settings.ts';
import type { StartPermits } from './start-permits.ts';
import { unstartedContainer } from './unstarted.ts';
import { volumeGroups } from '../spec/volume-groups.ts';

/** What the containers of one sync share. */
export interface StartContext {
  readonly pod: Pod;
  readonly state: PodRuntimeState;
  readonly sandboxId: string;
  /** made by this sync, not found */
  readonly isNewSandbox: boolean;
  readonly sandboxConfig: PodSandboxConfig;
  readonly runtimeHandler: string;
  readonly podIPs: readonly string[];
  readonly pullSecrets: readonly Secret[];
  readonly images: KnownImages;
  readonly volumes: ReadonlyMap<string, VolumeSource>;
  readonly imageVolumes: ReadonlyMap<string, Fetched<ImageSpec>>;
  readonly env: Promise<Pick<EnvSources, 'configMaps' | 'secrets' | 'services'>>;
  /** done once the files that a container is created with are on the host */
  readonly files: Promise<unknown>;
  /** done once the hosts file says what it should */
  readonly hosts: Promise<unknown>;
  readonly hostsFile: string | undefined;
  /** host paths by container name */
  readonly terminationLogs: ReadonlyMap<string, string>;
  readonly attempt: (container: string) => Promise<number>;
  /** a container runs; not waited for */
  readonly onStarted: (container: string, id: string, logPath: string) => void;
}

export interface ContainerStarterOptions {
  readonly cri: Pick<CriClient, 'createContainer' | 'startContainer'>;
  readonly host: Pick<PodHost, 'link'>;
  readonly images: Pick<ImagePuller, 'ensureImage'>;
  readonly hooks: Pick<HookRunner, 'run'>;
  readonly killer: Pick<ContainerKiller, 'kill'>;
  readonly subPaths: SubPathPreparer;
  readonly settings: RuntimeSettings;
  readonly linuxHost: () => LinuxHost;
  readonly node: () => NodeInfo;
  readonly runtime: PodHost['runtime'];
  readonly events: EventRecorder;
  readonly starts: Pick<StartPermits, 'run'>;
  readonly log: Log;
  readonly cpus?: ContainerCpus;
}

export class ContainerStarter {
  readonly #options: ContainerStarterOptions;

  constructor(options: ContainerStarterOptions) {
    this.#options = options;
  }

  /**
   * Resolves once the container runs and its postStart hook is done. Rejects with ContainerStartError, told in
   * an event, or with the signal's reason.
   */
  async start(of: PodContainer, context: StartContext, { signal }: { signal: AbortSignal }): Promise<void> {
    const { id, logPath } =
      unstartedContainer(context.state, of.spec, context.sandboxId) ??
      (await this.#create(of, context, signal));
    await this.#attempting(of, 'CreateContainerConfigError', { context, signal }, () => context.hosts);
    await this.#attempting(of, 'RunContainerError', { context, signal, id }, () =>
      this.#options.starts.run({ hasBegun: true, signal }, () =>
        this.#options.cri.startContainer({ container_id: id }, { signal }),
      ),
    );
    this.#event(of, context.pod, { reason: 'Started', message: 'Container started' });
    context.onStarted(of.spec.name, id, logPath);
    await this.#postStart(of, id, { context, signal });
  }

  async #create(
    of: PodContainer,
    context: StartContext,
    signal: AbortSignal,
  ): Promise<{ id: string; logPath: string }> {
    await this.#attempting(of, 'CreateContainerConfigError', { context, signal }, () => {
      checkImageVolumes(context.pod, of.spec, this.#options.runtime());
    });
    const imageVolumes = readyImageVolumes(of.spec, context);
    const image = await this.#image(of, context, signal);
    const config = await this.#attempting(of, 'CreateContainerConfigError', { context, signal }, () =>
      this.#config(of, { ...context, image, imageVolumes }, signal),
    );
    const { container_id: id } = await this.#attempting(of, 'CreateContainerError', { context, signal }, () =>
      this.#options.starts.run({ hasBegun: context.isNewSandbox, signal }, () =>
        this.#options.cri.createContainer(
          { pod_sandbox_id: context.sandboxId, config, sandbox_config: context.sandboxConfig },
          { signal },
        ),
      ),
    );
    this.#event(of, context.pod, { reason: 'Created', message: 'Container created' });
    return { id, logPath: `${context.sandboxConfig.log_directory ?? ''}/${config.log_path ?? ''}` };
  }

  async #image(of: PodContainer, context: StartContext, signal: AbortSignal): Promise<ReadyImage> {
    try {
      return await this.#options.images.ensureImage(
        {
          pod: context.pod,
          image: of.spec.image ?? '',
          pullPolicy: of.spec.imagePullPolicy,
          about: podReference(context.pod, containerFieldPath(of)),
          pullSecrets: context.pullSecrets,
          sandboxConfig: context.sandboxConfig,
          known: context.images,
        },
        { signal },
      );
    } catch (error) {
      signal.throwIfAborted();
      const reason = error instanceof ContainerStartError ? error.reason : messageOf(error);
      this.#event(of, context.pod, { reason: 'Failed', message: `Error: ${reason}` });
      throw error;
    }
  }

  async #config(
    of: PodContainer,
    context: Omit<StartContext, 'imageVolumes'> & {
      image: ReadyImage;
      imageVolumes: ReadonlyMap<string, ImageSpec>;
    },
    signal: AbortSignal,
  ): Promise<ContainerConfig> {
    const { pod, volumes, imageVolumes, image, podIPs } = context;
    const { settings, linuxHost } = this.#options;
    const targetId = targetOf(of, context.state);
    const [sources, attempt] = await Promise.all([context.env, context.attempt(of.spec.name), context.files]);
    const { ips: hostIPs, allocatable } = this.#options.node();
    const { kubernetesService } = settings;
    const { files } = this.#options.host.link;
    const envFiles = await readEnvFiles(of.spec, { volumes, files }, { signal });
    const env = containerEnv(pod, of.spec, {
      ...sources,
      kubernetesService,
      podIPs,
      hostIPs,
      allocatable,
      envFiles,
    });
    const parts = subPathMounts(of.spec, { env, imageVolumes });
    const subPaths =
      parts.length === 0
        ? new Map<number, string>()
        : await this.#options.subPaths.prepareSubPaths(
            { pod, container: of.spec, mounts: parts, volumes },
            { signal },
          );
    const host = linuxHost();
    const handler = this.#options.runtime()?.handlers.find(({ name }) => name === context.runtimeHandler);
    const mounts = containerMounts(of.spec, {
      volumes,
      imageVolumes,
      env,
      subPaths,
      hostsFile: context.hostsFile,
      terminationLog: context.terminationLogs.get(of.spec.name),
      recursiveReadOnly: handler?.recursiveReadOnlyMounts ?? false,
      selinux: host.selinux,
    });
    const { imageRef, user } = image;
    const cpus = this.#options.cpus?.cpusFor(pod, of.spec.name);
    return containerConfig(pod, of.spec, {
      attempt,
      imageRef,
      user,
      env,
      mounts,
      devices: blockDevices(of.spec, volumes),
      volumeGroups: volumeGroups(pod, volumes),
      userNamespace:
        context.sandboxConfig.linux?.security_context?.namespace_options?.userns_options ?? undefined,
      targetId,
      host,
      settings: cpus?.exclusive === true ? { ...settings, cpuCFSQuota: false } : settings,
      cpus,
    });
  }

  async #postStart(
    of: PodContainer,
    id: string,
    { context, signal }: { context: StartContext; signal: AbortSignal },
  ): Promise<void> {
    const hook = of.spec.lifecycle?.postStart;
    if (hook === undefined) return;
    const { pod, podIPs } = context;
    const container = of.spec;
    try {
      await this.#options.hooks.run(hook, { pod, container, containerId: id, podIPs }, { signal });
    } catch (error) {
      signal.throwIfAborted();
      // no details in the event: the error may hold what the container keeps secret
      const message = 'PostStartHook failed';
      this.#event(of, pod, { reason: 'FailedPostStartHook', message });
      await this.#killAfterHook(of, id, { context, signal });
      throw new ContainerStartError('PostStartHookError', messageOf(error), { cause: error });
    }
  }

  async #killAfterHook(
    of: PodContainer,
    id: string,
    { context, signal }: { context: StartContext; signal: AbortSignal },
  ): Promise<void> {
    const { pod, podIPs } = context;
    const about = podReference(pod, containerFieldPath(of));
    const subject = { id, pod, container: of.spec, about };
    const reason = 'failed-post-start';
    try {
      await this.#options.killer.kill(
        { subject, reason, message: 'FailedPostStartHook', podIPs },
        { signal },
      );
    } catch (error) {
      signal.throwIfAborted();
      this.#options.log.warn(
        { ...podFields(pod.metadata), container: of.spec.name, containerId: id, err: error },
        'container not stopped',
      );
    }
  }

  /** Does the work; what it throws is told in an event and becomes the container's waiting reason. */
  async #attempting<T>(
    of: PodContainer,
    reason: WaitingReason,
    { context, signal, id = '' }: { context: StartContext; signal: AbortSignal; id?: string },
    work: () => Promise<T> | T,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      const text = error instanceof CriError ? error.description : messageOf(error);
      // ids would make every event a new one
      const shown = id === '' ? text : text.replaceAll(id, of.spec.name);
      this.#event(of, context.pod, { reason: 'Failed', message: `Error: ${shown}` });
      throw new ContainerStartError(reason, text, { cause: error });
    }
  }

  #event(of: PodContainer, pod: Pod, event: { reason: EventReason; message: string }): void {
    const about = podReference(pod, containerFieldPath(of));
    this.#options.events.event(about, event.reason, event.message);
  }
}

/** The images that this container mounts; one that failed fails the container, as its own image would. */
function readyImageVolumes(container: Container, context: StartContext): Map<string, ImageSpec> {
  const ready = new Map<string, ImageSpec>();
  for (const { name } of container.volumeMounts ?? []) {
    const fetched = context.imageVolumes.get(name);
    if (fetched === undefined) continue;
    if ('error' in fetched) throw fetched.error;
    ready.set(name, fetched.value);
  }
  return ready;
}

/** Id of the newest container that an ephemeral one wants to see the processes of. */
function targetOf(of: PodContainer, state: PodRuntimeState): string | undefined {
  if (of.type !== 'ephemeral_container') return undefined;
  const target = (of.spec as EphemeralContainer).targetContainerName ?? '';
  if (target === '') return undefined;
  const found = state.containers.find(({ name }) => name === target);
  if (found === undefined) throw new Error(`unable to find target container ${target}`);
  return found.id;
}
