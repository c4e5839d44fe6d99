/**
 * What a request shows to say who it is from (cmd/kubelet/app/auth.go): a client certificate, else a bearer
 * token.
 */
import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Identity } from './backend.ts';
import { PROTOCOL_PREFIX, subprotocols } from '../http/subprotocols.ts';
import { isWebSocket } from '../http/web-socket.ts';

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_USAGE = '2.5.29.37.0';

/** Who a certificate is for, or why it is for nobody; a sentence's end, such as "has expired". */
export type CertificateVerdict =
  | { readonly identity: Identity; readonly problem?: never }
  | { readonly problem: string; readonly identity?: never };

/** What the certificate of the connection says at this moment; undefined if the client has shown none. */
export function certificateVerdict(socket: Socket, now: number): CertificateVerdict | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  if (!socket.authorized) return { problem: `is refused: ${refusal(socket.authorizationError)}` };
  return certificateOwner(certificate, now);
}

/** Connections outlive certificates, so the time is looked at with every request, as a kubelet does. */
export function certificateOwner(
  certificate: Pick<X509Certificate, 'validFromDate' | 'validToDate' | 'keyUsage' | 'toLegacyObject'>,
  now: number,
): CertificateVerdict {
  const { validFromDate, validToDate, keyUsage } = certificate;
  if (now > validToDate.getTime()) return { problem: `has expired on ${validToDate.toISOString()}` };
  if (now < validFromDate.getTime())
    return { problem: `is valid only from ${validFromDate.toISOString()} on: compare the clocks` };
  // one without the extension is for any use (crypto/x509 Verify)
  const usages = keyUsage as string[] | undefined;
  if (usages !== undefined && !usages.includes(CLIENT_AUTH) && !usages.includes(ANY_USAGE))
    return { problem: 'is not for clients (extended key usage)' };
  const subject = certificate.toLegacyObject().subject as {
    readonly CN?: string | string[];
    readonly O?: string | string[];
  };
  // of several, Go's pkix.Name has the last
  const user = [subject.CN ?? []].flat().at(-1) ?? '';
  if (user === '') return { problem: 'names no user (common name)' };
  return { identity: { user, groups: [...[subject.O ?? []].flat(), 'system:authenticated'] } };
}

function refusal(error: Error | string | null | undefined): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  return reasons.get(code) ?? code;
}

const reasons = new Map([
  ['CERT_HAS_EXPIRED', 'it has expired, or the CA that issued it has'],
  ['CERT_NOT_YET_VALID', 'it is not valid yet: compare the clocks'],
  ['UNABLE_TO_GET_ISSUER_CERT', 'the CA that issued it is not in the clientCAFile'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'the CA that issued it is not in the clientCAFile'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'the CA that issued it is not in the clientCAFile'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'the CA that issued it is not in the clientCAFile'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'it is signed by itself'],
  ['INVALID_PURPOSE', 'it is not for clients (extended key usage)'],
]);

type Headers = Pick<IncomingMessage, 'headers'>;

/** `Authorization: Bearer …`, or for browsers' WebSockets a subprotocol that carries the token. */
export function bearerToken(request: Headers): string | undefined {
  const [scheme, token] = (request.headers.authorization ?? '').trim().split(' ');
  if (scheme?.toLowerCase() === 'bearer' && token !== undefined && token !== '') return token;
  return protocolToken(request);
}

/**
 * The token of a subprotocol (apiserver authentication/request/websocket/protocol.go): exactly one, well
 * encoded, beside another subprotocol, which the answer can name.
 */
function protocolToken(request: Headers): string | undefined {
  if (!isWebSocket(request)) return undefined;
  const { carriers, others } = subprotocols(request.headers['sec-websocket-protocol'] ?? '');
  const [carrier] = carriers;
  if (carrier === undefined || carriers.length > 1 || others.length === 0) return undefined;
  const encoded = carrier.slice(PROTOCOL_PREFIX.length);
  const bytes = Buffer.from(encoded, 'base64url');
  const text = bytes.toString();
  const isExact = bytes.toString('base64url') === encoded && Buffer.from(text).equals(bytes);
  return isExact && text !== '' ? text : undefined;
}
