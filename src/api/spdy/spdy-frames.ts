/**
 * SPDY/3.1's frames, as far as streams of pods use them (draft-mbelshe-httpbis-spdy-00 as revised to 3.1).
 * Pure.
 */

export type SpdyFrame =
  | {
      readonly kind: 'syn-stream';
      readonly stream: number;
      readonly fin: boolean;
      /** compressed */
      readonly headers: Buffer;
    }
  | { readonly kind: 'data'; readonly stream: number; readonly fin: boolean; readonly data: Buffer }
  | { readonly kind: 'rst-stream'; readonly stream: number }
  | { readonly kind: 'ping'; readonly id: number }
  /** headers of a stream that is there: they take part in the compression */
  | { readonly kind: 'headers'; readonly stream: number; readonly fin: boolean; readonly headers: Buffer }
  | { readonly kind: 'goaway' }
  /** settings and windows, which neither end heeds */
  | { readonly kind: 'other' };

const CONTROL = 0x80;
const VERSION = 3;
const FIN = 0x01;
const types = { synStream: 1, synReply: 2, rstStream: 3, ping: 6, goaway: 7, headers: 8 } as const;
/** Of control frames; the headers of a stream take a hundred bytes. */
const MAX_CONTROL_BYTES = 64 * 1024;
/** Clients send 32 KiB at once; a frame is kept until it is whole. */
const MAX_DATA_BYTES = 1024 * 1024;
const HEAD_BYTES = 8;
const ID_MASK = 0x7fff_ffff;

/** A stream is ended at once. */
export const RST = { refused: 3, cancel: 5 } as const;

/** Puts frames together from what arrives. Throws on what breaks the protocol. */
export class SpdyReader {
  readonly #chunks: Buffer[] = [];
  #size = 0;
  #needed = HEAD_BYTES;

  take(chunk: Buffer): SpdyFrame[] {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const frames: SpdyFrame[] = [];
    // joined only when there is enough, or a large frame would be copied with every chunk of it
    while (this.#size >= this.#needed) {
      const bytes = this.#join();
      const length = bytes.readUIntBE(5, 3);
      const isControl = ((bytes[0] ?? 0) & CONTROL) !== 0;
      if (length > (isControl ? MAX_CONTROL_BYTES : MAX_DATA_BYTES))
        throw new Error(`a ${isControl ? 'control' : 'data'} frame of ${String(length)} bytes`);
      this.#needed = HEAD_BYTES + length;
      if (bytes.length < this.#needed) break;
      frames.push(
        isControl ? control(bytes.subarray(0, this.#needed)) : data(bytes.subarray(0, this.#needed)),
      );
      this.#chunks[0] = bytes.subarray(this.#needed);
      this.#size -= this.#needed;
      this.#needed = HEAD_BYTES;
    }
    return frames;
  }

  #join(): Buffer {
    const [first = Buffer.alloc(0)] = this.#chunks;
    const bytes = this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
    this.#chunks.splice(0, this.#chunks.length, bytes);
    return bytes;
  }
}

function data(frame: Buffer): SpdyFrame {
  return {
    kind: 'data',
    stream: frame.readUInt32BE(0),
    fin: ((frame[4] ?? 0) & FIN) !== 0,
    data: frame.subarray(HEAD_BYTES),
  };
}

function control(frame: Buffer): SpdyFrame {
  const version = frame.readUInt16BE(0) & 0x7fff;
  if (version !== VERSION) throw new Error(`a frame of SPDY version ${String(version)}`);
  const fin = ((frame[4] ?? 0) & FIN) !== 0;
  const payload = frame.subarray(HEAD_BYTES);
  const need = (bytes: number): void => {
    if (payload.length < bytes) throw new Error(`a control frame of ${String(payload.length)} bytes`);
  };
  switch (frame.readUInt16BE(2)) {
    case types.synStream:
      need(10);
      return { kind: 'syn-stream', stream: idOf(payload), fin, headers: payload.subarray(10) };
    case types.synReply:
    case types.headers:
      need(4);
      return { kind: 'headers', stream: idOf(payload), fin, headers: payload.subarray(4) };
    case types.rstStream:
      need(8);
      return { kind: 'rst-stream', stream: idOf(payload) };
    case types.ping:
      need(4);
      return { kind: 'ping', id: payload.readUInt32BE(0) };
    case types.goaway:
      return { kind: 'goaway' };
    default:
      return { kind: 'other' };
  }
}

function idOf(payload: Buffer): number {
  return payload.readUInt32BE(0) & ID_MASK;
}

export function dataFrame(stream: number, bytes: Buffer, { fin = false } = {}): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(stream, 0);
  head[4] = fin ? FIN : 0;
  head.writeUIntBE(bytes.length, 5, 3);
  return Buffer.concat([head, bytes]);
}

/** Opens a stream of the lowest priority, of a connection's own; `headers` is a compressed block. */
export function synStream(stream: number, headers: Buffer): Buffer {
  return controlFrame(types.synStream, [uint32(stream), uint32(0), Buffer.alloc(2), headers]);
}

/** `headers` is a compressed block. */
export function synReply(stream: number, headers: Buffer): Buffer {
  return controlFrame(types.synReply, [uint32(stream), headers]);
}

export function rstStream(stream: number, status: number): Buffer {
  return controlFrame(types.rstStream, [uint32(stream), uint32(status)]);
}

export function ping(id: number): Buffer {
  return controlFrame(types.ping, [uint32(id)]);
}

function controlFrame(type: number, parts: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt16BE((CONTROL << 8) | VERSION, 0);
  head.writeUInt16BE(type, 2);
  head.writeUIntBE(
    parts.reduce((sum, { length }) => sum + length, 0),
    5,
    3,
  );
  return Buffer.concat([head, ...parts]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
