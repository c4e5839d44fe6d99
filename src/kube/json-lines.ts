/** Chunks of bytes → one parsed JSON value a line. An unreadable line is an error, and so is one past the bound. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
const NEWLINE = 0x0a;

export async function* jsonLines(chunks: AsyncIterable<Buffer>): AsyncIterable<unknown> {
  let pending: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let rest = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      const line = Buffer.concat([...pending, rest.subarray(0, end)]).toString();
      pending = [];
      size = 0;
      rest = rest.subarray(end + 1);
      if (line.trim() !== '') yield JSON.parse(line);
    }
    if (rest.length === 0) continue;
    pending.push(rest);
    size += rest.length;
    if (size > MAX_LINE_BYTES) throw new Error(`a watch event is longer than ${MAX_LINE_BYTES} bytes`);
  }
}
