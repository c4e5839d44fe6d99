/** Answers whose length nobody knows yet, piece by piece, to readers that may be slow, stop, or go. */
import type { ServerResponse } from 'node:http';
import { toldOf } from '../../model/errors.ts';
import type { Clock } from '../../util/clock.ts';
import { whenOver } from './life.ts';

/**
 * A reader that takes nothing of a piece for so long is given up: it would keep its file and its place for
 * ever. A kubelet has no such limit. Pieces have 64 KiB, so who reads a KB a second is far from it.
 */
export const READER_MS = 300_000;

/**
 * Sends each piece as soon as it comes and the one before has left, so that the connection's own buffers are
 * all that waits; ends the answer when the last one has left: what reaches the API server in one record with
 * the end, it may drop (apimachinery wsstream Reader). `length`: what was announced. Resolves when the answer
 * is over, however it came to that.
 */
export async function sendPieces(
  response: ServerResponse,
  pieces: AsyncIterable<Buffer>,
  { clock, length }: { clock: Pick<Clock, 'after'>; length?: number },
): Promise<void> {
  let sent = 0;
  try {
    for await (const piece of pieces) {
      if (piece.length > 0) await written(response, piece, clock);
      sent += piece.length;
    }
    if (length !== undefined && sent !== length) throw new Error('the file is shorter than it was');
    response.end();
  } catch {
    // with a piece missing the answer must not look whole
    response.destroy();
  }
}

/** What goes wrong when the code has been sent is told where the log would be, as a kubelet does. */
export async function* toldErrors(
  pieces: AsyncIterable<Buffer>,
  { signal }: { signal: AbortSignal },
): AsyncIterable<Buffer> {
  try {
    yield* pieces;
  } catch (error) {
    if (!signal.aborted) yield Buffer.from(toldOf(error));
  }
}

function written(response: ServerResponse, piece: Buffer, clock: Pick<Clock, 'after'>): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null): void => {
      cancel();
      forget();
      if (error instanceof Error) reject(error);
      else resolve();
    };
    const cancel = clock.after(READER_MS, () => {
      done(new Error('the client has stopped reading'));
    });
    const forget = whenOver(response, () => {
      cancel();
      reject(new Error('the client has gone'));
    });
    response.write(piece, done);
  });
}
