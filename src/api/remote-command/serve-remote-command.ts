/**
 * exec and attach over the WebSocket protocol v5.channel.k8s.io, of which runtimes know nothing: the client's
 * channels become streams of the runtime's SPDY (pkg/kubelet/server StreamTranslatorHandler, KEP-4006).
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import type { Clock } from '../../util/clock.ts';
import { messageOf } from '../../model/errors.ts';
import { endWhenIdle } from '../http/end-when-idle.ts';
import type { StreamOptions } from '../http/stream-request.ts';
import { dialUntil, switchToSpdy } from '../http/switch-protocols.ts';
import { acceptWebSocket, checkHandshake, sendMessage } from '../http/web-socket.ts';
import { RUNTIME_PROTOCOL, RuntimeStreams } from './runtime-streams.ts';
import { failure, streamStatus, type StreamStatus } from './stream-status.ts';

export const CHANNEL_PROTOCOL = 'v5.channel.k8s.io';

/** apimachinery pkg/util/remotecommand/constants.go */
const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
/** Past it, what the runtime says waits until the client has read. */
const HIGH_WATER_BYTES = 1024 * 1024;
const NORMAL_CLOSURE = 1000;
const PROTOCOL_ERROR = 1002;

export interface RemoteCommand {
  readonly url: URL;
  readonly dial: (options: { signal: AbortSignal }) => Promise<Duplex>;
  readonly options: StreamOptions;
  /** aborts when the client has gone */
  readonly signal: AbortSignal;
  readonly idleMs: number;
  readonly clock: Pick<Clock, 'after'>;
}

/**
 * Serves until the command is done or the client has gone. Rejects with HttpFault for a handshake that is
 * none, before anything is sent; whatever goes wrong later is told in the client's error channel.
 */
export async function serveRemoteCommand(
  request: IncomingMessage,
  { client, head }: { client: Duplex; head: Buffer },
  command: RemoteCommand,
): Promise<void> {
  checkHandshake(request);
  const socket = acceptWebSocket(request, { client, head }, { protocol: CHANNEL_PROTOCOL });
  endWhenIdle(client, command);
  const input = new InputQueue(socket);
  // tells the client that it is heard, before there is any output
  await sendMessage(socket, Buffer.from([firstOutput(command.options)]));
  const status = await run(command, { socket, input }).then(statusOf, (error: unknown) =>
    failure(messageOf(error)),
  );
  if (socket.readyState !== socket.OPEN) return;
  await send(socket, channels.error, Buffer.from(JSON.stringify(status)));
  socket.resume();
  socket.close(NORMAL_CLOSURE);
}

/** Resolves with the command's error stream; undefined if it had none. */
async function run(
  { dial, url, options, signal, clock }: RemoteCommand,
  { socket, input }: { socket: WebSocket; input: InputQueue },
): Promise<Buffer | undefined> {
  const connection = await dialUntil(dial, signal);
  const { upstream, early } = await switchToSpdy(connection, { url, protocol: RUNTIME_PROTOCOL }, clock);
  const streams = new RuntimeStreams(upstream, options, (output, bytes) =>
    send(socket, channels[output], bytes),
  );
  input.open(streams);
  return streams.run(early);
}

function statusOf(bytes: Buffer | undefined): StreamStatus {
  return bytes === undefined
    ? failure('the connection to the container runtime ended before the command did')
    : streamStatus(bytes);
}

function firstOutput({ stdout, stderr }: StreamOptions): number {
  if (stdout) return channels.stdout;
  return stderr ? channels.stderr : channels.error;
}

async function send(socket: WebSocket, channel: number, bytes: Buffer): Promise<void> {
  const sent = sendMessage(socket, Buffer.concat([Buffer.from([channel]), bytes]));
  if (socket.bufferedAmount > HIGH_WATER_BYTES) await sent;
}

/** What the client says, in its order and no faster than the runtime takes it. */
class InputQueue {
  readonly #socket: WebSocket;
  readonly #streams = Promise.withResolvers<RuntimeStreams>();
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      this.#take(bytesOf(data));
    });
  }

  open(streams: RuntimeStreams): void {
    this.#streams.resolve(streams);
  }

  /** Nothing more is read until this message has found its place. */
  #take(message: Buffer): void {
    this.#waiting += 1;
    this.#socket.pause();
    this.#last = this.#last
      .then(async () => {
        await this.#handle(message, await this.#streams.promise);
      })
      .catch(() => {
        this.#socket.close(PROTOCOL_ERROR);
      })
      .then(() => {
        this.#waiting -= 1;
        if (this.#waiting === 0) this.#socket.resume();
      });
  }

  async #handle(message: Buffer, streams: RuntimeStreams): Promise<void> {
    const [channel] = message;
    const bytes = message.subarray(1);
    switch (channel) {
      case channels.stdin:
        await streams.write('stdin', bytes);
        return;
      case channels.resize:
        await streams.write('resize', bytes);
        return;
      case channels.close:
        if (bytes.length !== 1) throw new Error('one channel follows a close signal');
        if (bytes[0] === channels.stdin) await streams.endInput();
        return;
      default:
    }
  }
}

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
