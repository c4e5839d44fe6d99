/**
 * A process that the runtime runs in a container, spoken to over its streaming server: WebSocket with the
 * subprotocol v4.channel.k8s.io (k8s.io/cri-streaming remotecommand, apimachinery util/httpstream/wsstream).
 * Each message begins with the number of its channel. That subprotocol can't close standard input alone: who
 * needs that says it in the input.
 */
import type { Socket } from 'node:net';
import { Duplex, Readable } from 'node:stream';
import { WebSocket, type RawData } from 'ws';
import { HostError, messageOf } from '../../model/errors.ts';
import type { Clock } from '../../util/clock.ts';
import { withDeadline } from '../../util/abort.ts';
import { execStatus, type ExecStatus } from './exec-status.ts';
import type { ShellChannel } from '../far/remote-agent.ts';

export interface ExecStream extends ShellChannel {
  /** how the process ended; what is not told within the stream is a failure */
  readonly ended: Promise<ExecStatus>;
}

export interface ExecStreamOptions {
  readonly host: string;
  /** what the runtime answered to Exec */
  readonly url: URL;
  /** connected to where the URL leads, secured */
  readonly socket: Socket;
  readonly clock: Pick<Clock, 'after' | 'monotonic'>;
  /** ends the stream when the other end is silent; only for processes that always read what they are sent */
  readonly watched: boolean;
}

const PROTOCOL = 'v4.channel.k8s.io';
const UPGRADE_MS = 15_000;
const PING_MS = 5_000;
const SILENT_MS = 20_000;
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const STATUS = 3;
const PIECE_BYTES = 64 * 1024;
const MAX_STDERR_BYTES = 64 * 1024;
/** Far more than runtimes send at once (32 KiB). */
const MAX_MESSAGE_BYTES = 1024 * 1024;

/** Upgrades the connection. Rejects with HostError, or the signal's reason; the socket is then destroyed. */
export async function openExecStream(
  options: ExecStreamOptions,
  { signal }: { signal: AbortSignal },
): Promise<ExecStream> {
  const { host, socket } = options;
  try {
    return await withDeadline(signal, UPGRADE_MS, `${host}: the streaming server`, () => upgrade(options));
  } catch (error) {
    socket.on('error', () => undefined);
    socket.destroy();
    signal.throwIfAborted();
    if (error instanceof HostError) throw error;
    throw new HostError('unavailable', host, `${host}: the streaming server: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function upgrade(options: ExecStreamOptions): Promise<ExecStream> {
  const { host, url, socket } = options;
  return new Promise((resolve, reject) => {
    const webSocket = new WebSocket(url, PROTOCOL, {
      createConnection: () => socket,
      // golang.org/x/net/websocket wants one
      origin: url.origin,
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
    });
    webSocket.on('error', reject);
    webSocket.once('unexpected-response', (_, answer) => {
      answer.destroy();
      const text = `${host}: the streaming server answered ${String(answer.statusCode)} ${answer.statusMessage ?? ''}`;
      reject(new HostError('unavailable', host, text));
    });
    // listens before the first message, which may have come with the answer
    webSocket.once('open', () => {
      webSocket.off('error', reject);
      resolve(new ExecChannels(options, webSocket).start());
    });
  });
}

/** The channels of one upgraded connection as streams. */
class ExecChannels {
  readonly #options: ExecStreamOptions;
  readonly #webSocket: WebSocket;
  readonly #ended = Promise.withResolvers<ExecStatus>();
  readonly #stream: Duplex;
  readonly #stderr: Readable;
  #stderrBytes = 0;
  #over = false;
  #heard: number;
  #stopPings = (): void => undefined;

  constructor(options: ExecStreamOptions, webSocket: WebSocket) {
    this.#options = options;
    this.#webSocket = webSocket;
    this.#heard = options.clock.monotonic();
    this.#stderr = new Readable({
      read: () => {
        this.#stderrBytes = 0;
      },
    });
    this.#stream = new Duplex({
      allowHalfOpen: false,
      read: () => {
        webSocket.resume();
      },
      write: (chunk: Buffer, _, done) => {
        this.#write(chunk, done);
      },
      destroy: (error, done) => {
        this.#finish();
        webSocket.terminate();
        done(error);
      },
    });
  }

  start(): ExecStream {
    const { socket, watched } = this.#options;
    const webSocket = this.#webSocket;
    webSocket.on('message', (data: RawData, isBinary) => {
      this.#hear();
      if (isBinary && Buffer.isBuffer(data)) this.#message(data);
    });
    for (const event of ['ping', 'pong'] as const)
      webSocket.on(event, () => {
        this.#hear();
      });
    webSocket.on('error', (error) => {
      this.#stream.destroy(error);
    });
    webSocket.once('close', () => {
      this.#finish();
    });
    // ws tells nobody why the connection broke, and waits for its own half to be sent when the other has
    // ended
    socket.prependOnceListener('error', (error) => {
      if (webSocket.readyState === WebSocket.OPEN) this.#stream.destroy(error);
    });
    socket.once('end', () => {
      this.#finish();
    });
    if (watched) this.#ping();
    return { stream: this.#stream, stderr: this.#stderr, ended: this.#ended.promise };
  }

  #hear(): void {
    this.#heard = this.#options.clock.monotonic();
  }

  /**
   * Input for a process that has ended goes nowhere: it must not cost the output that is still to be read.
   */
  #write(chunk: Buffer, done: (error?: Error | null) => void): void {
    if (this.#over) {
      done();
      return;
    }
    let at = 0;
    for (; at + PIECE_BYTES < chunk.length; at += PIECE_BYTES)
      this.#webSocket.send(onStdin(chunk.subarray(at, at + PIECE_BYTES)));
    this.#webSocket.send(onStdin(chunk.subarray(at)), (error) => {
      done(this.#over ? null : error);
    });
  }

  #message(data: Buffer): void {
    if (data.length < 2) return;
    const payload = data.subarray(1);
    const [channel] = data;
    if (channel === STDOUT && !this.#over && !this.#stream.push(payload)) this.#webSocket.pause();
    if (channel === STDERR) this.#complain(payload);
    if (channel === STATUS) this.#status(execStatus(payload));
  }

  #status(status: ExecStatus): void {
    // what could not even be started says so nowhere else
    if (!status.ok) this.#complain(Buffer.from(status.text));
    this.#ended.resolve(status);
    this.#finish();
  }

  /** What nobody reads is not kept. */
  #complain(payload: Buffer): void {
    if (this.#over || this.#stderrBytes > MAX_STDERR_BYTES) return;
    this.#stderrBytes += payload.length;
    this.#stderr.push(payload);
  }

  /** Both outputs have ended, whether anybody has read them or not. */
  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopPings();
    this.#ended.resolve({ ok: false, text: 'the stream ended before the process', isCut: true });
    this.#stderr.push(null);
    if (!this.#stream.destroyed) this.#stream.push(null);
  }

  #ping(): void {
    const { clock, host } = this.#options;
    this.#stopPings = clock.after(PING_MS, () => {
      if (clock.monotonic() - this.#heard > SILENT_MS) {
        this.#stream.destroy(new HostError('unavailable', host, 'the host does not answer any more'));
        return;
      }
      this.#webSocket.ping();
      this.#ping();
    });
  }
}

function onStdin(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([STDIN]), data]);
}
