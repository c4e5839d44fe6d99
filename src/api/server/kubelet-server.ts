/**
 * The kubelet API of one virtual node (pkg/kubelet/server/server.go): every request is authenticated and
 * authorized first.
 */
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import fastify from 'fastify';
import type { Log } from '../../model/log.ts';
import type { Clock } from '../../util/clock.ts';
import { admit } from './admit.ts';
import type { Backend, Identity } from './backend.ts';
import { Connections } from './connections.ts';
import { faultOf } from '../http/http-fault.ts';
import { answerClientError, createHttpsServer } from './https-server.ts';
import { observeRequests, type RequestObserver } from './observe-requests.ts';
import { Refusals } from './refusals.ts';
import { TEXT } from './rest-service.ts';
import { addRoutes } from './routes.ts';
import type { ServingTls } from './serving-tls.ts';
import { logLimits, StreamLimits, streamLimits, type LimitName } from './stream-limits.ts';
import { TlsRenewal } from './tls-renewal.ts';
import { serveUpgrade } from './upgrades.ts';

/** What there is to count of streams; `kind`: stream or log. */
export interface StreamObserver {
  open(kind: 'stream' | 'log', count: number): void;
  refused(kind: 'stream' | 'log', limit: LimitName): void;
}

export interface KubeletServerOptions {
  readonly backend: Backend;
  readonly log: Log;
  readonly clock: Clock;
  readonly observer: RequestObserver & StreamObserver;
  readonly tls: ServingTls;
  readonly acceptsTokens: boolean;
  /** streamingConnectionIdleTimeout, ms */
  readonly idleMs: number;
  readonly limits?: { readonly stream: typeof streamLimits; readonly log: typeof logLimits };
}

export interface KubeletServer {
  readonly port: number;
  /** how many are connected */
  readonly connections: number;
  /** Ends all connections, whatever they are used for. */
  close(): Promise<void>;
}

/**
 * Namespaces, names, uids and container names are far shorter; fastify's own limit is shorter than a pod's
 * name.
 */
const MAX_SEGMENT = 1024;

export async function listenKubelet(
  options: KubeletServerOptions,
  address: { host: string; port: number },
): Promise<KubeletServer> {
  const { backend, tls, log, clock, observer, idleMs } = options;
  const connections = new Connections();
  const renewal = new TlsRenewal();
  const server = fastify({
    logger: false,
    routerOptions: { maxParamLength: MAX_SEGMENT },
    clientErrorHandler: (error, socket) => {
      answerClientError(error, socket, clock);
    },
    serverFactory: (handle) => {
      const listener = createHttpsServer(tls.serverOptions(), handle);
      connections.follow(listener);
      renewal.add(listener);
      return listener;
    },
  });
  const limits = limitsOf(options);
  const refusals = new Refusals({
    log,
    clock,
    hasClientCa: tls.serverOptions().requestCert === true,
    acceptsTokens: options.acceptsTokens,
    caProblem: () => tls.caProblem(),
  });
  const admission = { backend, refusals, log, clock };
  const callers = new WeakMap<IncomingMessage, Identity>();
  // no route reads a body, so none is a reason to refuse a request
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume();
    done(null);
  });
  server.addHook('onRequest', async ({ raw }, reply) => {
    if (renewal.isFormer(raw.socket)) reply.raw.shouldKeepAlive = false;
    callers.set(raw, await admit(admission, raw));
    connections.trust(raw.socket);
  });
  server.setErrorHandler((error, _request, reply) => {
    const { code, body, headers } = faultOf(error);
    return reply
      .code(code)
      .headers({ 'content-type': TEXT, ...headers })
      .send(body);
  });
  server.setNotFoundHandler((_request, reply) => reply.code(404).type(TEXT).send('404 page not found\n'));
  addRoutes(server, backend, {
    clock,
    places: {
      follow: (request, pod) => limits.log.take({ user: callers.get(request)?.user ?? '', pod }),
    },
  });
  observeRequests(server.server, { observer, clock });
  const onAdmitted = ({ socket }: IncomingMessage): void => {
    connections.trust(socket);
  };
  server.server.on('upgrade', (request: IncomingMessage, client: Duplex, head: Buffer) => {
    serveUpgrade(
      { ...admission, backend, limits: limits.stream, idleMs, onAdmitted },
      { request, client, head },
    );
  });
  await server.listen(address);
  const life = new AbortController();
  void tls.follow(renewal.renew.bind(renewal), { signal: life.signal });
  return {
    port: (server.server.address() as AddressInfo).port,
    get connections() {
      return connections.size;
    },
    close: async () => {
      life.abort(new Error('the server has closed'));
      connections.closeAll();
      await server.close();
    },
  };
}

function limitsOf({ observer, limits }: KubeletServerOptions): Record<'stream' | 'log', StreamLimits> {
  const { stream, log } = limits ?? { stream: streamLimits, log: logLimits };
  const observed = (kind: 'stream' | 'log') => ({
    onCount: (count: number) => {
      observer.open(kind, count);
    },
    onRefused: (limit: LimitName) => {
      observer.refused(kind, limit);
    },
  });
  return {
    stream: new StreamLimits({ what: 'streams', limits: stream, ...observed('stream') }),
    log: new StreamLimits({ what: 'followed logs', limits: log, ...observed('log') }),
  };
}
