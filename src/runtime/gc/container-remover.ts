import type { CriClient } from '../../hosts/cri/calls.ts';
import type { HostFiles } from '../../hosts/link/link.ts';
import { isNotFound } from '../../model/errors.ts';
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
    const { cri, files, paths } = this.#options;
    if (keepLogs) return ignoringAbsence(cri.removeContainer({ container_id: container.id }, { signal }));
    const slash = container.logPath.lastIndexOf('/');
    const folder = container.logPath.slice(0, slash);
    const file = container.logPath.slice(slash + 1);
    const entries = slash > 0 ? await files.list(folder, { signal }) : undefined;
    const logs = (entries ?? []).filter(({ name }) => file !== '' && name.startsWith(file));
    const link = containerLogLink(paths, {
      pod: pod.name,
      namespace: pod.namespace,
      container: container.name,
      id: container.id,
    });
    await files.apply(
      [...logs.map(({ name }) => `${folder}/${name}`), link].map((path) => ({ op: 'remove', path }) as const),
      { signal },
    );
    await ignoringAbsence(cri.removeContainer({ container_id: container.id }, { signal }));
  }

  /** Stopped once more before: removing a sandbox that still runs would leak its network. */
  async removeSandbox(id: string, { signal }: { signal: AbortSignal }): Promise<void> {
    const { cri } = this.#options;
    await ignoringAbsence(cri.stopPodSandbox({ pod_sandbox_id: id }, { signal }));
    await ignoringAbsence(cri.removePodSandbox({ pod_sandbox_id: id }, { signal }));
  }

  /** The folder with all logs of a pod that is gone. */
  async removeLogFolder(pod: PodRef, { signal }: { signal: AbortSignal }): Promise<void> {
    const { files, paths } = this.#options;
    await files.apply([{ op: 'remove-tree', path: podLogDir(paths, pod) }], { signal });
  }
}

async function ignoringAbsence(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
