/** WebSocket's frames (RFC 6455, section 5), as either end writes and reads them. Pure. */
import { createHash } from 'node:crypto';

/** RFC 6455, section 1.3 */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** What a server answers to a client's Sec-WebSocket-Key (RFC 6455, section 4.2.2). */
export function webSocketAccept(key: string): string {
  return createHash('sha1')
    .update(key + WEBSOCKET_GUID)
    .digest('base64');
}

export type FrameKind = 'text' | 'binary' | 'close' | 'ping' | 'pong';

/** A whole message, or a control frame. */
export interface WebSocketMessage {
  readonly kind: FrameKind;
  readonly data: Buffer;
}

const opcodes = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const CONTINUATION = 0;
const FIN = 0x80;
const MASKED = 0x80;
/** More than any runtime sends at once. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** One frame that is a whole message. `mask` is four random bytes; a server's frames have none. */
export function encodeFrame({ kind, data }: WebSocketMessage, mask: Buffer | undefined): Buffer {
  const { length } = data;
  const extra = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const start = 2 + extra + (mask?.length ?? 0);
  const frame = Buffer.alloc(start + length);
  frame[0] = FIN | opcodes[kind];
  frame[1] = (mask === undefined ? 0 : MASKED) | (extra === 0 ? length : extra === 2 ? 126 : 127);
  if (extra === 2) frame.writeUInt16BE(length, 2);
  if (extra === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  if (mask === undefined) {
    data.copy(frame, start);
    return frame;
  }
  mask.copy(frame, 2 + extra);
  masked(data, mask).copy(frame, start);
  return frame;
}

/** Masking and its reverse. */
function masked(data: Buffer, mask: Buffer): Buffer {
  return Buffer.from(data.map((byte, at) => byte ^ (mask[at & 3] ?? 0)));
}

/** Puts messages together from what arrives. Throws on what the other end may not send. */
export class FrameReader {
  readonly #from: 'server' | 'client';
  #buffered: Buffer = Buffer.alloc(0);
  #parts: Buffer[] = [];
  #size = 0;
  #kind: FrameKind | undefined;

  /** `from`: whose frames they are; a client masks its own */
  constructor({ from }: { readonly from: 'server' | 'client' } = { from: 'server' }) {
    this.#from = from;
  }

  take(chunk: Buffer): WebSocketMessage[] {
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk]);
    const messages: WebSocketMessage[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) {
      const message = this.#join(frame);
      if (message !== undefined) messages.push(message);
    }
    return messages;
  }

  #next(): { final: boolean; opcode: number; data: Buffer } | undefined {
    const bytes = this.#buffered;
    const [first, second] = bytes;
    if (first === undefined || second === undefined) return undefined;
    const isMasked = (second & MASKED) !== 0;
    if ((first & 0x70) !== 0 || isMasked !== (this.#from === 'client'))
      throw new Error(`a frame is not as a ${this.#from} sends them`);
    const short = second & 0x7f;
    const maskAt = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
    const start = maskAt + (isMasked ? 4 : 0);
    if (bytes.length < start) return undefined;
    const length =
      short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    if (length + this.#size > MAX_MESSAGE_BYTES) throw new Error(`a message of ${String(length)} bytes`);
    if (bytes.length < start + length) return undefined;
    this.#buffered = bytes.subarray(start + length);
    const payload = bytes.subarray(start, start + length);
    const data = isMasked ? masked(payload, bytes.subarray(maskAt, start)) : payload;
    return { final: (first & FIN) !== 0, opcode: first & 0x0f, data };
  }

  #join({
    final,
    opcode,
    data,
  }: {
    final: boolean;
    opcode: number;
    data: Buffer;
  }): WebSocketMessage | undefined {
    const kind = kindOf(opcode);
    if (kind === 'close' || kind === 'ping' || kind === 'pong') return { kind, data };
    if (kind !== undefined && this.#kind !== undefined) throw new Error('a message begins within another');
    this.#kind ??= kind;
    if (this.#kind === undefined) throw new Error(`a frame of kind ${String(opcode)}`);
    this.#parts.push(data);
    this.#size += data.length;
    if (!final) return undefined;
    const whole = { kind: this.#kind, data: this.#parts.length === 1 ? data : Buffer.concat(this.#parts) };
    this.#parts = [];
    this.#size = 0;
    this.#kind = undefined;
    return whole;
  }
}

function kindOf(opcode: number): FrameKind | undefined {
  if (opcode === CONTINUATION) return undefined;
  const kind = (Object.keys(opcodes) as FrameKind[]).find((each) => opcodes[each] === opcode);
  if (kind === undefined) throw new Error(`a frame of kind ${String(opcode)}`);
  return kind;
}
