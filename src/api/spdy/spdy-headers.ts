/** Header blocks: zlib with SPDY's dictionary, one stream of it for each direction of a connection. */
import { constants, createInflate, type Inflate } from 'node:zlib';
import { spdyDictionary } from './spdy-dictionary.ts';
import { uint32 } from './spdy-frames.ts';

/** Unpacked; the headers of a stream take two hundred bytes. */
const MAX_BLOCK_BYTES = 64 * 1024;

/** Unpacks the blocks of one connection in their order. */
export class HeaderUnpacker {
  readonly #inflate: Inflate = createInflate({
    dictionary: spdyDictionary,
    finishFlush: constants.Z_SYNC_FLUSH,
  });
  #failure: Error | undefined;

  constructor() {
    this.#inflate.on('error', (error) => (this.#failure = error));
  }

  /** Names in lower case. Rejects for what is no header block. */
  async unpack(block: Buffer): Promise<ReadonlyMap<string, string>> {
    const chunks: Buffer[] = [];
    let size = 0;
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= MAX_BLOCK_BYTES) chunks.push(chunk);
      else this.#inflate.destroy(new Error('a header block is too large'));
    };
    this.#inflate.on('data', take);
    try {
      await new Promise<void>((resolve, reject) => {
        if (this.#failure !== undefined) {
          reject(this.#failure);
          return;
        }
        this.#inflate.once('error', reject);
        this.#inflate.write(block, (error) => {
          this.#inflate.off('error', reject);
          if (error === undefined || error === null) resolve();
          else reject(error);
        });
      });
    } finally {
      this.#inflate.off('data', take);
    }
    return headersOf(Buffer.concat(chunks));
  }

  close(): void {
    this.#inflate.destroy();
  }
}

function headersOf(block: Buffer): ReadonlyMap<string, string> {
  let at = 0;
  const next = (): number => {
    if (at + 4 > block.length) throw new Error('a header block is cut short');
    at += 4;
    return block.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = next();
    if (at + length > block.length) throw new Error('a header block is cut short');
    at += length;
    return block.toString('utf8', at - length, at);
  };
  const headers = new Map<string, string>();
  const count = next();
  for (let index = 0; index < count; index += 1) {
    const name = text().toLowerCase();
    headers.set(name, text());
  }
  return headers;
}

/**
 * Packs the blocks of one direction of a connection as they are, in stored blocks of deflate (RFC 1951), so
 * that there is no compressor to wait for. The first begins zlib's stream (RFC 1950) with the dictionary's
 * checksum.
 */
export class HeaderPacker {
  #begun = false;

  /** Names in lower case; together at most 64 KiB, which is one stored block. */
  pack(headers: Readonly<Record<string, string>> = {}): Buffer {
    const texts = Object.entries(headers).flat();
    const block = Buffer.concat([uint32(texts.length / 2), ...texts.map(withLength)]);
    const head = Buffer.alloc(5);
    head.writeUInt16LE(block.length, 1);
    head.writeUInt16LE(~block.length & 0xffff, 3);
    // the empty block behind it is what a compressor's flush writes: Go's inflate gives out what it has only
    // then
    const stored = Buffer.concat([head, block, Buffer.from([0, 0, 0, 0xff, 0xff])]);
    if (this.#begun) return stored;
    this.#begun = true;
    return Buffer.concat([zlibHead, stored]);
  }
}

function withLength(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

const zlibHead = ((): Buffer => {
  const head = Buffer.from([0x78, 0x20, 0, 0, 0, 0]);
  // the two bytes as a number are a multiple of 31
  head[1] = 0x20 + (31 - (head.readUInt16BE(0) % 31));
  head.writeUInt32BE(adler32(spdyDictionary), 2);
  return head;
})();

function adler32(bytes: Buffer): number {
  let low = 1;
  let high = 0;
  for (const byte of bytes) {
    low = (low + byte) % 65_521;
    high = (high + low) % 65_521;
  }
  return high * 65_536 + low;
}
