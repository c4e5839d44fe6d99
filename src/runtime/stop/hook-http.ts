/** The request of an httpGet lifecycle hook, sent from the pod's host. */
import { get, GetError, type ClientOptions } from '../../hosts/go-http/client.ts';
import type { Dial } from '../../hosts/link/dial-target.ts';
import type { Answer } from '../../hosts/go-http/exchange.ts';
import { requestOf, type GetRequest } from '../../hosts/go-http/request.ts';
import { resolvePort } from '../../model/container-port.ts';
import type { Container, HTTPGetAction } from '../../model/kube.ts';

/**
 * The transport of pkg/kubelet/kubelet.go insecureContainerLifecycleHTTPClient; it has no limit of its own.
 */
const transport: Omit<ClientOptions, 'dial'> = {
  closes: false,
  asksForGzip: true,
  speaksHttp2: false,
  handshakeMs: undefined,
  lateWords: () => 'context canceled',
};
/** an answer's body is read up to here, then the connection is closed */
const MAX_BODY_BYTES = 10 * 1024;

/**
 * Where the action points: its own host, else the pod's. Throws FarletError `invalid` for a port nobody
 * declares and for what makes no URL.
 */
export function hookRequest(action: HTTPGetAction, container: Container, podIP: string): GetRequest {
  const port = resolvePort(action.port, container);
  return requestOf(action, { address: podIP, port, purpose: 'lifecycle' });
}

/**
 * Sends it and waits for an answer, whatever its status and its body; redirects are followed on the same
 * host. Certificates are not looked at, as they are not for probes. Rejects with GetError if no HTTP answer
 * comes.
 */
export async function sendHookRequest(
  dial: Dial,
  request: GetRequest,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  await get(request, { ...transport, dial }, { signal, use: discard });
}

/** Whether a plain HTTP server sits where TLS was expected. */
export function isPlainHttpAnswer(error: unknown): boolean {
  return error instanceof GetError && error.why.includes('server gave HTTP response to HTTPS client');
}

/** The same without TLS, and without what would let others in. */
export function plainRequest(request: GetRequest): GetRequest {
  const header = new Map(request.header);
  header.delete('Authorization');
  return { ...request, url: { ...request.url, scheme: 'http' }, header };
}

async function discard(answer: Answer): Promise<void> {
  if (answer.contentLength > MAX_BODY_BYTES) return;
  await answer.body(MAX_BODY_BYTES).catch(() => undefined);
}
