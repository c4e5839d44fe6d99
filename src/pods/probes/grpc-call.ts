/**
 * One unary gRPC call over plain HTTP/2, as grpc-go makes it and understands its answer
 * (internal/transport/http2_client.go operateHeaders, stream.go recvMsg). Needs no gRPC library: a request is
 * one frame, an answer headers, a frame and trailers.
 */
import { constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { STATUS_CODES } from 'node:http';
import { http2Code } from '../../hosts/go-http/http2-words.ts';
import { goQuote } from '../../model/go-quote.ts';
import { messageOf } from '../../model/errors.ts';
import { errorCode } from '../../hosts/link/net-errors.ts';
import { guarded } from '../../util/guarded.ts';
import {
  codes,
  decodeGrpcMessage,
  FRAME_HEADER_BYTES,
  grpcTimeout,
  MAX_MESSAGE_BYTES,
  onlyMessage,
  type GrpcStatus,
} from './grpc-message.ts';

export interface GrpcCall {
  readonly path: string;
  readonly authority: string;
  readonly userAgent: string;
  /** in its frame */
  readonly request: Buffer;
  /** ms that are left for it */
  readonly limitMs: number;
}

/**
 * Everything of an answer. Header values hold one byte in each character; of a name that comes twice, the
 * last one.
 */
export interface GrpcAnswer {
  readonly head: ReadonlyMap<string, string> | undefined;
  /** the head itself where nothing else came */
  readonly trailers: ReadonlyMap<string, string> | undefined;
  readonly body: Buffer;
  /** what ended the stream before its end */
  readonly broken: GrpcStatus | undefined;
}

/** http_util.go http2ErrConvTab */
const resets: ReadonlyMap<number, number> = new Map([
  [constants.NGHTTP2_NO_ERROR, codes.internal],
  [constants.NGHTTP2_PROTOCOL_ERROR, codes.internal],
  [constants.NGHTTP2_INTERNAL_ERROR, codes.internal],
  [constants.NGHTTP2_FLOW_CONTROL_ERROR, codes.resourceExhausted],
  [constants.NGHTTP2_SETTINGS_TIMEOUT, codes.internal],
  [constants.NGHTTP2_STREAM_CLOSED, codes.internal],
  [constants.NGHTTP2_FRAME_SIZE_ERROR, codes.internal],
  [constants.NGHTTP2_REFUSED_STREAM, codes.unavailable],
  [constants.NGHTTP2_CANCEL, codes.cancelled],
  [constants.NGHTTP2_COMPRESSION_ERROR, codes.internal],
  [constants.NGHTTP2_CONNECT_ERROR, codes.internal],
  [constants.NGHTTP2_ENHANCE_YOUR_CALM, codes.resourceExhausted],
  [constants.NGHTTP2_INADEQUATE_SECURITY, codes.permissionDenied],
  [constants.NGHTTP2_HTTP_1_1_REQUIRED, codes.internal],
]);

/** http_util.go HTTPStatusConvTab */
const httpStatuses: ReadonlyMap<number, number> = new Map([
  [400, codes.internal],
  [401, codes.unauthenticated],
  [403, codes.permissionDenied],
  [404, codes.unimplemented],
  [429, codes.unavailable],
  [502, codes.unavailable],
  [503, codes.unavailable],
  [504, codes.unavailable],
]);

/**
 * The message that was answered, or the status that the call ended with. Rejects only with the signal's
 * reason.
 */
export async function callOnce(
  session: ClientHttp2Session,
  call: GrpcCall,
  { signal }: { signal: AbortSignal },
): Promise<{ readonly message: Buffer } | GrpcStatus> {
  const answer = await exchange(session, call, signal);
  signal.throwIfAborted();
  return outcomeOf(answer);
}

function exchange(session: ClientHttp2Session, call: GrpcCall, signal: AbortSignal): Promise<GrpcAnswer> {
  return new Promise<GrpcAnswer>((resolve, reject) => {
    const stream = session.request(
      {
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_SCHEME]: 'http',
        [constants.HTTP2_HEADER_PATH]: call.path,
        [constants.HTTP2_HEADER_AUTHORITY]: call.authority,
        [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
        [constants.HTTP2_HEADER_USER_AGENT]: call.userAgent,
        te: 'trailers',
        'grpc-accept-encoding': 'gzip',
        'grpc-timeout': grpcTimeout(call.limitMs),
      },
      { signal },
    );
    const seen = new SeenAnswer(stream, session);
    session.on(
      'error',
      guarded(reject, (error: Error) => {
        seen.lost(errorCode(error) === 'ECONNRESET' ? new Error('read: connection reset by peer') : error);
      }),
    );
    stream.on(
      'error',
      guarded(reject, (error: Error) => {
        if (signal.aborted) reject(signal.reason instanceof Error ? signal.reason : error);
      }),
    );
    stream.once(
      'close',
      guarded(reject, () => {
        resolve(seen.answer());
      }),
    );
    stream.end(call.request);
  });
}

/** What has come of an answer so far. It is never more than one message and the head of another. */
class SeenAnswer {
  readonly #stream: ClientHttp2Stream;
  readonly #session: ClientHttp2Session;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  /** what the first message is to be, once its frame's head is there */
  #length: number | undefined;
  #head: ReadonlyMap<string, string> | undefined;
  #isWhole = false;
  #trailers: ReadonlyMap<string, string> | undefined;
  #broken: GrpcStatus | undefined;
  #ended = false;

  constructor(stream: ClientHttp2Stream, session: ClientHttp2Session) {
    this.#stream = stream;
    this.#session = session;
    const fail = (error: unknown): void => {
      this.#end({ code: codes.internal, message: messageOf(error) });
    };
    stream.on(
      'response',
      guarded(fail, (_headers, flags, raw?: unknown) => {
        this.#head = fieldsOf(raw);
        this.#isWhole = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      }),
    );
    stream.on(
      'trailers',
      guarded(fail, (_headers: unknown, _flags: unknown, raw?: unknown) => {
        this.#trailers = fieldsOf(raw);
      }),
    );
    stream.on(
      'data',
      guarded(fail, (chunk: Buffer) => {
        this.#take(chunk);
      }),
    );
    stream.once('end', () => {
      // a connection that ends ends its streams as well
      this.#ended ||= stream.rstCode === constants.NGHTTP2_NO_ERROR && !session.destroyed;
    });
  }

  /** The connection ended; what came before counts. */
  lost(error: Error): void {
    this.#end({
      code: codes.unavailable,
      message: `error reading from server: ${error.message}`,
    });
  }

  answer(): GrpcAnswer {
    // a connection that ends takes its streams along, with a code that nobody sent
    if (this.#session.destroyed) this.lost(new Error('EOF'));
    return {
      head: this.#head,
      trailers: this.#isWhole ? this.#head : this.#trailers,
      body: Buffer.concat(this.#chunks),
      broken: this.#broken ?? (this.#ended ? undefined : resetOf(this.#stream.rstCode)),
    };
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < FRAME_HEADER_BYTES) return;
    // each chunk has a byte at least
    this.#length ??= Buffer.concat(this.#chunks.slice(0, FRAME_HEADER_BYTES)).readUInt32BE(1);
    if (this.#length <= MAX_MESSAGE_BYTES && this.#bytes < 2 * FRAME_HEADER_BYTES + this.#length) return;
    this.#ended = true;
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #end(status: GrpcStatus): void {
    if (this.#ended || this.#broken !== undefined) return;
    this.#broken = status;
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }
}

function resetOf(rstCode: number): GrpcStatus {
  const message = `stream terminated by RST_STREAM with error code: ${http2Code(rstCode)}`;
  return { code: resets.get(rstCode) ?? codes.unknown, message };
}

/** Names and values in turn, as Node hands out what came. */
function fieldsOf(raw: unknown): Map<string, string> {
  const flat = Array.isArray(raw) ? raw.map(String) : [];
  const fields = new Map<string, string>();
  for (let at = 0; at + 1 < flat.length; at += 2) fields.set(flat[at] ?? '', flat[at + 1] ?? '');
  return fields;
}

/** Pure. */
export function outcomeOf({
  head,
  trailers,
  body,
  broken,
}: GrpcAnswer): { readonly message: Buffer } | GrpcStatus {
  if (head === undefined) return broken ?? { code: codes.unavailable, message: 'no answer' };
  const strange = strangeHead(head);
  if (strange !== undefined) return strange;
  if (broken !== undefined) return broken;
  const only = onlyMessage(body, head.get('grpc-encoding'));
  if (only !== undefined && 'code' in only) return only;
  const end: GrpcStatus =
    trailers === undefined
      ? { code: codes.internal, message: 'server closed the stream without sending trailers' }
      : statusOf(trailers);
  if (end.code !== codes.ok) return end;
  return (
    only ?? {
      code: codes.internal,
      message: 'cardinality violation: received no response message from non-server-streaming RPC',
    }
  );
}

/** What answered is no gRPC: its HTTP status tells as much as can be told. */
function strangeHead(head: ReadonlyMap<string, string>): GrpcStatus | undefined {
  const type = head.get('content-type');
  if (type !== undefined && /^application\/grpc(?:$|[+;])/.test(type)) return undefined;
  const status = Number(head.get(':status'));
  const what =
    type === undefined
      ? 'malformed header: missing HTTP content-type'
      : `transport: received unexpected content-type ${goQuote(type)}`;
  return {
    code: httpStatuses.get(status) ?? codes.unknown,
    message: `unexpected HTTP status code received from server: ${String(status)} (${STATUS_CODES[status] ?? ''}); ${what}`,
  };
}

function statusOf(fields: ReadonlyMap<string, string>): GrpcStatus {
  const text = fields.get('grpc-status');
  const message = decodeGrpcMessage(fields.get('grpc-message') ?? '');
  if (text === undefined) return { code: codes.unknown, message };
  const code = Number(text);
  const problem = !/^[+-]?\d+$/.test(text)
    ? 'invalid syntax'
    : code > 0x7fff_ffff || code < -0x8000_0000
      ? 'value out of range'
      : undefined;
  if (problem !== undefined)
    return {
      code: codes.unknown,
      message: `transport: malformed grpc-status: strconv.ParseInt: parsing ${goQuote(text)}: ${problem}`,
    };
  // as codes.Code, 32 bits without a sign
  return { code: code >>> 0, message };
}
