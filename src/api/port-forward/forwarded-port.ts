import type { Duplex } from 'node:stream';
import { messageOf } from '../../model/errors.ts';
import { drained } from '../http/outlet.ts';
import type { ForwardTarget } from '../http/stream-request.ts';

export interface ForwardedPortOptions {
  readonly target: ForwardTarget;
  readonly port: number;
  /** takes what the pod sends; resolves when there is room for more */
  readonly send: (data: Buffer) => Promise<void>;
  /** called once: undefined when the pod has ended the connection, else what went wrong */
  readonly onEnd: (failure: string | undefined) => void;
  readonly signal: AbortSignal;
}

/** What a client may send before the connection to the pod is there. */
const MAX_EARLY_BYTES = 256 * 1024;

/** One connection that is carried on to a pod's port. */
export class ForwardedPort {
  readonly #options: ForwardedPortOptions;
  readonly #abort = new AbortController();
  readonly #early: Buffer[] = [];
  #earlyBytes = 0;
  #socket: Duplex | undefined;
  #isEnded = false;
  readonly #opened: Promise<void>;

  constructor(options: ForwardedPortOptions) {
    this.#options = options;
    this.#opened = this.#open();
  }

  /** Resolves when more may be sent. What is sent after the end is left out. */
  async write(data: Buffer): Promise<void> {
    if (this.#abort.signal.aborted || this.#isEnded) return;
    if (this.#socket === undefined) {
      this.#early.push(data);
      this.#earlyBytes += data.length;
      if (this.#earlyBytes > MAX_EARLY_BYTES) await this.#opened;
      return;
    }
    if (!this.#socket.write(data)) await drained(this.#socket);
  }

  /** The client sends no more. */
  end(): void {
    this.#isEnded = true;
    this.#socket?.end();
  }

  /** The client has gone: nothing is told any more. */
  destroy(): void {
    this.#abort.abort(new Error('the client has gone'));
    this.#socket?.destroy();
  }

  /** Resolves when there is a connection, or will be none. */
  async #open(): Promise<void> {
    const { target, port, signal } = this.#options;
    let socket: Duplex;
    try {
      socket = await target.open(port, { signal: AbortSignal.any([signal, this.#abort.signal]) });
    } catch (error) {
      this.#finish(error);
      return;
    }
    if (this.#abort.signal.aborted) {
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    this.#socket = socket;
    for (const data of this.#early.splice(0)) socket.write(data);
    if (this.#isEnded) socket.end();
    void this.#carry(socket);
  }

  async #carry(socket: Duplex): Promise<void> {
    try {
      for await (const chunk of socket as AsyncIterable<Buffer>) await this.#options.send(chunk);
      this.#finish(undefined);
    } catch (error) {
      this.#finish(error);
    } finally {
      socket.on('error', () => undefined);
      socket.destroy();
    }
  }

  #finish(error: unknown): void {
    const { target, port, onEnd } = this.#options;
    if (this.#abort.signal.aborted) return;
    this.#abort.abort(new Error('the connection is over'));
    onEnd(
      error === undefined
        ? undefined
        : `error forwarding port ${String(port)} to pod ${target.pod}, uid : ${messageOf(error)}`,
    );
  }
}
