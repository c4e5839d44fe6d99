/**
 * What containers left to say, read once per exited container (kuberuntime_container.go
 * getTerminationMessage).
 */
import type { HostFiles } from '../../hosts/link/link.ts';
import { textOfBytes } from '../../model/go-string.ts';
import { annotations } from '../../model/labels.ts';
import { isNotFound, isUnanswered, toldOf } from '../../model/errors.ts';
import { containerDir, type HostPaths } from '../../model/paths.ts';
import type { ObservedContainer, PodRuntimeState } from '../../model/runtime-state.ts';
import { lastWords } from '../../runtime/logs/log-tail.ts';
import { lru } from '../../util/lru.ts';

const MAX_BYTES = 4096;
const ENTRIES = 4096;

export interface TerminationMessagesOptions {
  readonly files: Pick<HostFiles, 'readTail' | 'readPodFile' | 'look'>;
  readonly paths: HostPaths;
}

export class TerminationMessages {
  readonly #options: TerminationMessagesOptions;
  readonly #messages = lru<string>(ENTRIES);

  constructor(options: TerminationMessagesOptions) {
    this.#options = options;
  }

  /** Bytes that are no UTF-8 are kept (model/go-string.ts). */
  get(containerId: string): string | undefined {
    return this.#messages.get(containerId);
  }

  /** Reads the messages of the pod's exited containers that have not been read yet. */
  async read(state: PodRuntimeState, { signal }: { signal: AbortSignal }): Promise<void> {
    const unread = state.containers.filter(
      (container) => container.state === 'exited' && !this.#messages.has(container.id),
    );
    await Promise.all(
      unread.map(async (container) => {
        this.#messages.set(container.id, await this.#message(state.uid, container, signal));
      }),
    );
  }

  async #message(uid: string, container: ObservedContainer, signal: AbortSignal): Promise<string> {
    const file = container.terminationFile;
    let text = '';
    try {
      text = file === undefined ? '' : await this.#written(file, { uid, container, signal });
    } catch (error) {
      if (!isNotFound(error)) return this.#failure(`termination log ${file ?? ''}`, error, signal);
    }
    const fromLog = container.annotations[annotations.terminationMessagePolicy] === 'FallbackToLogsOnError';
    if (text !== '' || !fromLog || container.exitCode === 0 || container.reason === 'ContainerCannotRun')
      return text;
    try {
      return textOfBytes(await lastWords(container.logPath, { files: this.#options.files, signal }));
    } catch (error) {
      return this.#failure('termination message from logs', error, signal);
    }
  }

  /**
   * The file that farlet made can't be swapped: the container has it alone mounted. What else is mounted
   * there is the pod's.
   */
  async #written(
    path: string,
    { uid, container, signal }: { uid: string; container: ObservedContainer; signal: AbortSignal },
  ): Promise<string> {
    const { files, paths } = this.#options;
    const maxBytes = MAX_BYTES;
    if (path.startsWith(`${containerDir(paths, uid, container.name)}/`))
      return textOfBytes(await files.readTail(path, { signal, maxBytes }));
    const slash = path.lastIndexOf('/');
    const [root, name] = [path.slice(0, slash) || '/', path.slice(slash + 1)];
    return textOfBytes(await files.readPodFile(root, name, { signal, maxBytes, tail: true }));
  }

  /** What is said in the message's place. While the host can't be asked nothing is said: it is read later. */
  #failure(what: string, error: unknown, signal: AbortSignal): string {
    signal.throwIfAborted();
    if (isUnanswered(error)) throw error;
    return `Error on reading ${what}: ${toldOf(error)}`;
  }
}
