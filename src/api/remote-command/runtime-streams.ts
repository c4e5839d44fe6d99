/**
 * The streams of a command or a container, as a client of the runtime's streaming server: SPDY/3.1 with the
 * protocol v4.channel.k8s.io (client-go remotecommand/v4.go), which every runtime speaks and which can end
 * standard input alone.
 */
import type { Duplex } from 'node:stream';
import { Outlet } from '../http/outlet.ts';
import { dataFrame, ping, SpdyReader, synStream, type SpdyFrame } from '../spdy/spdy-frames.ts';
import { HeaderPacker } from '../spdy/spdy-headers.ts';
import type { StreamOptions } from '../http/stream-request.ts';

export const RUNTIME_PROTOCOL = 'v4.channel.k8s.io';

export type Input = 'stdin' | 'resize';
export type Output = 'stdout' | 'stderr';
/** Resolves when there is room for more. */
type OnOutput = (output: Output, bytes: Buffer) => Promise<void>;
type StreamType = Input | Output | 'error';

/** A status is a few hundred bytes; of an error stream, no more is kept. */
const MAX_STATUS_BYTES = 64 * 1024;
/** A SPDY frame's length has 24 bits; Go's clients send 32 KiB at once. */
const FRAME_BYTES = 32 * 1024;
const none = Buffer.alloc(0);

export class RuntimeStreams {
  readonly #connection: Duplex;
  readonly #out: Outlet;
  readonly #reader = new SpdyReader();
  readonly #types = new Map<number, StreamType>();
  readonly #numbers = new Map<StreamType, number>();
  /** what the runtime has not ended yet */
  readonly #open = new Set<StreamType>();
  /** what the runtime has not taken yet */
  readonly #unanswered = new Set<number>();
  readonly #ready = Promise.withResolvers<undefined>();
  readonly #status: Buffer[] = [];
  #statusBytes = 0;
  readonly #onOutput: OnOutput;

  /** `connection` has switched to SPDY. The streams are asked for at once. */
  constructor(connection: Duplex, { stdin, stdout, stderr, tty }: StreamOptions, onOutput: OnOutput) {
    this.#connection = connection;
    this.#onOutput = onOutput;
    this.#out = new Outlet(connection);
    const wanted: readonly (readonly [StreamType, boolean])[] = [
      ['error', true],
      ['stdin', stdin],
      ['stdout', stdout],
      ['stderr', stderr && !tty],
      ['resize', tty],
    ];
    const packer = new HeaderPacker();
    const types = wanted.flatMap(([type, isWanted]) => (isWanted ? [type] : []));
    for (const [index, type] of types.entries()) {
      const number = 2 * index + 1;
      this.#types.set(number, type);
      this.#numbers.set(type, number);
      this.#unanswered.add(number);
      if (type !== 'stdin' && type !== 'resize') this.#open.add(type);
      void this.#out.write(synStream(number, packer.pack({ streamtype: type })));
    }
  }

  /**
   * Reads what the runtime sends, `early` first, until it is done. Answers with its error stream; undefined
   * if it ended without one. Rejects when it breaks the protocol or its connection fails.
   */
  async run(early: Buffer): Promise<Buffer | undefined> {
    try {
      await this.#read(early);
    } finally {
      // nobody need wait to write any more
      this.#ready.resolve(undefined);
      this.#connection.destroy();
    }
    return this.#statusBytes === 0 ? undefined : Buffer.concat(this.#status);
  }

  /** Resolves when there is room for more; what was not asked for goes nowhere. */
  async write(input: Input, bytes: Buffer): Promise<void> {
    const number = this.#numbers.get(input);
    if (number === undefined) return;
    await this.#ready.promise;
    for (let at = 0; at < bytes.length; at += FRAME_BYTES)
      await this.#out.write(dataFrame(number, bytes.subarray(at, at + FRAME_BYTES)));
  }

  /** The command reads to the end of its standard input. */
  async endInput(): Promise<void> {
    const number = this.#numbers.get('stdin');
    if (number === undefined) return;
    await this.#ready.promise;
    await this.#out.write(dataFrame(number, none, { fin: true }));
  }

  async #read(early: Buffer): Promise<void> {
    if (await this.#take(early)) return;
    for await (const chunk of this.#connection as AsyncIterable<Buffer>) if (await this.#take(chunk)) return;
  }

  /** Whether all that the runtime says has ended. */
  async #take(chunk: Buffer): Promise<boolean> {
    for (const frame of this.#reader.take(chunk)) await this.#handle(frame);
    return this.#open.size === 0;
  }

  async #handle(frame: SpdyFrame): Promise<void> {
    switch (frame.kind) {
      case 'headers':
        this.#answered(frame.stream);
        if (frame.fin) this.#ended(frame.stream);
        return;
      case 'data': {
        const type = this.#types.get(frame.stream);
        if (type === 'error') this.#keepStatus(frame.data);
        else if ((type === 'stdout' || type === 'stderr') && frame.data.length > 0)
          await this.#onOutput(type, frame.data);
        if (frame.fin) this.#ended(frame.stream);
        return;
      }
      case 'rst-stream':
        this.#answered(frame.stream);
        this.#ended(frame.stream);
        return;
      case 'ping':
        // pings of a server have even numbers
        if (frame.id % 2 === 0) await this.#out.write(ping(frame.id));
        return;
      case 'syn-stream':
      case 'goaway':
      case 'other':
        return;
    }
  }

  #answered(stream: number): void {
    this.#unanswered.delete(stream);
    if (this.#unanswered.size === 0) this.#ready.resolve(undefined);
  }

  #ended(stream: number): void {
    const type = this.#types.get(stream);
    if (type !== undefined) this.#open.delete(type);
  }

  #keepStatus(bytes: Buffer): void {
    const room = MAX_STATUS_BYTES - this.#statusBytes;
    const kept = bytes.subarray(0, room);
    this.#status.push(kept);
    this.#statusBytes += kept.length;
  }
}
