/**
 * GET as the kubelet's two HTTP clients send it (net/http Client and Transport; pkg/probe/http,
 * pkg/kubelet/kubelet.go insecureContainerLifecycleHTTPClient). Every request has a connection of its own.
 */
import type { Dial } from '../link/dial-target.ts';
import { FarletError, kindOf, messageOf } from '../../model/errors.ts';
import { quoted } from './byte-string.ts';
import { connectTo, targetOf } from './connection.ts';
import { exchange, type Answer } from './exchange.ts';
import { firstValue, hasListed } from './header.ts';
import { exchangeHttp2 } from './http2.ts';
import { isRedirect, nextHop, type Hop } from './redirect.ts';
import type { GetRequest } from './request.ts';
import { refuseRequest, requestHead, type WireOptions } from './request-head.ts';
import { secured } from './secured.ts';
import { publicUrlText } from './url-text.ts';

export interface ClientOptions extends WireOptions {
  readonly dial: Dial;
  /** HTTP/2 where the server chooses it */
  readonly speaksHttp2: boolean;
  /** undefined: as long as the caller waits */
  readonly handshakeMs: number | undefined;
  /** why a request failed whose signal has aborted, while it waited for a connection or for an answer */
  readonly lateWords: (waitedFor: 'connection' | 'answer', scheme: string) => string;
}

/** Of the answer that redirects: read so that a connection may be used again, though none is. */
const MAX_SLURPED = 2048;
const MAX_REQUESTS = 10;

/** A failed request, `Get "url": why`; `why` alone is there for those who know an error by its words. */
export class GetError extends FarletError {
  readonly why: string;
  constructor(url: string, why: string, options?: ErrorOptions) {
    super(kindOf(options?.cause), `Get ${quoted(url)}: ${why}`, options);
    this.why = why;
  }
}

/**
 * Sends the request, follows its redirects on the same host, and hands the answer to `use`, whose result it
 * resolves with; the connection is closed by then. Rejects with GetError, in Go's words; with the link's
 * HostError if the way to the host does not let it be tried; or with what `use` rejects with. Once the signal
 * aborts, GetError has `lateWords` for a reason.
 */
export async function get<T>(
  request: GetRequest,
  options: ClientOptions,
  { signal, use }: { signal: AbortSignal; use: (answer: Answer) => Promise<T> },
): Promise<T> {
  const hops: Hop[] = [{ request, dropsBody: false }];
  for (;;) {
    const current = hops.at(-1)?.request ?? request;
    const closers: (() => void)[] = [];
    try {
      const answer = await sent(current, options, { signal, closers });
      const next = isRedirect(answer.status) ? follow(hops, answer) : undefined;
      if (next === undefined) return await use(answer);
      if (answer.contentLength <= MAX_SLURPED) await answer.body(MAX_SLURPED).catch(() => undefined);
      if (hops.length >= MAX_REQUESTS)
        throw new GetError(firstValue(answer.header, 'Location'), 'stopped after 10 redirects');
      hops.push(next);
    } finally {
      for (const close of closers.reverse()) close();
    }
  }
}

function follow(hops: readonly Hop[], { header, status }: Answer): Hop | undefined {
  const location = firstValue(header, 'Location');
  const last = hops.at(-1);
  if (location === '' || last === undefined) return undefined;
  try {
    return nextHop(hops, { location, status });
  } catch (error) {
    const why = `failed to parse Location header ${quoted(location)}: ${messageOf(error)}`;
    throw new GetError(publicUrlText(last.request.url), why, { cause: error });
  }
}

async function sent(
  request: GetRequest,
  options: ClientOptions,
  { signal, closers }: { signal: AbortSignal; closers: (() => void)[] },
): Promise<Answer> {
  try {
    refuseRequest(request);
    signal.throwIfAborted();
    return await roundTrip(request, options, { signal, closers });
  } catch (error) {
    const waitedFor = closers.length < (request.url.scheme === 'https' ? 2 : 1) ? 'connection' : 'answer';
    const why = signal.aborted ? options.lateWords(waitedFor, request.url.scheme) : messageOf(error);
    throw new GetError(publicUrlText(request.url), why, { cause: error });
  }
}

async function roundTrip(
  request: GetRequest,
  options: ClientOptions,
  { signal, closers }: { signal: AbortSignal; closers: (() => void)[] },
): Promise<Answer> {
  const { url } = request;
  const connection = await connectTo(options.dial, url, { signal });
  const { plain, ends } = connection;
  closers.push(() => plain.destroy());
  plain.on('error', () => undefined);
  if (url.scheme !== 'https')
    return exchange({ socket: plain, ends }, requestHead(request, options), { signal });
  const socket = await secured(
    connection,
    {
      serverName: targetOf(url).host,
      offersHttp2: options.speaksHttp2 && !wantsWebSocket(request),
      handshakeMs: options.handshakeMs,
    },
    { signal },
  );
  closers.push(() => socket.destroy());
  return socket.alpnProtocol === 'h2'
    ? exchangeHttp2({ socket, ends }, request, { signal, closers })
    : exchange({ socket, ends }, requestHead(request, options), { signal });
}

/** Request.requiresHTTP1 */
function wantsWebSocket({ header }: GetRequest): boolean {
  return (
    hasListed(header.get('Connection'), 'upgrade') &&
    firstValue(header, 'Upgrade').toLowerCase() === 'websocket'
  );
}
