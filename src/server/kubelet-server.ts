/** The kubelet API of one virtual node (pkg/kubelet/server/server.go): every request is authenticated and authorized first. */
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import fastify, { type FastifyInstance } from 'fastify';
import { messageOf } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { Clock } from '../util/clock.ts';
import type { Backend } from './backend.ts';
import { denial } from './denial.ts';
import { HttpFault } from './http-fault.ts';
import { observeRequests, type RequestObserver } from './observe-requests.ts';
import { servePortForward } from './port-forward/serve-port-forward.ts';
import { pathOf, queryOf, streamTarget } from './request-target.ts';
import { TEXT } from './rest-service.ts';
import { addRoutes } from './routes.ts';
import { proxyUpgrade, refuseUpgrade } from './upgrade-proxy.ts';

export interface KubeletServerOptions {
  readonly backend: Backend;
  readonly log: Log;
  readonly clock: Pick<Clock, 'after' | 'monotonic'>;
  readonly observer: RequestObserver;
  readonly tls: {
    readonly cert: string | Buffer;
    readonly key: string | Buffer;
    readonly clientCa: Buffer | undefined;
  };
}

const MAX_HEADERS = 1024 * 1024;
const IDLE_MS = 90_000;
/** Namespaces, names, uids and container names are far shorter; fastify's own limit is shorter than a pod's name. */
const MAX_SEGMENT = 1024;

export async function listenKubelet(
  options: KubeletServerOptions,
  address: { host: string; port: number },
): Promise<FastifyInstance> {
  const { backend, tls, log } = options;
  const server = fastify({
    logger: false,
    forceCloseConnections: true,
    keepAliveTimeout: IDLE_MS,
    routerOptions: { maxParamLength: MAX_SEGMENT },
    https: {
      cert: tls.cert,
      key: tls.key,
      requestCert: true,
      rejectUnauthorized: false,
      maxHeaderSize: MAX_HEADERS,
      // any other request that offers an upgrade is answered as if it had not
      shouldUpgradeCallback: (request) => streamTarget(pathOf(request.url ?? '')) !== undefined,
      ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa }),
    },
  });
  // no route reads a body, so none is a reason to refuse a request
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume();
    done(null);
  });
  server.addHook('onRequest', async (request, reply) => {
    const denied = await denial({ backend, log }, request.raw);
    if (denied !== undefined) await reply.code(denied.code).type(TEXT).send(denied.message);
  });
  server.setErrorHandler((error, _request, reply) => {
    const { code, message, headers } = faultOf(error);
    return reply.code(code).type(TEXT).headers(headers).send(message);
  });
  server.setNotFoundHandler((_request, reply) => reply.code(404).type(TEXT).send('404 page not found\n'));
  addRoutes(server, backend);
  observeRequests(server.server, options);
  server.server.on('upgrade', (request: IncomingMessage, client: Duplex, head: Buffer) => {
    client.on('error', () => client.destroy());
    upgrade(options, { request, client, head }).catch((error: unknown) => {
      log.debug({ err: error }, 'upgrade refused');
      const { code, message, headers } = faultOf(error);
      refuseUpgrade(client, { code, reason: STATUS_CODES[code] ?? 'Error', body: message, headers });
    });
  });
  await server.listen(address);
  return server;
}

function faultOf(error: unknown): HttpFault {
  if (error instanceof HttpFault) return error;
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  return new HttpFault(status, messageOf(error));
}

async function upgrade(
  { backend, log, clock }: KubeletServerOptions,
  { request, client, head }: { request: IncomingMessage; client: Duplex; head: Buffer },
): Promise<void> {
  const denied = await denial({ backend, log }, request);
  if (denied !== undefined) throw denied;
  const url = request.url ?? '/';
  const found = streamTarget(pathOf(url));
  if (found === undefined) throw new HttpFault(404, '404: Page Not Found');
  if (request.method !== 'GET' && request.method !== 'POST')
    throw new HttpFault(405, '405: Method Not Allowed', { allow: 'GET, POST' });
  const life = new AbortController();
  client.once('close', () => {
    life.abort(new Error('the client has gone'));
  });
  const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket';
  const stream = await backend.stream(
    { ...found, query: queryOf(url), isWebSocket },
    { signal: life.signal },
  );
  if (stream.by === 'farlet') {
    await servePortForward(request, { client, head }, { target: stream.target, clock, log });
    return;
  }
  const socket = await stream.dial();
  if (life.signal.aborted) {
    socket.destroy();
    return;
  }
  proxyUpgrade(request, { client, head }, { socket, url: stream.url, clock });
}
