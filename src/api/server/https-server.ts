/**
 * The listener below the kubelet API: TLS, limits on what a connection may take, and what is no request at
 * all.
 */
import { createServer, type Server } from 'node:https';
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';
import type { Clock } from '../../util/clock.ts';
import { refuseUpgrade } from '../http/refuse-upgrade.ts';
import { pathOf, requestTarget, routable, streamTarget } from '../http/request-target.ts';

/** Go's http.DefaultMaxHeaderBytes. */
const MAX_HEADERS = 1024 * 1024;
/** Answers are streamed for as long as it takes; these are about what is asked. */
const times = {
  handshakeTimeout: 10_000,
  headersTimeout: 20_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 90_000,
  // a look takes a wakeup of the loop, on each port and whether or not there is a connection
  connectionsCheckingInterval: 10_000,
  // a client that is gone without a word is noticed though nothing is written to it (Go's default is 15s too)
  keepAlive: true,
  keepAliveInitialDelay: 15_000,
} as const;

/** Of any other method there are no streams, and HEAD may not even be answered in words. */
const upgradable = new Set(['GET', 'POST']);

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Every request gets to the handler with a target that a router can't understand otherwise than
 * requestTarget() does.
 */
export function createHttpsServer(tls: TlsOptions, handle: RequestHandler): Server {
  return createServer(
    {
      ...tls,
      ...times,
      maxHeaderSize: MAX_HEADERS,
      // any other request that offers an upgrade is answered as if it had not
      shouldUpgradeCallback: ({ method = '', url = '' }) =>
        upgradable.has(method) && streamTarget(pathOf(url)) !== undefined,
    },
    (request, response) => {
      const target = requestTarget(request.url ?? '');
      if (target === undefined) {
        const body = '400 Bad Request';
        response.shouldKeepAlive = false;
        response.writeHead(400, {
          'content-type': 'text/plain; charset=utf-8',
          'content-length': body.length,
        });
        response.end(body);
        return;
      }
      request.url = routable(target);
      handle(request, response);
    },
  );
}

/** What can't be read as a request, answered as Go's server does; for `clientError`. */
export function answerClientError(
  error: Error & { code?: string },
  socket: Duplex,
  clock: Pick<Clock, 'after'>,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const code =
    error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const reason = STATUS_CODES[code] ?? 'Error';
  refuseUpgrade(socket, { code, reason, body: `${String(code)} ${reason}` }, clock);
}
