/** What the containers of one sync need from others, asked for before their turn. */
import type { HostFiles } from '../../hosts/link/link.ts';
import type { PodContainer } from '../../model/containers.ts';
import type { Pod } from '../../model/kube.ts';
import { etcHostsPath } from '../../model/paths.ts';
import type { PodRuntimeState } from '../../model/runtime-state.ts';
import type { ImagePuller, KnownImages } from '../images/image-puller.ts';
import { podHostname } from '../spec/hostname.ts';
import { managedHostsFile } from '../spec/hosts-file.ts';
import { hostsFileOp } from '../spec/pod-files.ts';
import type { ObjectReader, ServiceReader } from '../spec/providers.ts';
import type { RuntimeSettings } from '../spec/runtime-settings.ts';
import {
  nextAttempt,
  readEnvObjects,
  terminationLogs,
  writePodFiles,
  type EnvObjects,
} from './start-plan.ts';

export interface PrefetchOptions {
  readonly host: { readonly link: { readonly files: HostFiles } };
  readonly settings: Pick<RuntimeSettings, 'paths' | 'clusterDomain'>;
  readonly images: Pick<ImagePuller, 'ask'>;
  readonly objects: ObjectReader;
  readonly services: ServiceReader;
}

export interface PrefetchRequest {
  readonly pod: Pod;
  readonly state: PodRuntimeState;
  /** those that will be started */
  readonly containers: readonly PodContainer[];
  /** none as long as the sandbox is being made */
  readonly podIPs: readonly string[];
}

/**
 * Sends every question, and the files, as soon as it is constructed, so that the round trips to a far host
 * overlap with the sandbox's start and with each other. Every question is sent once, however many callers ask
 * for its answer. A failure reaches every caller who asks for that answer and nobody else: an answer that no
 * container needs may fail.
 */
export class Prefetched {
  readonly #options: PrefetchOptions;
  readonly #request: PrefetchRequest;
  readonly #signal: AbortSignal;
  readonly #attempts = new Map<string, Promise<number>>();
  readonly #terminationLogs: ReadonlyMap<string, string>;
  readonly #images: KnownImages;
  readonly #env: Promise<EnvObjects>;
  readonly #files: Promise<void>;
  #hosts: Promise<void>;
  #podIPs: readonly string[];

  /** Answers that are still open when `signal` aborts reject with its reason. */
  constructor(options: PrefetchOptions, request: PrefetchRequest, { signal }: { signal: AbortSignal }) {
    this.#options = options;
    this.#request = request;
    this.#signal = signal;
    const { images, objects, services, host, settings } = options;
    const { pod, state, containers, podIPs } = request;
    const { paths, clusterDomain } = settings;
    const logs = terminationLogs(pod, containers, { state, paths });
    this.#terminationLogs = logs;
    for (const { spec } of containers) void this.attempt(spec.name);
    this.#images = images.ask(
      containers.map(({ spec }) => ({ pod, image: spec.image ?? '', pullPolicy: spec.imagePullPolicy })),
      signal,
    );
    this.#env = mayFail(readEnvObjects(pod, containers, { objects, services, signal }));
    this.#files = mayFail(
      writePodFiles(
        pod,
        { containers, terminationLogs: logs, clusterDomain, podIPs },
        { files: host.link.files, paths, signal },
      ),
    );
    this.#hosts = this.#files;
    this.#podIPs = podIPs;
  }

  /** The runtime's answers for the containers' images. A pull puts its image here, for later containers. */
  images(): KnownImages {
    return this.#images;
  }

  /** The objects that the containers' environments name. */
  env(): Promise<EnvObjects> {
    return this.#env;
  }

  /** The restart count to create the container with. */
  attempt(container: string): Promise<number> {
    const known = this.#attempts.get(container);
    if (known !== undefined) return known;
    const { host, settings } = this.#options;
    const { pod, state } = this.#request;
    const from = { state, files: host.link.files, paths: settings.paths, signal: this.#signal };
    const asked = mayFail(nextAttempt(pod, container, from));
    this.#attempts.set(container, asked);
    return asked;
  }

  /** Host path of the container's termination message file; undefined for a container that has none. */
  terminationLog(container: string): string | undefined {
    return this.#terminationLogs.get(container);
  }

  /** Resolves once the files that a container is created with are on the host. */
  files(): Promise<void> {
    return this.#files;
  }

  /** Resolves once the hosts file has the pod's addresses. No container may start before. */
  hosts(): Promise<void> {
    return this.#hosts;
  }

  /** Host path of the hosts file; undefined as long as the pod has no address. */
  hostsFile(): string | undefined {
    const { pod } = this.#request;
    if (pod.spec.hostNetwork !== true && this.#podIPs.length === 0) return undefined;
    return etcHostsPath(this.#options.settings.paths, pod.metadata.uid);
  }

  /**
   * Call it when a new sandbox has its addresses. The hosts file was written without them, so that containers
   * could be created with it; it is rewritten in the background, and `hosts` waits for that.
   */
  sandboxReady(podIPs: readonly string[]): void {
    this.#podIPs = podIPs;
    if (this.#request.pod.spec.hostNetwork === true || podIPs.length === 0) return;
    this.#hosts = mayFail(this.#rewriteHosts(podIPs));
  }

  async #rewriteHosts(podIPs: readonly string[]): Promise<void> {
    const { host, settings } = this.#options;
    const { pod } = this.#request;
    await this.#files;
    const text = managedHostsFile(pod, podHostname(pod, settings.clusterDomain), podIPs);
    await host.link.files.apply([hostsFileOp(pod, settings.paths, text)], { signal: this.#signal });
  }
}

/** The same promise: its failure is no unhandled rejection if nobody asks for it. */
function mayFail<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
