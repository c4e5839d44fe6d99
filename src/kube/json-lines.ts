/**
 * Chunks of bytes → one parsed JSON value per line. An unreadable line is an error, and so is one past the
 * bound.
 */
import { unexpected, excerpt } from './answers.ts';

/** An object as large as etcd takes fits, however its text is escaped. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;
const NEWLINE = 0x0a;

export async function* jsonLines(
  chunks: AsyncIterable<Buffer>,
  maxBytes = MAX_LINE_BYTES,
): AsyncGenerator<unknown, void, void> {
  let pieces: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let rest = chunk;
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      if (size + end > maxBytes) throw tooLong(maxBytes);
      const line = Buffer.concat([...pieces, rest.subarray(0, end)]).toString();
      pieces = [];
      size = 0;
      rest = rest.subarray(end + 1);
      if (line.trim() !== '') yield parsed(line);
    }
    if (rest.length === 0) continue;
    pieces.push(rest);
    size += rest.length;
    if (size > maxBytes) throw tooLong(maxBytes);
    joinSmall(pieces);
  }
}

/**
 * Each piece stays longer than the one after it: bytes that come singly are copied a few times, not all of
 * them every time.
 */
function joinSmall(pieces: Buffer[]): void {
  for (;;) {
    const [before, last] = pieces.slice(-2);
    if (before === undefined || last === undefined || before.length > last.length) return;
    pieces.splice(-2, 2, Buffer.concat([before, last]));
  }
}

function tooLong(maxBytes: number): Error {
  return unexpected(`a line of the watch is longer than ${maxBytes} bytes`, 200);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw unexpected(`a line of the watch is not JSON: ${excerpt(line)}`, 200, { cause: error });
  }
}
