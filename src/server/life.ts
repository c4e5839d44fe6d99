import type { ServerResponse } from 'node:http';

/** Aborts when the answer is out, or the client has gone, which may have been before this is asked. */
export function lifeOf(response: ServerResponse): AbortSignal {
  const life = new AbortController();
  const end = (): void => {
    life.abort(new Error('the client has gone'));
  };
  response.once('close', end);
  if (response.destroyed || response.socket?.destroyed !== false) end();
  return life.signal;
}
