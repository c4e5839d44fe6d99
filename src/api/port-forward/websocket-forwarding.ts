/**
 * Port-forward over WebSocket (k8s.io/cri-streaming portforward/websocket.go): two channels for each port of the query, data
 * and errors, which both begin with the port. A message begins with the number of its channel.
 */
import { FrameReader, encodeFrame, type WebSocketMessage } from '../../util/websocket-frames.ts';
import { ForwardedPort } from './forwarded-port.ts';
import { Outlet } from '../http/outlet.ts';
import type { ForwardingOptions } from './spdy-forwarding.ts';

export interface WebSocketForwardingOptions extends Omit<ForwardingOptions, 'clock'> {
  readonly ports: readonly number[];
  /** the base64 form of the protocol: text messages, the channel as a digit */
  readonly isText: boolean;
}

export class WebSocketForwarding {
  readonly #options: WebSocketForwardingOptions;
  readonly #frames = new FrameReader({ from: 'client' });
  readonly #out: Outlet;
  readonly #life = new AbortController();
  #forwarded: readonly ForwardedPort[] = [];
  #open: number;

  constructor(options: WebSocketForwardingOptions) {
    this.#options = options;
    this.#out = new Outlet(options.client);
    this.#open = options.ports.length;
  }

  /** Serves until the client or every pod's port has gone; rejects when the client breaks the protocol. */
  async run(head: Buffer): Promise<void> {
    const { client, ports } = this.#options;
    try {
      for (const [index, port] of ports.entries()) {
        const number = Buffer.from([port & 0xff, port >> 8]);
        await this.#send(2 * index, number);
        await this.#send(2 * index + 1, number);
      }
      this.#forwarded = ports.map((port, index) => this.#forward(port, 2 * index));
      await this.#take(head);
      for await (const chunk of client as AsyncIterable<Buffer>) if (await this.#take(chunk)) break;
    } finally {
      this.#life.abort(new Error('the client has gone'));
      for (const forwarded of this.#forwarded) forwarded.destroy();
      client.destroy();
    }
  }

  #forward(port: number, channel: number): ForwardedPort {
    return new ForwardedPort({
      target: this.#options.target,
      port,
      send: (data) => this.#send(channel, data),
      onEnd: (failure) => {
        void this.#ended(channel, failure);
      },
      signal: this.#life.signal,
    });
  }

  async #ended(channel: number, failure: string | undefined): Promise<void> {
    if (failure !== undefined) await this.#send(channel + 1, Buffer.from(failure));
    this.#open -= 1;
    if (this.#open > 0) return;
    // 1000: nothing is left to do
    await this.#out.write(encodeFrame({ kind: 'close', data: Buffer.from([0x03, 0xe8]) }, undefined));
    this.#options.client.end();
  }

  /** Whether the client has closed. */
  async #take(chunk: Buffer): Promise<boolean> {
    for (const message of this.#frames.take(chunk)) {
      if (message.kind === 'close') return true;
      if (message.kind === 'ping')
        await this.#out.write(encodeFrame({ kind: 'pong', data: message.data }, undefined));
      else if (message.kind !== 'pong') await this.#received(message);
    }
    return false;
  }

  async #received({ data }: WebSocketMessage): Promise<void> {
    const [first] = data;
    if (first === undefined) return;
    const { isText } = this.#options;
    const channel = isText ? first - 0x30 : first;
    const rest = data.subarray(1);
    if (channel % 2 !== 0 || rest.length === 0) return;
    await this.#forwarded[channel / 2]?.write(isText ? Buffer.from(rest.toString(), 'base64') : rest);
  }

  async #send(channel: number, data: Buffer): Promise<void> {
    const message: WebSocketMessage = this.#options.isText
      ? { kind: 'text', data: Buffer.from(String.fromCharCode(0x30 + channel) + data.toString('base64')) }
      : { kind: 'binary', data: Buffer.concat([Buffer.from([channel]), data]) };
    await this.#out.write(encodeFrame(message, undefined));
  }
}
