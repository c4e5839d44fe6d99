/** HTTP GET probes (pkg/probe/http), sent from the host so that pod addresses are routable. */
import { get, GetError, type ClientOptions } from '../../hosts/go-http/client.ts';
import type { Answer } from '../../hosts/go-http/exchange.ts';
import { agents, requestOf, type GetRequest } from '../../hosts/go-http/request.ts';
import type { Dial } from '../../hosts/link/dial-target.ts';
import { HostError, messageOf } from '../../model/errors.ts';
import { textOfBytes } from '../../model/go-string.ts';
import type { HTTPGetAction } from '../../model/kube.ts';
import { MAX_OUTPUT_BYTES, ProbeError, type ProbeOutcome } from './probe.ts';

export const USER_AGENT = agents.probe;

/** The transport that pkg/probe/http New() makes. */
const transport: Omit<ClientOptions, 'dial'> = {
  closes: true,
  asksForGzip: false,
  speaksHttp2: true,
  handshakeMs: 10_000,
  // a kubelet cancels requests over HTTPS in two ways at once, and which comes first is chance: these are its
  // most frequent words
  lateWords: (waitedFor, scheme) =>
    `${scheme === 'https' && waitedFor === 'connection' ? canceled : 'context deadline exceeded'} (Client.Timeout exceeded while awaiting headers)`,
};
const canceled = 'net/http: request canceled while waiting for connection';
const lateBody = 'context deadline exceeded (Client.Timeout or context cancellation while reading body)';

/**
 * Where an httpGet action points; `address` is the pod's. Throws FarletError `invalid` for what makes no URL.
 */
export function httpTarget(action: HTTPGetAction, address: string, port: number): GetRequest {
  return requestOf(action, { address, port, purpose: 'probe' });
}

/**
 * One probe: 200–399 is success; a redirect on the same host is followed, one that is not is a warning.
 * Whatever else comes of it is a failure, the way to the host included. Rejects with ProbeError where the
 * answer's body can't be read.
 */
export async function probeHttp(
  dial: Dial,
  target: GetRequest,
  { signal }: { signal: AbortSignal },
): Promise<ProbeOutcome> {
  try {
    return await get(target, { ...transport, dial }, { signal, use: (answer) => judged(answer, signal) });
  } catch (error) {
    if (!(error instanceof GetError)) throw error;
    return { kind: 'failure', output: error.message.toWellFormed() };
  }
}

async function judged(answer: Answer, signal: AbortSignal): Promise<ProbeOutcome> {
  const { status } = answer;
  let body: Buffer;
  try {
    body = await answer.body(MAX_OUTPUT_BYTES);
  } catch (error) {
    const why = signal.aborted ? lateBody : messageOf(error);
    if (error instanceof HostError && !signal.aborted) return { kind: 'failure', output: why };
    throw new ProbeError('failure', why, { cause: error });
  }
  if (status < 200 || status >= 400)
    return { kind: 'failure', output: `HTTP probe failed with statuscode: ${String(status)}` };
  if (status < 300) return { kind: 'success' };
  // an event holds text: what is none of the body becomes U+FFFD, byte by byte, as on its way from a kubelet
  const output = `Probe terminated redirects, Response body: ${textOfBytes(body)}`;
  return { kind: 'warning', output: output.toWellFormed() };
}
