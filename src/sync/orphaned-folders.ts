/** Folders of pods that nobody knows (pkg/kubelet/kubelet_volumes.go cleanupOrphanedPodDirs). */
import { OrphanWatch } from './housekeeping.ts';

export interface OrphanedFoldersOptions {
  readonly volumes: {
    podFolders(options: { signal: AbortSignal }): Promise<readonly string[]>;
    unmount(uid: string, options: { signal: AbortSignal }): Promise<void>;
  };
  readonly isUnknown: (uid: string) => boolean;
  /** UIDs of all sandboxes of the runtime, other nodes' too */
  readonly sandboxes: (options: { signal: AbortSignal }) => Promise<ReadonlySet<string>>;
}

export class OrphanedFolders {
  readonly #options: OrphanedFoldersOptions;
  readonly #watch = new OrphanWatch();

  constructor(options: OrphanedFoldersOptions) {
    this.#options = options;
  }

  /** Removes those that were nobody's for some rounds in a row, and that no sandbox of the runtime has. */
  async collect({ signal }: { signal: AbortSignal }): Promise<void> {
    const { volumes, isUnknown, sandboxes } = this.#options;
    const folders = (await volumes.podFolders({ signal })).map((uid) => ({ uid }));
    const orphans = this.#watch.next(folders, (uid) => !isUnknown(uid));
    if (orphans.length === 0) return;
    const alive = await sandboxes({ signal });
    for (const { uid } of orphans) if (!alive.has(uid)) await volumes.unmount(uid, { signal });
  }
}
