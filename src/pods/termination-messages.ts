/** What containers left to say, read once per exited container (kuberuntime_container.go getTerminationMessage). */
import { LRUCache } from 'lru-cache';
import type { HostFiles } from '../hosts/link.ts';
import { annotations } from '../model/labels.ts';
import { messageOf } from '../model/errors.ts';
import type { ObservedContainer, PodRuntimeState } from '../model/runtime-state.ts';

const MAX_BYTES = 4096;
const LOG_BYTES = 2048;
const LOG_LINES = 80;
const ENTRIES = 4096;

export class TerminationMessages {
  readonly #files: HostFiles;
  readonly #messages = new LRUCache<string, string>({ max: ENTRIES });

  constructor(options: { files: HostFiles }) {
    this.#files = options.files;
  }

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
        this.#messages.set(container.id, await this.#message(container, signal));
      }),
    );
  }

  async #message(container: ObservedContainer, signal: AbortSignal): Promise<string> {
    const path = container.annotations[annotations.terminationMessagePath];
    const file = container.mounts.find((mount) => mount.containerPath === path)?.hostPath;
    try {
      const text =
        file === undefined
          ? ''
          : (await this.#files.readTail(file, { signal, maxBytes: MAX_BYTES })).toString();
      const fromLog = container.annotations[annotations.terminationMessagePolicy] === 'FallbackToLogsOnError';
      if (text !== '' || !fromLog || container.exitCode === 0 || container.reason === 'ContainerCannotRun')
        return text;
      return lastLines(
        (await this.#files.readTail(container.logPath, { signal, maxBytes: 4 * LOG_BYTES })).toString(),
      );
    } catch (error) {
      signal.throwIfAborted();
      return `Error on reading termination message from logs: ${messageOf(error)}`;
    }
  }
}

/** The text of the last lines of a CRI log, without times and tags. */
export function lastLines(log: string): string {
  const lines = log.trimEnd().split('\n').slice(-LOG_LINES);
  const text = lines
    .map((line) => /^\S+ (?:stdout|stderr) (\S+) (.*)$/s.exec(line))
    .map((match) => (match === null ? '' : `${match[2] ?? ''}${match[1] === 'F' ? '\n' : ''}`));
  return Buffer.from(text.join('')).subarray(-LOG_BYTES).toString();
}
