/** How long an answer has somebody who takes it. */
import type { ServerResponse } from 'node:http';

/** Aborts when the answer is out, or the client has gone, which may have been before this is asked. */
export function lifeOf(response: ServerResponse): AbortSignal {
  const life = new AbortController();
  whenOver(response, () => {
    life.abort(new Error('the client has gone'));
  });
  return life.signal;
}

/**
 * Calls back once when the answer is out or the client has gone, at once if that is so already; what it
 * returns cancels that. The connection is watched as well: an answer has no socket, and no events, until the
 * one before it has left, which may be a moment after its client has all of it and sends the next request.
 */
export function whenOver(response: ServerResponse, then: () => void): () => void {
  const { socket } = response.req;
  const cancel = (): void => {
    response.off('close', over);
    socket.off('close', over);
  };
  const over = (): void => {
    cancel();
    then();
  };
  response.once('close', over);
  socket.once('close', over);
  if (response.destroyed || socket.destroyed) over();
  return cancel;
}
