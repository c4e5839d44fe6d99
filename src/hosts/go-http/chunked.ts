/**
 * The chunked transfer coding as net/http reads it, strict where its errors are
 * (net/http/internal/chunked.go).
 */
import { FarletError } from '../../model/errors.ts';
import type { ByteSource } from './byte-source.ts';
import { HeaderLines } from './header-lines.ts';

/** Of a chunk's line, and of all trailers: what Go's buffer holds. */
const MAX_BUFFERED = 4096;
const MAX_EXCESS = 16n * 1024n;
const LF = 0x0a;

/** Yields the data. Throws FarletError `invalid` in Go's words, or the connection's error. */
export async function* chunks(source: ByteSource): AsyncGenerator<Buffer, void> {
  let excess = 0n;
  for (;;) {
    const line = await chunkLine(source);
    const size = sizeOf(line);
    // a sender of little data in much else: 16 bytes and twice the data are allowed for each chunk
    excess += BigInt(line.length) + 2n - (16n + 2n * BigInt.asIntN(64, size));
    excess = BigInt.asIntN(64, excess);
    if (excess < 0n) excess = 0n;
    if (excess > MAX_EXCESS) throw invalid('chunked encoding contains too much non-data');
    if (size === 0n) break;
    for (let left = size; left > 0n;) {
      if (source.buffered.length === 0 && !(await source.fill())) throw invalid('unexpected EOF');
      const { length } = source.buffered;
      const piece = source.take(left < BigInt(length) ? Number(left) : length);
      left -= BigInt(piece.length);
      yield piece;
    }
    if (!(await source.has(2))) throw invalid('unexpected EOF');
    if (source.take(2).toString('latin1') !== '\r\n') throw invalid('malformed chunked encoding');
  }
  await trailer(source);
}

async function chunkLine(source: ByteSource): Promise<string> {
  let end = -1;
  while ((end = source.buffered.subarray(0, MAX_BUFFERED).indexOf(LF)) < 0) {
    if (source.buffered.length >= MAX_BUFFERED) throw invalid('header line too long');
    if (!(await source.fill())) throw invalid('unexpected EOF');
  }
  const line = source.take(end + 1).toString('latin1');
  const cr = line.indexOf('\r');
  if (cr < 0) throw invalid('chunked line ends with bare LF');
  if (cr !== line.length - 2) throw invalid('invalid CR in chunked line');
  return line.slice(0, -2);
}

function sizeOf(line: string): bigint {
  const digits = line.replace(/[ \t]+$/, '').replace(/;.*$/s, '');
  if (digits === '') throw invalid('empty hex number for chunk length');
  const good = /^[0-9A-Fa-f]*/.exec(digits)?.[0].length ?? 0;
  if (good > 16) throw invalid('http chunk length too large');
  if (good < digits.length) throw invalid('invalid byte in chunk length');
  return BigInt(`0x${digits}`);
}

/** Trailers are read and forgotten. */
async function trailer(source: ByteSource): Promise<void> {
  const isEnough = await source.has(2).catch(() => false);
  if (source.buffered.subarray(0, 2).toString('latin1') === '\r\n') return;
  if (!isEnough) throw invalid('http: unexpected EOF reading trailer');
  const seen = (): Buffer => source.buffered.subarray(0, MAX_BUFFERED);
  while (!seen().includes('\r\n\r\n')) {
    const hasMore = source.buffered.length < MAX_BUFFERED && (await filled(source));
    if (!hasMore) throw invalid('http: suspiciously long trailer after chunked body');
  }
  const lines = new HeaderLines();
  for (const line of seen().toString('latin1').split('\n')) {
    lines.begin(line === '' ? LF : line.charCodeAt(0));
    if (lines.line(line.replace(/\r$/, ''))) return;
  }
}

/** As fill(), where a broken connection is an end as any other. */
async function filled(source: ByteSource): Promise<boolean> {
  try {
    return await source.fill();
  } catch {
    return false;
  }
}

function invalid(message: string): FarletError {
  return new FarletError('invalid', message);
}
