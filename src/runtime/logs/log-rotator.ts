/**
 * Keeps containers' logs within their size (pkg/kubelet/logs/container_log_manager.go). Only running
 * containers' logs are rotated: the others grow no more. Between the look and what follows containers end and
 * pods go: an answer counts for whoever runs with that log when it has come, and a log that is gone is looked
 * for once more.
 */
import type { CriClient } from '../../hosts/cri/calls.ts';
import type { HostWatcher } from '../../hosts/host-monitor.ts';
import type { HostAnswer, HostFiles, HostQuery } from '../../hosts/link/link.ts';
import type { Log } from '../../model/log.ts';
import type { PodRuntimeState } from '../../model/runtime-state.ts';
import type { Clock } from '../../util/clock.ts';
import { Semaphore } from '../../util/semaphore.ts';
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
  readonly #semaphore: Semaphore;

  constructor(options: LogRotatorOptions) {
    this.#options = options;
    this.#semaphore = new Semaphore(options.workers);
    this.everyMs = options.everyMs;
  }

  /** What to look at on the host: the log of each running container. */
  queries(): HostQuery[] {
    return [...this.#running().keys()].map((path) => ({ look: 'stat', path }));
  }

  /**
   * Rotates what the answers show to be too large. A log that fails is told and tried again the next time.
   */
  async take(
    answers: readonly HostAnswer[],
    { signal, asked }: { signal: AbortSignal; asked: readonly HostQuery[] },
  ): Promise<void> {
    const { log, maxBytes } = this.#options;
    const running = this.#running();
    const due = asked.flatMap(({ path }, index) => {
      const id = running.get(path);
      const size = answers[index]?.stat?.size;
      return id === undefined || (size !== undefined && size < maxBytes) ? [] : [{ id, path, size }];
    });
    await Promise.all(
      due.map(({ id, path, size }) =>
        this.#semaphore
          .run(signal, () =>
            size === undefined ? this.#beginAnew({ id, path }, signal) : this.#rotate({ id, path }, signal),
          )
          .catch((error: unknown) => {
            if (!signal.aborted) log.warn({ err: error, containerId: id, path }, 'log not rotated');
          }),
      ),
    );
  }

  /** Running containers by the paths of their logs. */
  #running(): ReadonlyMap<string, string> {
    return new Map(
      this.#options
        .states()
        .flatMap(({ containers }) => containers)
        .filter(({ state, logPath }) => state === 'running' && logPath !== '')
        .map(({ id, logPath }) => [logPath, id]),
    );
  }

  /** A log whose file somebody took away, if it still is away and its container still runs. */
  async #beginAnew({ id, path }: Running, signal: AbortSignal): Promise<void> {
    const found = await this.#options.files.stat(path, { signal, follow: true });
    if (found === undefined && this.#running().get(path) === id) await this.#reopen(id, signal);
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
      // the container still writes to it: under its own name it is rotated the next time; a runtime whose
      // answer was lost may have begun the new log, which must not be written over
      if ((await files.stat(path, { signal })) === undefined) await files.apply([undo], { signal });
      throw error;
    }
    log.debug({ containerId: id, path }, 'log rotated');
  }

  async #reopen(id: string, signal: AbortSignal): Promise<void> {
    await this.#options.cri.reopenContainerLog({ container_id: id }, { signal });
  }
}
