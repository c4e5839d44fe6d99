/** HTTP GET probes (pkg/probe/http), sent from the host so that pod addresses are routable. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { authorityOf, securedFor, sendGet, urlTarget, urlText } from '../hosts/http.ts';
import type { HTTPGetAction } from '../model/kube.ts';
import { messageOf } from '../model/errors.ts';
import { answerError, dialError, hostPort } from '../hosts/net-errors.ts';
import { MAX_OUTPUT_BYTES, type ProbeOutcome } from './probe.ts';
import type { Dial } from './tcp.ts';

const MAX_REDIRECTS = 10;
export const USER_AGENT = 'kube-probe/1.36';

export interface HttpTarget {
  readonly url: URL;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

/** Where an httpGet action points; `host` is the pod's address unless the action names another. */
export function httpTarget(action: HTTPGetAction, host: string, port: number): HttpTarget {
  const scheme = (action.scheme ?? 'HTTP').toLowerCase();
  const path = action.path ?? '/';
  const url = new URL(
    `${scheme}://${hostPort(action.host === undefined || action.host === '' ? host : action.host, port)}${path.startsWith('/') ? '' : '/'}${path}`,
  );
  return { url, headers: action.httpHeaders ?? [] };
}

/**
 * The headers to send: the action's own win over the defaults, and a default given as empty is left out
 * (pkg/probe/http/request.go).
 */
export function probeHeaders(target: HttpTarget): Record<string, string | string[]> {
  const headers = new Map<string, string | string[]>([
    ['user-agent', USER_AGENT],
    ['accept', '*/*'],
    ['host', authorityOf(target.url)],
    ['connection', 'close'],
  ]);
  const own = new Map<string, string[]>();
  for (const { name, value } of target.headers)
    own.set(name.toLowerCase(), [...(own.get(name.toLowerCase()) ?? []), value]);
  for (const [name, values] of own) {
    headers.set(name, values.length === 1 ? (values[0] ?? '') : values);
    if ((name === 'user-agent' || name === 'accept') && values.every((value) => value === ''))
      headers.delete(name);
  }
  return Object.fromEntries(headers);
}

/** One probe: 200–399 is success; a redirect to the same host is followed, to another one it is a warning. */
export async function probeHttp(
  dial: Dial,
  target: HttpTarget,
  { signal }: { signal: AbortSignal },
): Promise<ProbeOutcome> {
  let { url } = target;
  for (let redirects = 0; ; redirects += 1) {
    let answer: { status: number; location: string | undefined; body: string };
    try {
      answer = await get(dial, { ...target, url }, signal);
    } catch (error) {
      return {
        kind: 'failure',
        output: `Get "${urlText(url)}": ${signal.aborted ? timeoutText : messageOf(error)}`,
      };
    }
    const { status, location, body } = answer;
    if (status < 200 || status >= 400)
      return { kind: 'failure', output: `HTTP probe failed with statuscode: ${String(status)}` };
    if (status < 300) return { kind: 'success' };
    const next = location === undefined ? undefined : URL.parse(location, url.href);
    if (!isFollowed(status) || next?.hostname !== url.hostname) {
      return { kind: 'warning', output: `Probe terminated redirects, Response body: ${body}` };
    }
    if (redirects >= MAX_REDIRECTS - 1)
      return { kind: 'failure', output: `Get "${urlText(next)}": stopped after 10 redirects` };
    url = next;
  }
}

const timeoutText = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';

function isFollowed(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

async function get(
  dial: Dial,
  target: HttpTarget,
  signal: AbortSignal,
): Promise<{ status: number; location: string | undefined; body: string }> {
  const socket = await open(dial, target.url, signal);
  try {
    const response = await exchange(socket, target, signal);
    return {
      status: response.statusCode ?? 0,
      location: response.headers.location,
      body: await readBody(response),
    };
  } finally {
    socket.destroy();
  }
}

async function open(dial: Dial, url: URL, signal: AbortSignal): Promise<Duplex> {
  const target = urlTarget(url);
  try {
    return securedFor(url, await dial(target, { signal }));
  } catch (error) {
    throw new Error(dialError(authorityOf(url), error), { cause: error });
  }
}

async function exchange(socket: Duplex, target: HttpTarget, signal: AbortSignal): Promise<IncomingMessage> {
  try {
    return await sendGet(socket, { url: target.url, headers: probeHeaders(target) }, { signal });
  } catch (error) {
    throw new Error(answerError(error), { cause: error });
  }
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= MAX_OUTPUT_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_OUTPUT_BYTES).toString();
}
