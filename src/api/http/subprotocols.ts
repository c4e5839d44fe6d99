/** Of a subprotocol that carries a bearer token (apiserver authentication/request/websocket/protocol.go). */
export const PROTOCOL_PREFIX = 'base64url.bearer.authorization.k8s.io.';

/** Offered subprotocols: those that carry a token, which nobody else may see, and the others. */
export function subprotocols(header: string): { carriers: string[]; others: string[] } {
  const all = header.split(',').map((protocol) => protocol.trim());
  const isCarrier = (protocol: string): boolean => protocol.startsWith(PROTOCOL_PREFIX);
  return {
    carriers: all.filter(isCarrier),
    others: all.filter((protocol) => !isCarrier(protocol) && protocol !== ''),
  };
}
