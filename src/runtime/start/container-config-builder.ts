/** Builds the configuration of a container: generateContainerConfig in kuberuntime_container.go. */
import type { ContainerConfig } from '../../hosts/cri/generated/runtime/v1/ContainerConfig.ts';
import type { ImageSpec } from '../../hosts/cri/generated/runtime/v1/ImageSpec.ts';
import type { Mount } from '../../hosts/cri/generated/runtime/v1/Mount.ts';
import type { PodContainer } from '../../model/containers.ts';
import type { Container, EphemeralContainer } from '../../model/kube.ts';
import type { NodeInfo } from '../../model/node-info.ts';
import type { PodRuntimeState } from '../../model/runtime-state.ts';
import type { ReadyImage } from '../images/image-puller.ts';
import { containerConfig } from '../spec/container-config.ts';
import { blockDevices } from '../spec/devices.ts';
import type { EnvEntry } from '../spec/env-entry.ts';
import { readEnvFiles } from '../spec/env-files.ts';
import { containerEnv } from '../spec/env.ts';
import { containerMounts, subPathMounts } from '../spec/mounts.ts';
import type { PodHost, SubPathPreparer } from '../spec/providers.ts';
import type { LinuxHost, RuntimeSettings } from '../spec/runtime-settings.ts';
import { volumeGroups } from '../spec/volume-groups.ts';
import type { ContainerCpus } from './pod-runtime-options.ts';
import type { StartContext } from './start-context.ts';
import type { EnvObjects } from './start-plan.ts';

export interface ContainerConfigBuilderOptions {
  readonly host: Pick<PodHost, 'link'>;
  readonly runtime: PodHost['runtime'];
  readonly subPaths: SubPathPreparer;
  readonly settings: RuntimeSettings;
  readonly linuxHost: () => LinuxHost;
  readonly node: () => NodeInfo;
  readonly cpus?: ContainerCpus;
}

/** The images of a container, on the host. */
export interface ReadyImages {
  readonly image: ReadyImage;
  /** those that it mounts, by volume name */
  readonly imageVolumes: ReadonlyMap<string, ImageSpec>;
}

export class ContainerConfigBuilder {
  readonly #options: ContainerConfigBuilderOptions;

  constructor(options: ContainerConfigBuilderOptions) {
    this.#options = options;
  }

  /**
   * Resolves only once the container's files are on the host. Rejects with the text that users are to see.
   */
  async build(
    container: PodContainer,
    context: StartContext,
    { images, signal }: { images: ReadyImages; signal: AbortSignal },
  ): Promise<ContainerConfig> {
    const { pod, state, volumes, sandbox, prefetched } = context;
    const { settings, linuxHost } = this.#options;
    const { spec } = container;
    const targetId = targetContainerId(container, state);
    const [objects, attempt] = await Promise.all([
      prefetched.env(),
      prefetched.attempt(spec.name),
      prefetched.files(),
    ]);
    const env = await this.#env(spec, context, { objects, signal });
    const subPaths = await this.#subPaths(spec, context, { env, images, signal });
    const mounts = this.#mounts(spec, context, { env, images, subPaths });
    const cpus = this.#options.cpus?.cpusFor(pod, spec.name);
    const { imageRef, user } = images.image;
    return containerConfig(pod, spec, {
      attempt,
      imageRef,
      user,
      env,
      mounts,
      devices: blockDevices(spec, volumes),
      volumeGroups: volumeGroups(pod, volumes),
      userNamespace: sandbox.config.linux?.security_context?.namespace_options?.userns_options ?? undefined,
      targetId,
      host: linuxHost(),
      settings: cpus?.exclusive === true ? { ...settings, cpuCFSQuota: false } : settings,
      cpus,
    });
  }

  async #env(
    container: Container,
    { pod, volumes, sandbox }: StartContext,
    { objects, signal }: { objects: EnvObjects; signal: AbortSignal },
  ): Promise<EnvEntry[]> {
    const { node, settings, host } = this.#options;
    const { ips: hostIPs, allocatable } = node();
    const envFiles = await readEnvFiles(container, { volumes, files: host.link.files }, { signal });
    const { kubernetesService } = settings;
    const podIPs = sandbox.ips;
    return containerEnv(pod, container, {
      ...objects,
      kubernetesService,
      podIPs,
      hostIPs,
      allocatable,
      envFiles,
    });
  }

  async #subPaths(
    container: Container,
    { pod, volumes }: StartContext,
    { env, images, signal }: { env: readonly EnvEntry[]; images: ReadyImages; signal: AbortSignal },
  ): Promise<ReadonlyMap<number, string>> {
    const mounts = subPathMounts(container, { env, imageVolumes: images.imageVolumes });
    if (mounts.length === 0) return new Map();
    return this.#options.subPaths.prepareSubPaths({ pod, container, mounts, volumes }, { signal });
  }

  #mounts(
    container: Container,
    { volumes, runtimeHandler, prefetched }: StartContext,
    { env, images, subPaths }: MountParts,
  ): Mount[] {
    const handler = this.#options.runtime()?.handlers.find(({ name }) => name === runtimeHandler);
    return containerMounts(container, {
      volumes,
      imageVolumes: images.imageVolumes,
      env,
      subPaths,
      hostsFile: prefetched.hostsFile(),
      terminationLog: prefetched.terminationLog(container.name),
      recursiveReadOnly: handler?.recursiveReadOnlyMounts ?? false,
      selinux: this.#options.linuxHost().selinux,
    });
  }
}

interface MountParts {
  readonly env: readonly EnvEntry[];
  readonly images: ReadyImages;
  /** host paths by the mounts' index */
  readonly subPaths: ReadonlyMap<number, string>;
}

/** Id of the newest container whose processes an ephemeral one wants to see. Throws if there is none. */
function targetContainerId(container: PodContainer, state: PodRuntimeState): string | undefined {
  if (container.type !== 'ephemeral_container') return undefined;
  const target = (container.spec as EphemeralContainer).targetContainerName ?? '';
  if (target === '') return undefined;
  const found = state.containers.find(({ name }) => name === target);
  if (found === undefined) throw new Error(`unable to find target container ${target}`);
  return found.id;
}
