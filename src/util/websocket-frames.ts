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
/** Far more than runtimes and clients send at once (32 KiB). */
const MAX_MESSAGE_BYTES = 1024 * 1024;
const MAX_CONTROL_BYTES = 125;
const MAX_HEAD_BYTES = 14;
const MAX_PARTS = 1024;

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
  const out = Buffer.allocUnsafe(data.length);
  for (let at = 0; at < data.length; at += 1) out[at] = (data[at] ?? 0) ^ (mask[at & 3] ?? 0);
  return out;
}

interface FrameHead {
  readonly first: number;
  readonly isMasked: boolean;
  /** where the data begin */
  readonly start: number;
  readonly length: number;
}

/** Puts messages together from what arrives. Throws on what the other end may not send. */
export class FrameReader {
  readonly #from: 'server' | 'client';
  /** joined only when there is enough: else a large frame would be copied with every chunk of it */
  readonly #chunks: Buffer[] = [];
  #buffered = 0;
  #needed = 2;
  #parts: Buffer[] = [];
  #size = 0;
  #kind: FrameKind | undefined;

  /** `from`: whose frames they are; a client masks its own */
  constructor({ from }: { readonly from: 'server' | 'client' } = { from: 'server' }) {
    this.#from = from;
  }

  take(chunk: Buffer): WebSocketMessage[] {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    const messages: WebSocketMessage[] = [];
    while (this.#buffered >= this.#needed) {
      const bytes = this.#join();
      const head = this.#head(bytes);
      this.#needed =
        head === undefined ? Math.min(bytes.length + 1, MAX_HEAD_BYTES) : head.start + head.length;
      if (head === undefined || bytes.length < this.#needed) continue;
      const message = this.#message(head, bytes);
      if (message !== undefined) messages.push(message);
      this.#chunks[0] = bytes.subarray(this.#needed);
      this.#buffered -= this.#needed;
      this.#needed = 2;
    }
    return messages;
  }

  #join(): Buffer {
    const [first = Buffer.alloc(0)] = this.#chunks;
    const bytes = this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
    this.#chunks.splice(0, this.#chunks.length, bytes);
    return bytes;
  }

  /** Undefined while there is too little of it. */
  #head(bytes: Buffer): FrameHead | undefined {
    const [first = 0, second = 0] = bytes;
    const isMasked = (second & MASKED) !== 0;
    if ((first & 0x70) !== 0 || isMasked !== (this.#from === 'client'))
      throw new Error(`a frame is not as a ${this.#from} sends them`);
    const short = second & 0x7f;
    if ((first & 0x08) !== 0 && (short > MAX_CONTROL_BYTES || (first & FIN) === 0))
      throw new Error('a control frame is too long, or in parts');
    const maskAt = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
    const start = maskAt + (isMasked ? 4 : 0);
    if (bytes.length < start) return undefined;
    const length =
      short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    if (length + this.#size > MAX_MESSAGE_BYTES) throw new Error(`a message of ${String(length)} bytes`);
    return { first, isMasked, start, length };
  }

  #message({ first, isMasked, start, length }: FrameHead, bytes: Buffer): WebSocketMessage | undefined {
    const payload = bytes.subarray(start, start + length);
    const data = isMasked ? masked(payload, bytes.subarray(start - 4, start)) : payload;
    const kind = kindOf(first & 0x0f);
    if (kind === 'close' || kind === 'ping' || kind === 'pong') return { kind, data };
    if (kind !== undefined && this.#kind !== undefined) throw new Error('a message begins within another');
    this.#kind ??= kind;
    if (this.#kind === undefined) throw new Error('a message goes on that has not begun');
    // parts of nothing, or of a byte each, would grow without end
    if (data.length > 0) this.#parts.push(data);
    if (this.#parts.length >= MAX_PARTS) this.#parts = [Buffer.concat(this.#parts)];
    this.#size += data.length;
    if ((first & FIN) === 0) return undefined;
    const [only = Buffer.alloc(0)] = this.#parts;
    const whole = { kind: this.#kind, data: this.#parts.length <= 1 ? only : Buffer.concat(this.#parts) };
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
