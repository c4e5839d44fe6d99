import type { CriClient } from '../../hosts/cri/calls.ts';
import type { HostFiles } from '../../hosts/link/link.ts';
import { unlessNotFound } from '../../model/errors.ts';
import { type HostPaths, podLogDir } from '../../model/paths.ts';
import type { PodRef } from '../../model/pod-ref.ts';
import type { ObservedContainer } from '../../model/runtime-state.ts';
import { containerLogLink } from '../spec/pod-files.ts';

export interface ContainerRemoverOptions {
  readonly cri: Pick<CriClient, 'removeContainer' | 'stopPodSandbox' | 'removePodSandbox'>;
  readonly files: HostFiles;
  readonly paths: HostPaths;
}

/** Takes dead containers and sandboxes of one host away, with the logs they leave behind. */
export class ContainerRemover {
  readonly #options: ContainerRemoverOptions;

  constructor(options: ContainerRemoverOptions) {
    this.#options = options;
  }

  /** Logs, rotated ones and the link first: once the container is gone nothing would name them. */
  async remove(
    container: ObservedContainer,
    pod: PodRef,
    { signal, keepLogs = false }: { signal: AbortSignal; keepLogs?: boolean },
  ): Promise<void> {
    if (!keepLogs) await this.#removeLogs(container, pod, signal);
    const { cri } = this.#options;
    await cri.removeContainer({ container_id: container.id }, { signal }).catch(unlessNotFound);
  }

  /**
   * Stopped once more before, unless it is known to have been: removing a sandbox that still runs would leak
   * its network.
   */
  async removeSandbox(
    id: string,
    { signal, isStopped = false }: { signal: AbortSignal; isStopped?: boolean },
  ): Promise<void> {
    const { cri } = this.#options;
    if (!isStopped) await cri.stopPodSandbox({ pod_sandbox_id: id }, { signal }).catch(unlessNotFound);
    await cri.removePodSandbox({ pod_sandbox_id: id }, { signal }).catch(unlessNotFound);
  }

  /** The folder with all logs of a pod that is gone, and the links to those of the containers. */
  async removePodLogs(
    pod: PodRef,
    containers: readonly ObservedContainer[],
    { signal }: { signal: AbortSignal },
  ): Promise<void> {
    const { files, paths } = this.#options;
    const links = containers.map((container) => this.#link(pod, container));
    await files.apply(
      [
        ...links.map((path) => ({ op: 'remove', path }) as const),
        { op: 'remove-tree', path: podLogDir(paths, pod) },
      ],
      { signal },
    );
  }

  async #removeLogs(container: ObservedContainer, pod: PodRef, signal: AbortSignal): Promise<void> {
    const { files } = this.#options;
    const slash = container.logPath.lastIndexOf('/');
    const folder = container.logPath.slice(0, slash);
    const file = container.logPath.slice(slash + 1);
    const entries = slash > 0 ? await files.list(folder, { signal }) : undefined;
    const logs = (entries ?? []).filter(({ name }) => file !== '' && name.startsWith(file));
    const paths = [...logs.map(({ name }) => `${folder}/${name}`), this.#link(pod, container)];
    await files.apply(
      paths.map((path) => ({ op: 'remove', path }) as const),
      { signal },
    );
  }

  #link(pod: PodRef, { name, id }: ObservedContainer): string {
    return containerLogLink(this.#options.paths, {
      pod: pod.name,
      namespace: pod.namespace,
      container: name,
      id,
    });
  }
}
