/**
 * Parts of volumes as mounts of their own. Only volumes that farlet itself writes are served: nothing in them can be
 * swapped between the check and the mount. In a volume that pods write to, a container could replace a folder by a link
 * out of it at any time (CVE-2017-1002101); such mounts are refused until they can be bound by file descriptor.
 */
import { FarletError } from '../model/errors.ts';
import type { Pod } from '../model/kube.ts';
import type { PodVolumes } from './pod-volumes.ts';

export interface SubPathRequest {
  readonly pod: Pod;
  readonly container: { readonly name: string };
  readonly mounts: readonly { readonly index: number; readonly volume: string; readonly subPath: string }[];
}

export class SubPaths {
  readonly #volumes: Pick<PodVolumes, 'written'>;

  constructor(options: { volumes: Pick<PodVolumes, 'written'> }) {
    this.#volumes = options.volumes;
  }

  prepareSubPaths({ pod, container, mounts }: SubPathRequest): Promise<ReadonlyMap<number, string>> {
    const paths = new Map<number, string>();
    for (const { index, volume, subPath } of mounts) {
      const written = this.#volumes.written(pod.metadata.uid, volume);
      if (written === undefined) {
        return Promise.reject(
          new FarletError(
            'unimplemented',
            `failed to prepare subPath for volumeMount "${volume}" of container "${container.name}": farlet supports subPath on configMap, secret, downwardAPI and projected volumes only`,
          ),
        );
      }
      paths.set(index, `${written.path}/${written.folder}/${subPath}`);
    }
    return Promise.resolve(paths);
  }
}
