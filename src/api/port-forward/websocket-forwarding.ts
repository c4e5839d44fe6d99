/**
 * Port-forward over WebSocket (k8s.io/cri-streaming portforward/websocket.go): two channels for each port of
 * the query, data and errors, which both begin with the port. A message begins with the number of its
 * channel.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { ForwardedPort } from './forwarded-port.ts';
import { receivedMessages, sendMessage } from '../http/web-socket.ts';
import type { ForwardTarget } from '../http/stream-request.ts';

/** Far more than clients send at once (32 KiB). */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
const NORMAL_CLOSURE = 1000;

export interface WebSocketForwardingOptions {
  /** accepted in this tick, with MAX_MESSAGE_BYTES */
  readonly socket: WebSocket;
  readonly target: ForwardTarget;
  readonly ports: readonly number[];
  /** the base64 form of the protocol: text messages, the channel as a digit */
  readonly isText: boolean;
}

export class WebSocketForwarding {
  /** what the client sends; the connection is closed when this is destroyed */
  readonly client: Duplex;
  readonly #options: WebSocketForwardingOptions;
  readonly #life = new AbortController();
  #forwarded: readonly ForwardedPort[] = [];
  #open: number;

  constructor(options: WebSocketForwardingOptions) {
    this.#options = options;
    this.client = receivedMessages(options.socket);
    // a pod that does not read holds up the messages, and the news that the client has gone with them
    options.socket.once('close', () => {
      this.#end();
    });
    this.#open = options.ports.length;
  }

  /** Serves until the client or every pod's port has gone; rejects when the client breaks the protocol. */
  async run(): Promise<void> {
    try {
      for (const [index, port] of this.#options.ports.entries()) {
        const number = Buffer.from([port & 0xff, port >> 8]);
        await this.#send(2 * index, number);
        await this.#send(2 * index + 1, number);
      }
      this.#forwarded = this.#options.ports.map((port, index) => this.#forward(port, 2 * index));
      for await (const message of this.client as AsyncIterable<Buffer | string>)
        await this.#received(typeof message === 'string' ? Buffer.from(message) : message);
    } finally {
      this.#end();
      this.client.destroy();
    }
  }

  #end(): void {
    this.#life.abort(new Error('the client has gone'));
    for (const forwarded of this.#forwarded) forwarded.destroy();
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
    if (this.#open === 0) this.#options.socket.close(NORMAL_CLOSURE);
  }

  async #received(message: Buffer): Promise<void> {
    const [first] = message;
    if (first === undefined) return;
    const { isText } = this.#options;
    const channel = isText ? first - 0x30 : first;
    const data = message.subarray(1);
    if (channel % 2 !== 0 || data.length === 0) return;
    await this.#forwarded[channel / 2]?.write(isText ? Buffer.from(data.toString(), 'base64') : data);
  }

  #send(channel: number, data: Buffer): Promise<void> {
    const message = this.#options.isText
      ? String.fromCharCode(0x30 + channel) + data.toString('base64')
      : Buffer.concat([Buffer.from([channel]), data]);
    return sendMessage(this.#options.socket, message);
  }
}
