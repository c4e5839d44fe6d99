/** The server's end of WebSockets; the protocol itself is the ws library's. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { subprotocols } from './subprotocols.ts';
import { HttpFault } from './http-fault.ts';

/** What Go's server takes as one message (golang.org/x/net/websocket DefaultMaxPayloadBytes). */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;
const KEY = /^[+/0-9A-Za-z]{22}==$/;

export function isWebSocket({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

/** The subprotocols that a WebSocket handshake offers, in its order; none for other requests. */
export function offeredProtocols(request: Pick<IncomingMessage, 'headers'>): readonly string[] {
  if (!isWebSocket(request)) return [];
  return subprotocols(request.headers['sec-websocket-protocol'] ?? '').others;
}

/** Throws HttpFault for a handshake that is none; nothing has been sent then. */
export function checkHandshake({ headers, method }: Pick<IncomingMessage, 'headers' | 'method'>): void {
  const isWhole =
    method === 'GET' &&
    headers['sec-websocket-version'] === '13' &&
    KEY.test(headers['sec-websocket-key'] ?? '');
  if (!isWhole)
    throw new HttpFault(400, 'unable to upgrade websocket connection: not a handshake of version 13');
}

/**
 * Answers a handshake that `checkHandshake` has passed, with this subprotocol. A message that is too large, or what
 * breaks the protocol, closes the socket.
 */
export function acceptWebSocket(
  request: IncomingMessage,
  { client, head }: { client: Duplex; head: Buffer },
  protocol: string,
): WebSocket {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_MESSAGE_BYTES,
  });
  // the library takes HTTP tokens alone for names of protocols, which `SPDY/3.1+portforward.k8s.io` is not
  const { 'sec-websocket-protocol': _offered, ...headers } = request.headers;
  const plain = Object.create(request, { headers: { value: headers } }) as IncomingMessage;
  server.once('headers', (lines) => {
    lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
  });
  let accepted: WebSocket | undefined;
  server.handleUpgrade(plain, client, head, (socket) => (accepted = socket));
  if (accepted === undefined) throw new Error('the WebSocket handshake was not accepted');
  // the library closes the socket for what it says here
  accepted.on('error', () => undefined);
  return accepted;
}

/** Resolves when the message has left, or the socket is closed. */
export function sendMessage(socket: WebSocket, message: Buffer): Promise<void> {
  return new Promise((resolve) => {
    socket.send(message, { binary: true }, () => {
      resolve();
    });
  });
}
