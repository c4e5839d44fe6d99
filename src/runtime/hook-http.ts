/** The request of an httpGet lifecycle hook, sent from the pod's host. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { authorityOf, securedFor, sendGet, urlTarget, urlText } from '../hosts/http.ts';
import type { HostLink } from '../hosts/link.ts';
import { answerError, dialError } from '../hosts/net-errors.ts';
import { FarletError, kindOf } from '../model/errors.ts';
import { goQuote } from '../model/go-quote.ts';
import type { Container, HTTPGetAction } from '../model/kube.ts';

const userAgent = 'kube-lifecycle/1.36';
const maxRedirects = 10;
/** an answer's body is read up to here, then the connection is closed */
const maxBodyBytes = 10 * 1024;

export interface HookRequest {
  readonly url: URL;
  /** names in lower case */
  readonly headers: Readonly<Record<string, string | string[]>>;
}

/** Where the action points: its own host, else the pod's. Throws FarletError `invalid` for a port nobody declares. */
export function hookRequest(action: HTTPGetAction, container: Container, podIP: string): HookRequest {
  const host = action.host === undefined || action.host === '' ? podIP : action.host;
  const authority = `${host.includes(':') ? `[${host}]` : host}:${hookPort(action, container)}`;
  const path = action.path ?? '';
  const url = new URL(
    `${(action.scheme ?? 'HTTP').toLowerCase()}://${authority}${path.startsWith('/') ? '' : '/'}${path}`,
  );
  const own = Map.groupBy(action.httpHeaders ?? [], ({ name }) => name.toLowerCase());
  const headers: Record<string, string | string[]> = {
    'user-agent': userAgent,
    accept: '*/*',
    host: authorityOf(url),
    ...Object.fromEntries([...own].map(([name, entries]) => [name, entries.map(({ value }) => value)])),
  };
  return { url, headers };
}

/**
 * Sends it and waits for an answer, whatever its status; redirects are followed on the same host. Certificates
 * are not looked at, as they are not for probes. Rejects if no HTTP answer comes.
 */
export async function sendHookRequest(
  dial: HostLink['dial'],
  hook: HookRequest,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  let url = hook.url;
  for (let redirects = 0; ; redirects += 1) {
    const next = await exchange(dial, { ...hook, url }, signal);
    if (next?.hostname !== url.hostname) return;
    if (redirects === maxRedirects) throw new FarletError('invalid', 'stopped after 10 redirects');
    url = next;
  }
}

/** Whether the error says that a plain HTTP server sits where TLS was expected: Node has it from OpenSSL as text. */
export function isPlainHttpAnswer(error: unknown): boolean {
  return error instanceof Error && error.message.includes('wrong version number');
}

async function exchange(
  dial: HostLink['dial'],
  hook: HookRequest,
  signal: AbortSignal,
): Promise<URL | undefined> {
  const socket = await open(dial, hook.url, signal);
  try {
    const response = await sendGet(
      socket,
      { url: hook.url, headers: { ...hook.headers, connection: 'close' } },
      { signal },
    );
    await drain(response);
    const { location } = response.headers;
    const redirected = [301, 302, 303, 307, 308].includes(response.statusCode ?? 0);
    return redirected && location !== undefined
      ? (URL.parse(location, hook.url.href) ?? undefined)
      : undefined;
  } catch (error) {
    throw failed(hook.url, answerError(error), error);
  } finally {
    socket.destroy();
  }
}

async function open(dial: HostLink['dial'], url: URL, signal: AbortSignal): Promise<Duplex> {
  try {
    return securedFor(url, await dial(urlTarget(url), { signal }));
  } catch (error) {
    throw failed(url, dialError(authorityOf(url), error), error);
  }
}

/** In the words of Go's net/http. */
function failed(url: URL, why: string, cause: unknown): FarletError {
  return new FarletError(kindOf(cause), `Get ${goQuote(urlText(url))}: ${why}`, { cause });
}

async function drain(response: IncomingMessage): Promise<void> {
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size >= maxBodyBytes) return;
  }
}

function hookPort(action: HTTPGetAction, container: Container): number {
  const text = String(action.port);
  const named = container.ports?.find(({ name }) => name === text)?.containerPort;
  const port = /^\d+$/.test(text) ? Number(text) : named;
  if (port === undefined)
    throw new FarletError('invalid', `strconv.Atoi: parsing ${goQuote(text)}: invalid syntax`);
  if (port < 1 || port > 65_535) throw new FarletError('invalid', `invalid port number: ${port}`);
  return port;
}
