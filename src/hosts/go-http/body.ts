/** The body of an answer, as far as somebody wants it. */
import { FarletError } from '../../model/errors.ts';
import type { ByteSource } from './byte-source.ts';
import { chunks } from './chunked.ts';
import type { BodyFrame } from './transfer.ts';

/**
 * Up to `limit` bytes; no more is asked for. Throws FarletError `invalid` in Go's words where the body ends
 * too early or is no good before that, or the connection's error.
 */
export async function readBody(source: ByteSource, frame: BodyFrame, limit: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  if (limit === 0) return Buffer.alloc(0);
  for await (const piece of piecesOf(source, frame)) {
    pieces.push(piece);
    size += piece.length;
    if (size >= limit) break;
  }
  return Buffer.concat(pieces).subarray(0, limit);
}

function piecesOf(source: ByteSource, frame: BodyFrame): AsyncGenerator<Buffer, void> {
  switch (frame.kind) {
    case 'none':
      return plain(source, 0n);
    case 'length':
      return plain(source, frame.length);
    case 'open':
      return plain(source, undefined);
    case 'chunked':
      return chunks(source);
  }
}

async function* plain(source: ByteSource, length: bigint | undefined): AsyncGenerator<Buffer, void> {
  let left = length;
  while (left !== 0n) {
    if (source.buffered.length === 0 && !(await source.fill())) {
      if (left === undefined) return;
      throw new FarletError('invalid', 'unexpected EOF');
    }
    const { length: ready } = source.buffered;
    const piece = source.take(left === undefined || left > BigInt(ready) ? ready : Number(left));
    if (left !== undefined) left -= BigInt(piece.length);
    yield piece;
  }
}
