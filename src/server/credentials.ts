/** What a request shows to say who it is from (cmd/kubelet/app/auth.go): a client certificate, else a bearer token. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Identity } from './backend.ts';

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const PROTOCOL_PREFIX = 'base64url.bearer.authorization.k8s.io.';

/** The subject of a certificate that the client CA has signed for clients: CN is the user, O the groups. */
export function certificateIdentity(socket: Socket): Identity | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const { subject, ext_key_usage: usages } = socket.getPeerCertificate() as {
    subject?: { CN?: string; O?: string | string[] };
    ext_key_usage?: string[];
  };
  if (subject?.CN === undefined || usages?.includes(CLIENT_AUTH) !== true) return undefined;
  return {
    user: subject.CN,
    groups: [...(subject.O === undefined ? [] : [subject.O].flat()), 'system:authenticated'],
  };
}

/** `Authorization: Bearer …`, or for browsers' WebSockets a subprotocol that carries the token. */
export function bearerToken({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  const [scheme, token] = (headers.authorization ?? '').trim().split(' ');
  if (scheme?.toLowerCase() === 'bearer' && token !== undefined && token !== '') return token;
  if (headers.upgrade?.toLowerCase() !== 'websocket') return undefined;
  const carrier = (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((protocol) => protocol.trim())
    .find((protocol) => protocol.startsWith(PROTOCOL_PREFIX));
  if (carrier === undefined) return undefined;
  const decoded = Buffer.from(carrier.slice(PROTOCOL_PREFIX.length), 'base64url').toString();
  return decoded === '' ? undefined : decoded;
}
