/** Sends events to the API server, in order, from a bounded queue. */
import { isNotFound, kindOf } from '../model/errors.ts';
import { eventWords, type EventReason } from '../model/event-reasons.ts';
import type { EventRecorder } from '../model/events.ts';
import type { CoreEvent, ObjectReference } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import { Arrival } from '../util/arrival.ts';
import { backoffMs } from '../util/backoff.ts';
import type { Clock } from '../util/clock.ts';
import type { KubeClient } from './client.ts';
import { waitAfter } from './errors.ts';
import { EventCorrelation, type EventWrite } from './event-correlation.ts';
import { paths } from './paths.ts';

const MAX_QUEUE = 1000;
/** Characters: the output of an exec probe (10 KiB) fits, with the words around it. The API sets no limit. */
const MAX_MESSAGE = 16_384;
const MAX_TRIES = 12;
const retry = { baseMs: 500, maxMs: 10_000, factor: 2, jitter: 0.5 };

export interface EventsOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  /** the node that reports */
  readonly host: string;
  readonly onDropped?: () => void;
}

export class Events implements EventRecorder {
  readonly #options: EventsOptions;
  readonly #correlation: EventCorrelation;
  readonly #queue: EventWrite[] = [];
  readonly #arrival = new Arrival();
  #idle = Promise.resolve();

  constructor(options: EventsOptions) {
    this.#options = options;
    this.#correlation = new EventCorrelation({ component: 'kubelet', host: options.host });
  }

  event(
    about: ObjectReference,
    key: EventReason,
    message: string,
    annotations?: Readonly<Record<string, string>>,
  ): void {
    const { clock, log, onDropped } = this.#options;
    const { type, reason } = eventWords(key);
    log.debug(
      { about: `${about.kind ?? ''} ${about.namespace ?? ''}/${about.name ?? ''}`, type, reason, message },
      'event',
    );
    const write = this.#correlation.next(
      { about, type, reason, message: message.slice(0, MAX_MESSAGE), annotations },
      clock.now(),
    );
    if (write === undefined || this.#queue.length >= MAX_QUEUE) onDropped?.();
    else this.#queue.push(write);
    this.#arrival.announce();
  }

  /** Sends until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const next = this.#queue.shift();
      if (next === undefined) await this.#arrival.next(signal);
      else {
        this.#idle = this.#send(next, signal);
        await this.#idle;
      }
    }
  }

  /** Sends what is left, as far as the signal allows. */
  async flush({ signal }: { signal: AbortSignal }): Promise<void> {
    await this.#idle;
    for (let next = this.#queue.shift(); next !== undefined && !signal.aborted; next = this.#queue.shift())
      await this.#send(next, signal, 1);
  }

  async #send(write: EventWrite, signal: AbortSignal, tries = MAX_TRIES): Promise<void> {
    const { clock, log, onDropped } = this.#options;
    for (let attempt = 1; attempt <= tries && !signal.aborted; attempt += 1) {
      try {
        await this.#write(write, signal);
        return;
      } catch (error) {
        // a namespace that is going away takes no events; nothing else will make it
        const hopeless = ['forbidden', 'invalid', 'not-found', 'conflict', 'already-exists'].includes(
          kindOf(error),
        );
        if (hopeless || attempt === tries) {
          log.debug({ err: error, reason: write.event.reason }, 'event could not be recorded');
          onDropped?.();
          return;
        }
        await clock.sleep(waitAfter(error, backoffMs(retry, attempt)), { signal }).catch(() => undefined);
      }
    }
  }

  async #write(write: EventWrite, signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    if (write.kind === 'repeat') {
      const { count, lastTimestamp, message } = write.event;
      try {
        await client.patch<CoreEvent>(
          paths.event(write.namespace, write.name),
          'strategic',
          { count, lastTimestamp, message },
          { signal },
        );
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
        // it has expired (events live an hour): it begins again
      }
    }
    await client.create<CoreEvent>(paths.events(write.event.metadata.namespace ?? 'default'), write.event, {
      signal,
    });
  }
}
