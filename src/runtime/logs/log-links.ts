/**
 * Takes away links in the folder of container logs that lead nowhere (kuberuntime_gc.go evictPodLogsDirectories). A
 * log that is being rotated has no file for a moment: a link goes only when it was dead twice in a row and its
 * container does not run.
 */
import type { HostFiles, HostQuery } from '../../hosts/link/link.ts';

export interface LogLinksOptions {
  readonly files: Pick<HostFiles, 'list' | 'look' | 'apply'>;
  readonly folder: string;
  readonly isRunning: (containerId: string) => boolean;
}

export class LogLinks {
  readonly #options: LogLinksOptions;
  #dead = new Set<string>();

  constructor(options: LogLinksOptions) {
    this.#options = options;
  }

  async clean({ signal }: { signal: AbortSignal }): Promise<void> {
    const { files, folder, isRunning } = this.#options;
    const links = ((await files.list(folder, { signal })) ?? [])
      .filter(({ name, type }) => type === 'symlink' && name.endsWith('.log'))
      .map(({ name }) => name);
    if (links.length === 0) return;
    const seen = await files.look(
      links.map((name): HostQuery => ({ look: 'stat', path: `${folder}/${name}` })),
      { signal },
    );
    const dead = links.filter(
      (name, index) =>
        seen[index]?.stat === undefined && !isRunning(/-([0-9a-f]{64})\.log$/.exec(name)?.[1] ?? ''),
    );
    const gone = dead.filter((name) => this.#dead.has(name));
    this.#dead = new Set(dead);
    if (gone.length > 0)
      await files.apply(
        gone.map((name) => ({ op: 'remove', path: `${folder}/${name}` })),
        { signal },
      );
  }
}
