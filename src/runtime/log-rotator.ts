/**
 * Keeps containers' logs within their size (pkg/kubelet/logs/container_log_manager.go). Only running containers'
 * logs are rotated: the others grow no more.
 */
import type { CriClient } from '../cri/calls.ts';
import type { HostWatcher } from '../hosts/host-monitor.ts';
import type { HostAnswer, HostFiles, HostQuery } from '../hosts/link.ts';
import type { Log } from '../model/log.ts';
import type { PodRuntimeState } from '../model/runtime-state.ts';
import type { Clock } from '../util/clock.ts';
import { Lane } from '../util/lane.ts';
import { planRotation } from './log-rotation.ts';

export interface LogRotatorOptions {
  readonly cri: Pick<CriClient, 'reopenContainerLog'>;
  readonly files: HostFiles;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
  readonly states: () => readonly PodRuntimeState[];
  /** bytes from which on a log is rotated */
  readonly maxBytes: number;
  readonly maxFiles: number;
  /** logs that are rotated at the same time */
  readonly workers: number;
  readonly everyMs: number;
}

interface Running {
  readonly id: string;
  readonly path: string;
}

export class LogRotator implements HostWatcher {
  readonly name = 'log rotation';
  readonly everyMs: number;
  readonly #options: LogRotatorOptions;
  readonly #lane: Lane;
  #asked: readonly Running[] = [];

  constructor(options: LogRotatorOptions) {
    this.#options = options;
    this.#lane = new Lane(options.workers);
    this.everyMs = options.everyMs;
  }

  /** What to look at on the host: the log of each running container. */
  queries(): HostQuery[] {
    this.#asked = this.#options
      .states()
      .flatMap(({ containers }) => containers)
      .filter(({ state, logPath }) => state === 'running' && logPath !== '')
      .map(({ id, logPath }) => ({ id, path: logPath }));
    return this.#asked.map(({ path }) => ({ look: 'stat', path }));
  }

  /** Rotates what the answers show to be too large. A log that fails is told and tried again the next time. */
  async take(answers: readonly HostAnswer[], { signal }: { signal: AbortSignal }): Promise<void> {
    const { log, maxBytes } = this.#options;
    const due = this.#asked.filter((_, index) => {
      const size = answers[index]?.stat?.size;
      return size === undefined || size >= maxBytes;
    });
    const missing = new Set(this.#asked.filter((_, index) => answers[index]?.stat === undefined));
    await Promise.all(
      due.map((container) =>
        this.#lane
          .run(signal, () =>
            missing.has(container) ? this.#reopen(container.id, signal) : this.#rotate(container, signal),
          )
          .catch((error: unknown) => {
            if (!signal.aborted)
              log.warn({ err: error, container: container.id, path: container.path }, 'log not rotated');
          }),
      ),
    );
  }

  async #rotate({ id, path }: Running, signal: AbortSignal): Promise<void> {
    const { files, clock, log, maxFiles } = this.#options;
    const entries = (await files.list(path.slice(0, path.lastIndexOf('/')), { signal })) ?? [];
    const { ops, undo } = planRotation(path, {
      files: entries.map(({ name }) => name),
      maxFiles,
      now: clock.now(),
    });
    await files.apply(ops, { signal });
    try {
      await this.#reopen(id, signal);
    } catch (error) {
      // the container still writes to it: under its own name it is rotated the next time
      await files.apply([undo], { signal });
      throw error;
    }
    log.debug({ container: id, path }, 'log rotated');
  }

  /** Also for a log whose file somebody took away: the runtime begins it anew. */
  async #reopen(id: string, signal: AbortSignal): Promise<void> {
    await this.#options.cri.reopenContainerLog({ container_id: id }, { signal });
  }
}
