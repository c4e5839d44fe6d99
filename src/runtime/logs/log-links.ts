/**
 * Takes away links in the folder of container logs that lead nowhere (kuberuntime_gc.go
 * evictPodLogsDirectories). A log that is being rotated has no file for a moment: a link goes only when it
 * was dead twice in a row and its container does not run.
 */
import type { HostFiles } from '../../hosts/link/link.ts';
import { nextTurn } from '../../util/turn.ts';

export interface LogLinksOptions {
  readonly files: Pick<HostFiles, 'list' | 'look' | 'apply'>;
  readonly folder: string;
  /** the ids of containers that may write a log still */
  readonly running: () => ReadonlySet<string>;
}

/** Looked at in one go, which is a turn of the loop: what others want of the host comes in between. */
const BATCH = 100;

const SUFFIX = '.log';
const ID_LENGTH = 64;

export class LogLinks {
  readonly #options: LogLinksOptions;
  #dead = new Set<string>();

  constructor(options: LogLinksOptions) {
    this.#options = options;
  }

  async clean({ signal }: { signal: AbortSignal }): Promise<void> {
    const { files, folder, running } = this.#options;
    const runs = running();
    const entries = (await files.list(folder, { signal })) ?? [];
    // nothing is asked of the host for those that stay whatever it says
    const links: string[] = [];
    for (let from = 0; from < entries.length; from += BATCH) {
      await nextTurn();
      for (const { name, type } of entries.slice(from, from + BATCH))
        if (type === 'symlink' && name.endsWith(SUFFIX) && !runs.has(idOf(name))) links.push(name);
    }
    const dead = new Set<string>();
    for (let from = 0; from < links.length; from += BATCH) {
      await nextTurn();
      const names = links.slice(from, from + BATCH);
      const seen = await files.look(
        names.map((name) => ({ look: 'stat', path: `${folder}/${name}` })),
        { signal },
      );
      names.forEach((name, index) => {
        if (seen[index]?.stat === undefined) dead.add(name);
      });
    }
    const gone = [...dead].filter((name) => this.#dead.has(name));
    this.#dead = dead;
    if (gone.length > 0)
      await files.apply(
        gone.map((name) => ({ op: 'remove', path: `${folder}/${name}` })),
        { signal },
      );
  }
}

/** Of the container whose log it is: <pod>_<namespace>_<container>-<id>.log. */
function idOf(link: string): string {
  return link.slice(-SUFFIX.length - ID_LENGTH, -SUFFIX.length);
}
