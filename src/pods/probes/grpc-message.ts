/**
 * What a gRPC health check sends and gets, as bytes: messages in their frames, the two messages of
 * grpc.health.v1, and what statuses and their texts are made of (grpc-go's rpc_util.go and
 * internal/transport/http_util.go). Pure.
 */
import { gunzipSync } from 'node:zlib';
import { goQuote } from '../../model/go-quote.ts';
import { messageOf } from '../../model/errors.ts';

/** google.golang.org/grpc/codes, as its errors print them. */
const codeNames =
  'OK Canceled Unknown InvalidArgument DeadlineExceeded NotFound AlreadyExists PermissionDenied ResourceExhausted FailedPrecondition Aborted OutOfRange Unimplemented Internal Unavailable DataLoss Unauthenticated'.split(
    ' ',
  );

export const codes = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

export interface GrpcStatus {
  readonly code: number;
  readonly message: string;
}

export function codeName(code: number): string {
  return codeNames[code] ?? `Code(${String(code)})`;
}

/** What grpc-go takes at most. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
export const FRAME_HEADER_BYTES = 5;

/** A message in its frame: not compressed, big-endian length. */
export function frame(message: Buffer): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

/** HealthCheckRequest{service = 1}, a name of any length. */
export function healthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  if (name.length === 0) return name;
  return Buffer.concat([Buffer.from([0x0a]), varint(name.length), name]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 0x80);
  }
}

/**
 * `grpc-message` as grpc-go decodes it: `%` that is not followed by two hexadecimal digits is kept. `text`
 * holds one byte in each character, as HTTP headers do; what the bytes mean is UTF-8.
 */
export function decodeGrpcMessage(text: string): string {
  const plain = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
  return Buffer.from(plain, 'latin1').toString();
}

/** The one message of an answer's body, or why there is none. `undefined`: it has not begun. */
export function onlyMessage(
  body: Buffer,
  encoding: string | undefined,
): { readonly message: Buffer } | GrpcStatus | undefined {
  if (body.length === 0) return undefined;
  const unexpectedEnd: GrpcStatus = { code: codes.internal, message: 'unexpected EOF' };
  if (body.length < FRAME_HEADER_BYTES) return unexpectedEnd;
  const [format = 0] = body;
  const length = body.readUInt32BE(1);
  if (length > MAX_MESSAGE_BYTES)
    return {
      code: codes.resourceExhausted,
      message: `grpc: received message larger than max (${String(length)} vs. ${String(MAX_MESSAGE_BYTES)})`,
    };
  const end = FRAME_HEADER_BYTES + length;
  if (body.length < end) return unexpectedEnd;
  const opened = openMessage(body.subarray(FRAME_HEADER_BYTES, end), { format, encoding });
  if ('code' in opened || body.length === end) return opened;
  if (body.length - end < FRAME_HEADER_BYTES) return unexpectedEnd;
  return {
    code: codes.internal,
    message:
      'cardinality violation: expected <EOF> for non server-streaming RPCs, but received another message',
  };
}

function openMessage(
  data: Buffer,
  { format, encoding }: { format: number; encoding: string | undefined },
): { readonly message: Buffer } | GrpcStatus {
  if (format === 0) return { message: data };
  const internal = (message: string): GrpcStatus => ({ code: codes.internal, message });
  if (format !== 1) return internal(`grpc: received unexpected payload format ${String(format)}`);
  if (encoding === undefined || encoding === '' || encoding === 'identity')
    return internal('grpc: compressed flag set with identity or empty encoding');
  if (encoding !== 'gzip')
    return internal(`grpc: Decompressor is not installed for grpc-encoding ${goQuote(encoding)}`);
  try {
    return { message: gunzipSync(data, { maxOutputLength: MAX_MESSAGE_BYTES }) };
  } catch (error) {
    return internal(`grpc: failed to decompress the received message: ${messageOf(error)}`);
  }
}

/**
 * HealthCheckResponse{status = 1}: the last one there is counts, other fields are passed over, no field is 0.
 * Undefined if the bytes are no message.
 */
export function healthStatus(message: Buffer): number | undefined {
  let status = 0;
  let at = 0;
  while (at < message.length) {
    const tag = readVarint(message, at);
    if (tag === undefined || tag.value >> 3n === 0n || tag.value > 0xffff_ffffn) return undefined;
    const field = readField(message, tag);
    if (field === undefined) return undefined;
    if (tag.value === 8n) status = Number(BigInt.asIntN(32, field.value));
    at = field.end;
  }
  return status;
}

interface Read {
  readonly value: bigint;
  readonly end: number;
}

/**
 * A field's value, 0 unless it is a varint. Groups, which nobody has sent for twenty years, are no message
 * here.
 */
function readField(message: Buffer, tag: Read): Read | undefined {
  const skip = (bytes: number): Read | undefined =>
    tag.end + bytes <= message.length ? { value: 0n, end: tag.end + bytes } : undefined;
  switch (tag.value & 7n) {
    case 0n:
      return readVarint(message, tag.end);
    case 1n:
      return skip(8);
    case 2n: {
      const length = readVarint(message, tag.end);
      if (length === undefined || length.value > BigInt(message.length)) return undefined;
      const end = length.end + Number(length.value);
      return end <= message.length ? { value: 0n, end } : undefined;
    }
    case 5n:
      return skip(4);
    default:
      return undefined;
  }
}

function readVarint(message: Buffer, from: number): Read | undefined {
  let value = 0n;
  for (let at = from; at < Math.min(message.length, from + 10); at += 1) {
    const byte = message[at] ?? 0;
    value |= BigInt(byte & 0x7f) << BigInt(7 * (at - from));
    if (byte < 0x80) return value < 1n << 64n ? { value, end: at + 1 } : undefined;
  }
  return undefined;
}

/** The `grpc-timeout` header (grpc-go internal/grpcutil EncodeDuration), of a duration in ms. */
export function grpcTimeout(ms: number): string {
  const units: readonly (readonly [unit: string, perMs: number])[] = [
    ['n', 1e6],
    ['u', 1e3],
    ['m', 1],
    ['S', 1e-3],
    ['M', 1 / 60_000],
  ];
  for (const [unit, perMs] of units) {
    const amount = Math.ceil(ms * perMs);
    if (amount < 1e8) return `${String(Math.max(0, amount))}${unit}`;
  }
  return `${String(Math.ceil(ms / 3_600_000))}H`;
}
