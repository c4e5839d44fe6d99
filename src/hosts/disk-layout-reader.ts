/**
 * On which file systems of a host the node's own files, its images, and its containers' writable layers are.
 */
import type { CriClient } from './cri/calls.ts';
import { FarletError } from '../model/errors.ts';
import type { HostFiles, HostQuery } from './link/link.ts';

export interface DiskLayout {
  readonly rootDir: string;
  /** a folder on the file system with the images */
  readonly imageMount: string;
  /** the same, only where that is not the root folder's file system */
  readonly imageFs: string | undefined;
  /** writable layers are not on the image file system although there is one of its own */
  readonly split: boolean;
}

export interface DiskLayoutReaderOptions {
  readonly cri: Pick<CriClient, 'imageFsInfo'>;
  readonly files: Pick<HostFiles, 'look'>;
  readonly rootDir: string;
}

/** Asks once; a failure is asked again the next time. */
export class DiskLayoutReader {
  readonly #options: DiskLayoutReaderOptions;
  #layout: DiskLayout | undefined;

  constructor(options: DiskLayoutReaderOptions) {
    this.#options = options;
  }

  async read({ signal }: { signal: AbortSignal }): Promise<DiskLayout> {
    this.#layout ??= await this.#look(signal);
    return this.#layout;
  }

  async #look(signal: AbortSignal): Promise<DiskLayout> {
    const { cri, files, rootDir } = this.#options;
    const info = await cri.imageFsInfo({}, { signal });
    const mountOf = (list: typeof info.image_filesystems): string => list[0]?.fs_id?.mountpoint ?? '';
    const imageMount = mountOf(info.image_filesystems);
    if (imageMount === '')
      throw new FarletError('unimplemented', 'the runtime does not say where its images are');
    const containerMount = mountOf(info.container_filesystems) || imageMount;
    const queries = [rootDir, imageMount, containerMount].map((path): HostQuery => ({ look: 'stat', path }));
    const [root, image, container] = (await files.look(queries, { signal })).map(({ stat }) => stat?.device);
    if (root === undefined || image === undefined)
      throw new FarletError('not-found', `${root === undefined ? rootDir : imageMount} is not on the host`);
    return {
      rootDir,
      imageMount,
      imageFs: image === root ? undefined : imageMount,
      split: image !== root && container !== image,
    };
  }
}
