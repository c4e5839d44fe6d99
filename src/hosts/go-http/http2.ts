/** One request and its answer over a connection of its own, by HTTP/2. */
import {
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import { FarletError, messageOf } from '../../model/errors.ts';
import { orAbort } from '../../util/abort.ts';
import { quoted } from './byte-string.ts';
import { readBody } from './body.ts';
import { ByteSource } from './byte-source.ts';
import { readFault } from './connection.ts';
import type { Answer } from './exchange.ts';
import { addField, firstValue, type Header } from './header.ts';
import { http2Code, http2Head, strangeFrame, type Http2Head } from './http2-words.ts';
import type { GetRequest } from './request.ts';
import { tapped, type Tap } from './tapped.ts';

const MAX_HEADER_BYTES = 10 << 20;
const MAX_HEADER_FIELDS = 100_000;
const WINDOW_BYTES = 256 * 1024;

/** Rejects in Go's words, with the link's HostError, or the signal's reason. `closers` gets what ends it. */
export async function exchangeHttp2(
  { socket, ends }: { socket: Duplex; ends: string },
  request: GetRequest,
  { signal, closers }: { signal: AbortSignal; closers: (() => void)[] },
): Promise<Answer> {
  const head = http2Head(request);
  const seen = new Frames(ends);
  const session = connect(`https://${head.authority}`, {
    createConnection: () => tapped(socket, seen),
    settings: { enablePush: false, maxHeaderListSize: MAX_HEADER_BYTES, initialWindowSize: WINDOW_BYTES },
    maxHeaderListPairs: MAX_HEADER_FIELDS,
  });
  closers.push(() => {
    session.destroy();
  });
  session.on('error', (error) => {
    seen.failed ??= error;
  });
  session.on('goaway', (code: number, last: number, data?: Buffer) => {
    seen.goAway = { code, last, data: Buffer.from(data ?? []).toString('latin1') };
  });
  const stream = session.request(fieldsOf(head), { endStream: true });
  const source = new ByteSource(stream, { signal });
  const headers = await orAbort(answered(stream, seen), signal);
  const answer = headOf(headers);
  return { ...answer, body: (limit) => bodyOf(source, { stream, seen, signal, limit }) };
}

/** In the order of Go's pseudo header fields. */
function fieldsOf({ authority, path, fields }: Http2Head): OutgoingHttpHeaders {
  const byName = Map.groupBy(fields, ([name]) => name);
  return Object.fromEntries<string | string[]>([
    [constants.HTTP2_HEADER_AUTHORITY, authority],
    [constants.HTTP2_HEADER_METHOD, 'GET'],
    [constants.HTTP2_HEADER_PATH, path],
    [constants.HTTP2_HEADER_SCHEME, 'https'],
    ...[...byName].map(([name, values]): [string, string[]] => [name, values.map(([, value]) => value)]),
  ]);
}

function answered(stream: ClientHttp2Stream, seen: Frames): Promise<IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('close', () => {
      reject(seen.fault(stream));
    });
  });
}

function headOf(headers: IncomingHttpHeaders): Omit<Answer, 'body'> {
  const header: Header = new Map();
  for (const [name, value] of Object.entries(headers))
    if (!name.startsWith(':') && value !== undefined)
      for (const each of Array.isArray(value) ? value : [value]) addField(header, name, each);
  const length = firstValue(header, 'Content-Length');
  return {
    status: Number(headers[':status']),
    header,
    contentLength: /^\d{1,19}$/.test(length) ? BigInt(length) : -1n,
  };
}

async function bodyOf(
  source: ByteSource,
  options: { stream: ClientHttp2Stream; seen: Frames; signal: AbortSignal; limit: number },
): Promise<Buffer> {
  const { stream, seen, signal, limit } = options;
  try {
    const body = await readBody(source, { kind: 'open' }, limit);
    if (body.length < limit && (stream.rstCode !== 0 || seen.isBroken)) throw seen.fault(stream);
    return body;
  } catch (error) {
    signal.throwIfAborted();
    throw seen.fault(stream, error);
  }
}

/** What is seen of a connection, for the words for its end. */
class Frames implements Tap {
  readonly #ends: string;
  #first = Buffer.alloc(0);
  #strange: string | undefined;
  #broken: Error | undefined;
  #isOver = false;
  failed: Error | undefined;
  goAway: { code: number; last: number; data: string } | undefined;

  constructor(ends: string) {
    this.#ends = ends;
  }

  see(bytes: Buffer): Error | undefined {
    if (this.#first.length >= 9) return undefined;
    this.#first = Buffer.concat([this.#first, bytes.subarray(0, 9 - this.#first.length)]);
    this.#strange = strangeFrame(this.#first);
    return this.#strange === undefined ? undefined : new FarletError('invalid', this.#strange);
  }

  over(error: Error | undefined): void {
    this.#broken = error;
    this.#isOver = true;
  }

  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  fault(stream: ClientHttp2Stream, error?: unknown): Error {
    return this.#fault(stream.rstCode, stream.id ?? 1, error);
  }

  #fault(code: number, id: number, error: unknown): Error {
    if (this.#strange !== undefined) return invalid(this.#strange);
    if (this.goAway !== undefined) return this.#goneAway(this.goAway, id);
    if (this.#broken !== undefined) return readFault(this.#broken, this.#ends);
    const errno = this.failed !== undefined && 'code' in this.failed ? this.failed.code : undefined;
    if (errno === 'ERR_HTTP2_ERROR') return invalid('connection error: PROTOCOL_ERROR');
    // a stream that ends with its connection is canceled by Node itself
    const isReset = code !== 0 && !(this.#isOver && code === constants.NGHTTP2_CANCEL);
    if (isReset)
      return invalid(`stream error: stream ID ${String(id)}; ${http2Code(code)}; received from peer`);
    if (this.#isOver) return invalid('unexpected EOF');
    return invalid(error === undefined ? 'unexpected EOF' : messageOf(error));
  }

  #goneAway({ code, last, data }: { code: number; last: number; data: string }, id: number): Error {
    if (id <= last)
      return invalid(
        `http2: server sent GOAWAY and closed the connection; LastStreamID=${String(last)}, ErrCode=${http2Code(code)}, debug=${quoted(data)}`,
      );
    return invalid(
      code === 0
        ? "http2: Transport received Server's graceful shutdown GOAWAY"
        : `http2: Transport received GOAWAY from server ErrCode:${http2Code(code)}`,
    );
  }
}

function invalid(message: string): FarletError {
  return new FarletError('invalid', message);
}
