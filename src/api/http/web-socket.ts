/** The server's end of WebSockets; the protocol itself is the ws library's. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocketServer, type WebSocket } from 'ws';
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

export interface Acceptance {
  /** the subprotocol to name; none if it is empty */
  readonly protocol: string;
  readonly maxMessageBytes?: number;
}

/**
 * Answers a handshake that `checkHandshake` has passed. A message that is too large, or what breaks the
 * protocol, closes the socket.
 */
export function acceptWebSocket(
  request: IncomingMessage,
  { client, head }: { client: Duplex; head: Buffer },
  { protocol, maxMessageBytes = MAX_MESSAGE_BYTES }: Acceptance,
): WebSocket {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
  });
  // the library takes HTTP tokens alone for names of protocols, which `SPDY/3.1+portforward.k8s.io` is not
  const { 'sec-websocket-protocol': _offered, ...headers } = request.headers;
  const plain = Object.create(request, { headers: { value: headers } }) as IncomingMessage;
  server.once('headers', (lines) => {
    if (protocol !== '') lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
  });
  let accepted: WebSocket | undefined;
  server.handleUpgrade(plain, client, head, (socket) => (accepted = socket));
  if (accepted === undefined) throw new Error('the WebSocket handshake was not accepted');
  // the library closes the socket for what it says here
  accepted.on('error', () => undefined);
  return accepted;
}

/** Resolves when the message has left, or the socket is closed. A string is sent as text. */
export function sendMessage(socket: WebSocket, message: Buffer | string): Promise<void> {
  return new Promise((resolve) => {
    socket.send(message, () => {
      resolve();
    });
  });
}

/**
 * Yields the messages in turn, text as strings, and reads no faster than they are taken. It ends with the
 * socket, throws where the client breaks the protocol, and closes the socket when it is destroyed. Nothing is
 * missed if it is made in the tick in which the socket was accepted.
 */
export function receivedMessages(socket: WebSocket): Duplex {
  const messages = createWebSocketStream(socket, { readableObjectMode: true, readableHighWaterMark: 1 });
  // an iterator throws it; nobody else is to
  return messages.on('error', () => undefined);
}
