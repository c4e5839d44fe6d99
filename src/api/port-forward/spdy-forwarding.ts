/**
 * Port-forward over SPDY, as the API server speaks it to a kubelet (k8s.io/cri-streaming
 * portforward/httpstream.go). For each connection the client makes two streams with the same request id: one
 * for errors, one for data.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '../../util/clock.ts';
import type { ForwardTarget } from '../http/stream-request.ts';
import { ForwardedPort } from './forwarded-port.ts';
import { Outlet } from '../http/outlet.ts';
import {
  dataFrame,
  ping,
  RST,
  rstStream,
  SpdyReader,
  synReply,
  type SpdyFrame,
} from '../spdy/spdy-frames.ts';
import { HeaderPacker, HeaderUnpacker } from '../spdy/spdy-headers.ts';

export interface ForwardingOptions {
  readonly client: Duplex;
  readonly target: ForwardTarget;
  readonly clock: Pick<Clock, 'after'>;
}

interface Pair {
  readonly request: string;
  readonly port: number;
  error?: number;
  data?: number;
  forwarded?: ForwardedPort;
  /** what came before the other stream did */
  early: Buffer[];
  ended: boolean;
  readonly cancelWait: () => void;
}

/** How long a stream waits for the other of its pair (the kubelet's streamCreationTimeout). */
const PAIR_MS = 30_000;
/** Each is a connection from the host. */
const MAX_PAIRS = 256;
const MAX_EARLY_BYTES = 64 * 1024;

export class SpdyForwarding {
  readonly #options: ForwardingOptions;
  readonly #reader = new SpdyReader();
  readonly #headers = new HeaderUnpacker();
  readonly #packer = new HeaderPacker();
  readonly #out: Outlet;
  readonly #pairs = new Map<string, Pair>();
  /** of both streams of a pair */
  readonly #byStream = new Map<number, Pair>();
  readonly #life = new AbortController();
  #lastStream = 0;

  constructor(options: ForwardingOptions) {
    this.#options = options;
    this.#out = new Outlet(options.client);
  }

  /**
   * Serves until the client has gone; rejects when it breaks the protocol or its connection fails. `head`
   * came already.
   */
  async run(head: Buffer): Promise<void> {
    try {
      await this.#take(head);
      for await (const chunk of this.#options.client as AsyncIterable<Buffer>) await this.#take(chunk);
    } finally {
      this.#life.abort(new Error('the client has gone'));
      for (const pair of this.#pairs.values()) this.#forget(pair);
      this.#headers.close();
    }
  }

  async #take(chunk: Buffer): Promise<void> {
    for (const frame of this.#reader.take(chunk)) await this.#handle(frame);
  }

  async #handle(frame: SpdyFrame): Promise<void> {
    switch (frame.kind) {
      case 'syn-stream':
        await this.#opened(frame.stream, await this.#headers.unpack(frame.headers));
        if (frame.fin) this.#clientEnded(frame.stream);
        return;
      case 'headers':
        await this.#headers.unpack(frame.headers);
        if (frame.fin) this.#clientEnded(frame.stream);
        return;
      case 'data':
        if (frame.data.length > 0) await this.#received(frame.stream, frame.data);
        if (frame.fin) this.#clientEnded(frame.stream);
        return;
      case 'rst-stream': {
        const pair = this.#byStream.get(frame.stream);
        if (pair !== undefined) this.#forget(pair);
        return;
      }
      case 'ping':
        // pings of a client have odd numbers; an even one would be the answer to one of ours
        if (frame.id % 2 === 1) await this.#out.write(ping(frame.id));
        return;
      case 'goaway':
      case 'other':
        return;
    }
  }

  async #opened(stream: number, headers: ReadonlyMap<string, string>): Promise<void> {
    if (stream % 2 === 0 || stream <= this.#lastStream)
      throw new Error(`stream ${String(stream)} out of order`);
    this.#lastStream = stream;
    const type = headers.get('streamtype');
    const port = Number(headers.get('port'));
    const request = headers.get('requestid') ?? String(type === 'data' ? stream - 2 : stream);
    const isPort = /^\d+$/.test(headers.get('port') ?? '') && port > 0 && port < 65_536;
    const pair = isPort && (type === 'data' || type === 'error') ? this.#pair(request, port) : undefined;
    if (pair === undefined || (type !== 'data' && type !== 'error') || pair[type] !== undefined) {
      await this.#out.write(rstStream(stream, RST.refused));
      return;
    }
    pair[type] = stream;
    this.#byStream.set(stream, pair);
    await this.#out.write(synReply(stream, this.#packer.pack()));
    if (pair.data !== undefined && pair.error !== undefined) this.#forward(pair, pair.data, pair.error);
  }

  #pair(request: string, port: number): Pair | undefined {
    const known = this.#pairs.get(request);
    if (known !== undefined || this.#pairs.size >= MAX_PAIRS) return known;
    const pair: Pair = {
      request,
      port,
      early: [],
      ended: false,
      cancelWait: this.#options.clock.after(PAIR_MS, () => {
        void this.#fail(pair, `request ${request}: timed out waiting for streams`);
      }),
    };
    this.#pairs.set(request, pair);
    return pair;
  }

  #forward(pair: Pair, data: number, error: number): void {
    pair.cancelWait();
    const forwarded = new ForwardedPort({
      target: this.#options.target,
      port: pair.port,
      send: (bytes) => this.#out.write(dataFrame(data, bytes)),
      onEnd: (failure) => {
        if (failure === undefined) {
          this.#forget(pair);
          for (const stream of [data, error]) void this.#out.write(dataFrame(stream, none, { fin: true }));
        } else void this.#fail(pair, failure);
      },
      signal: this.#life.signal,
    });
    pair.forwarded = forwarded;
    for (const bytes of pair.early.splice(0)) void forwarded.write(bytes);
    if (pair.ended) forwarded.end();
  }

  async #fail(pair: Pair, failure: string): Promise<void> {
    this.#forget(pair);
    const { data, error } = pair;
    if (error !== undefined) await this.#out.write(dataFrame(error, Buffer.from(failure), { fin: true }));
    if (data !== undefined) await this.#out.write(rstStream(data, RST.cancel));
  }

  async #received(stream: number, bytes: Buffer): Promise<void> {
    const pair = this.#byStream.get(stream);
    if (pair?.data !== stream) return;
    if (pair.forwarded !== undefined) {
      await pair.forwarded.write(bytes);
      return;
    }
    pair.early.push(bytes);
    if (pair.early.reduce((sum, { length }) => sum + length, 0) > MAX_EARLY_BYTES)
      await this.#fail(pair, `request ${pair.request}: too much before its error stream`);
  }

  #clientEnded(stream: number): void {
    const pair = this.#byStream.get(stream);
    // that the client writes no errors says nothing
    if (pair?.data !== stream) return;
    pair.ended = true;
    pair.forwarded?.end();
  }

  #forget(pair: Pair): void {
    pair.cancelWait();
    pair.forwarded?.destroy();
    this.#pairs.delete(pair.request);
    for (const stream of [pair.data, pair.error]) if (stream !== undefined) this.#byStream.delete(stream);
  }
}

const none = Buffer.alloc(0);
