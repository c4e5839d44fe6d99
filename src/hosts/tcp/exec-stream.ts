/**
 * A process that the runtime runs in a container, spoken to over its streaming server: WebSocket with the subprotocol
 * v4.channel.k8s.io (k8s.io/cri-streaming remotecommand, apimachinery util/httpstream/wsstream). Each message begins with
 * the number of its channel. That subprotocol can't close standard input alone: who needs that says it in the input.
 */
import { randomBytes } from 'node:crypto';
import { request, type IncomingMessage } from 'node:http';
import { Duplex, Readable } from 'node:stream';
import { HostError, messageOf } from '../../model/errors.ts';
import type { Clock } from '../../util/clock.ts';
import { withDeadline } from '../../util/abort.ts';
import { execStatus, type ExecStatus } from './exec-status.ts';
import type { ShellChannel } from '../far/remote-agent.ts';
import { encodeFrame, FrameReader, webSocketAccept, type FrameKind } from '../../util/websocket-frames.ts';

export interface ExecStream extends ShellChannel {
  /** how the process ended; what is not told within the stream is a failure */
  readonly ended: Promise<ExecStatus>;
}

export interface ExecStreamOptions {
  readonly host: string;
  /** what the runtime answered to Exec */
  readonly url: URL;
  /** connected to where the URL leads, secured */
  readonly socket: Duplex;
  readonly clock: Pick<Clock, 'after' | 'monotonic'>;
  /** ends the stream when the other end is silent; only for processes that always read what they are sent */
  readonly watched: boolean;
}

const UPGRADE_MS = 15_000;
const PING_MS = 5_000;
const SILENT_MS = 20_000;
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const STATUS = 3;
const PIECE_BYTES = 64 * 1024;
const MAX_STDERR_BYTES = 64 * 1024;

/** Upgrades the connection. Rejects with HostError, or the signal's reason; the socket is then destroyed. */
export async function openExecStream(
  options: ExecStreamOptions,
  { signal }: { signal: AbortSignal },
): Promise<ExecStream> {
  const { host, socket } = options;
  try {
    const what = `${host}: the streaming server`;
    const head = await withDeadline(signal, UPGRADE_MS, what, (limit) => upgrade(options, limit));
    return new ExecChannels(options).start(head);
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

function upgrade({ host, url, socket }: ExecStreamOptions, signal: AbortSignal): Promise<Buffer> {
  const key = randomBytes(16).toString('base64');
  return new Promise((resolve, reject) => {
    const outgoing = request({
      method: 'GET',
      path: `${url.pathname}${url.search}`,
      headers: {
        host: url.host,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': key,
        'sec-websocket-protocol': 'v4.channel.k8s.io',
        // golang.org/x/net/websocket wants one
        origin: url.origin,
      },
      createConnection: () => socket,
      signal,
    });
    outgoing.once('error', reject);
    outgoing.once('response', (answer: IncomingMessage) => {
      answer.destroy();
      const text = `${host}: the streaming server answered ${String(answer.statusCode)} ${answer.statusMessage ?? ''}`;
      reject(new HostError('unavailable', host, text));
    });
    outgoing.once('upgrade', (answer: IncomingMessage, _: unknown, head: Buffer) => {
      outgoing.off('error', reject);
      if (answer.headers['sec-websocket-accept'] === webSocketAccept(key)) resolve(head);
      else reject(new HostError('unavailable', host, `${host}: the streaming server speaks no WebSocket`));
    });
    outgoing.end();
  });
}

/** The channels of one upgraded connection as streams. */
class ExecChannels {
  readonly #options: ExecStreamOptions;
  readonly #frames = new FrameReader();
  readonly #ended = Promise.withResolvers<ExecStatus>();
  readonly #stream: Duplex;
  readonly #stderr: Readable;
  #stderrBytes = 0;
  #over = false;
  #heard: number;
  #stopPings = (): void => undefined;

  constructor(options: ExecStreamOptions) {
    this.#options = options;
    this.#heard = options.clock.monotonic();
    const { socket } = options;
    this.#stderr = new Readable({
      read: () => {
        this.#stderrBytes = 0;
      },
    });
    this.#stream = new Duplex({
      allowHalfOpen: false,
      read: () => {
        socket.resume();
      },
      write: (chunk: Buffer, _, done) => {
        this.#write(chunk, done);
      },
      destroy: (error, done) => {
        this.#finish();
        socket.destroy();
        done(error);
      },
    });
  }

  start(head: Buffer): ExecStream {
    const { socket, watched } = this.#options;
    socket.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    socket.once('error', (error) => {
      this.#stream.destroy(error);
    });
    socket.once('close', () => {
      this.#finish();
    });
    socket.once('end', () => {
      this.#finish();
    });
    if (head.length > 0) this.#take(head);
    if (watched) this.#ping();
    return { stream: this.#stream, stderr: this.#stderr, ended: this.#ended.promise };
  }

  #write(chunk: Buffer, done: (error?: Error | null) => void): void {
    const { socket } = this.#options;
    let at = 0;
    for (; at + PIECE_BYTES < chunk.length; at += PIECE_BYTES)
      socket.write(onStdin(chunk.subarray(at, at + PIECE_BYTES)));
    socket.write(onStdin(chunk.subarray(at)), done);
  }

  #take(chunk: Buffer): void {
    this.#heard = this.#options.clock.monotonic();
    try {
      for (const { kind, data } of this.#frames.take(chunk)) this.#message(kind, data);
    } catch (error) {
      this.#stream.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #message(kind: FrameKind, data: Buffer): void {
    const { socket } = this.#options;
    if (kind === 'ping') socket.write(encodeFrame({ kind: 'pong', data }, randomBytes(4)));
    if (kind === 'close') this.#finish();
    if (kind !== 'binary' || data.length < 2) return;
    const payload = data.subarray(1);
    const [channel] = data;
    if (channel === STDOUT && !this.#over && !this.#stream.push(payload)) socket.pause();
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
    const { clock, socket, host } = this.#options;
    this.#stopPings = clock.after(PING_MS, () => {
      if (clock.monotonic() - this.#heard > SILENT_MS) {
        this.#stream.destroy(new HostError('unavailable', host, 'the host does not answer any more'));
        return;
      }
      socket.write(encodeFrame({ kind: 'ping', data: Buffer.alloc(0) }, randomBytes(4)));
      this.#ping();
    });
  }
}

function onStdin(data: Buffer): Buffer {
  return encodeFrame({ kind: 'binary', data: Buffer.concat([Buffer.from([STDIN]), data]) }, randomBytes(4));
}
