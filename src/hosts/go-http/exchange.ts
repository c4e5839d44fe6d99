/** One request and its answer over one connection, by HTTP/1.1 as net/http's Transport speaks it. */
import type { Duplex } from 'node:stream';
import { FarletError, HostError, messageOf } from '../../model/errors.ts';
import { ByteSource } from './byte-source.ts';
import { readBody } from './body.ts';
import { readFault } from './connection.ts';
import type { Header } from './header.ts';
import { ResponseHeadReader, type ResponseHead } from './response-head-reader.ts';
import { bodyFrame, lengthOf, type BodyFrame } from './transfer.ts';

export interface Answer {
  readonly status: number;
  readonly header: Header;
  /** -1: unknown */
  readonly contentLength: bigint;
  /** Up to `limit` bytes. Rejects in Go's words. To be called once. */
  body(limit: number): Promise<Buffer>;
}

/** Transport.MaxResponseHeaderBytes, of all heads together: 1xx answers may precede the one that counts. */
const MAX_HEAD_BYTES = 10 << 20;

/**
 * `socket` is what is spoken over; `ends` names the connection below it. Rejects in Go's words, with the
 * link's HostError, or the signal's reason.
 */
export async function exchange(
  { socket, ends }: { socket: Duplex; ends: string },
  head: Buffer,
  { signal }: { signal: AbortSignal },
): Promise<Answer> {
  const source = new ByteSource(socket, { signal });
  // an answer may come before all is written, or although it can't be
  socket.write(head);
  if (!(await first(source, ends, signal))) throw new FarletError('unavailable', 'EOF');
  try {
    const { answer, frame } = await finalHead(source);
    return {
      status: answer.status,
      header: answer.header,
      contentLength: lengthOf(frame),
      body: (limit) => bodyOf(source, frame, { limit, ends, signal }),
    };
  } catch (error) {
    signal.throwIfAborted();
    const known = error instanceof FarletError ? error : readFault(error, ends);
    if (known instanceof HostError) throw known;
    throw new FarletError(
      'unavailable',
      `net/http: HTTP/1.x transport connection broken: ${messageOf(known)}`,
      { cause: error },
    );
  }
}

async function first(source: ByteSource, ends: string, signal: AbortSignal): Promise<boolean> {
  try {
    return await source.has(1);
  } catch (error) {
    signal.throwIfAborted();
    throw readFault(error, ends);
  }
}

/** What counts is the first answer that is not informational; 101 is final (Transport.readResponse). */
async function finalHead(source: ByteSource): Promise<{ answer: ResponseHead; frame: BodyFrame }> {
  let left = MAX_HEAD_BYTES;
  for (;;) {
    const { answer, taken } = await nextHead(source, left);
    left -= taken;
    const frame = bodyFrame(answer);
    const { status } = answer;
    if (status < 100 || status > 199 || status === 101) return { answer, frame };
  }
}

async function nextHead(source: ByteSource, limit: number): Promise<{ answer: ResponseHead; taken: number }> {
  const reader = new ResponseHeadReader();
  let taken = 0;
  for (;;) {
    const left = limit - taken;
    const bytes = source.buffered.subarray(0, left);
    const done = reader.feed(bytes);
    source.take(done?.taken ?? bytes.length);
    taken += done?.taken ?? bytes.length;
    if (done !== undefined) return { answer: done.head, taken };
    if (taken >= limit)
      throw new FarletError(
        'resource-exhausted',
        `net/http: server response headers exceeded ${String(MAX_HEAD_BYTES)} bytes; aborted`,
      );
    if (!(await source.fill())) return reader.end();
  }
}

async function bodyOf(
  source: ByteSource,
  frame: BodyFrame,
  { limit, ends, signal }: { limit: number; ends: string; signal: AbortSignal },
): Promise<Buffer> {
  try {
    const body = await readBody(source, frame, limit);
    return body;
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof FarletError ? error : readFault(error, ends);
  }
}
