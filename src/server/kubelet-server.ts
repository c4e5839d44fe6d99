/** The kubelet API of one virtual node (pkg/kubelet/server/server.go): every request is authenticated and authorized first. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import fastify, { type FastifyInstance } from 'fastify';
import { kindOf, messageOf } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { requestAttributes } from './attributes.ts';
import { proxyUpgrade, refuseUpgrade } from './upgrade-proxy.ts';

export interface Identity {
  readonly user: string;
  readonly groups: readonly string[];
}

/** An answer that is an error: code and text as the kubelet gives them. */
export class HttpFault extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export interface Target {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string | undefined;
  readonly container: string | undefined;
}

export interface Backend {
  identify(token: string, options: { signal: AbortSignal }): Promise<Identity | undefined>;
  isAllowed(
    who: Identity,
    verb: string,
    subresource: string,
    options: { signal: AbortSignal },
  ): Promise<boolean>;
  podList(): object;
  runningPods(): object;
  configz(): object;
  metrics(): Promise<{ text: string; contentType: string }>;
  healthProblems(): readonly string[];
  /** Throws HttpFault for pods and containers that have none. */
  logs(
    target: Target,
    query: URLSearchParams,
    options: { signal: AbortSignal },
  ): Promise<AsyncIterable<Buffer>>;
  run(target: Target, command: readonly string[], options: { signal: AbortSignal }): Promise<string>;
  /** Where the runtime serves the stream, and a connection to it. Throws HttpFault. */
  stream(
    kind: 'exec' | 'attach' | 'portForward',
    target: Target,
    query: URLSearchParams,
    options: { signal: AbortSignal },
  ): Promise<{ url: URL; dial: () => Promise<Duplex> }>;
}

export interface KubeletServerOptions {
  readonly backend: Backend;
  readonly log: Log;
  readonly tls: {
    readonly cert: string | Buffer;
    readonly key: string | Buffer;
    readonly clientCa: Buffer | undefined;
  };
}

const MAX_HEADERS = 1024 * 1024;
const AUTH_MS = 15_000;
const streamPath = /^\/(exec|attach|portForward)\/([^/]+)\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/;

export async function listenKubelet(
  options: KubeletServerOptions,
  address: { host: string; port: number },
): Promise<FastifyInstance> {
  const { backend, tls, log } = options;
  const server = fastify({
    logger: false,
    forceCloseConnections: true,
    https: {
      cert: tls.cert,
      key: tls.key,
      requestCert: true,
      rejectUnauthorized: false,
      maxHeaderSize: MAX_HEADERS,
      ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa }),
    },
  });
  server.addHook('onRequest', async (request, reply) => {
    const denied = await denial(backend, request.raw);
    if (denied !== undefined)
      await reply.code(denied.code).type('text/plain; charset=utf-8').send(denied.message);
  });
  server.setErrorHandler((error, _request, reply) => {
    const code = error instanceof HttpFault ? error.code : 500;
    return reply.code(code).type('text/plain; charset=utf-8').send(messageOf(error));
  });
  server.setNotFoundHandler((_request, reply) =>
    reply.code(404).type('text/plain; charset=utf-8').send('404 page not found\n'),
  );
  addRoutes(server, backend);
  server.server.on('upgrade', (request: IncomingMessage, client: Duplex, head: Buffer) => {
    client.on('error', () => client.destroy());
    upgrade(backend, { request, client, head }).catch((error: unknown) => {
      log.debug({ err: error }, 'upgrade refused');
      const code = error instanceof HttpFault ? error.code : kindOf(error) === 'not-found' ? 404 : 500;
      refuseUpgrade(client, code, code === 404 ? 'Not Found' : 'Error', messageOf(error));
    });
  });
  await server.listen(address);
  return server;
}

function addRoutes(server: FastifyInstance, backend: Backend): void {
  const text = 'text/plain; charset=utf-8';
  server.get('/healthz', (_request, reply) => {
    const problems = backend.healthProblems();
    return reply
      .code(problems.length === 0 ? 200 : 500)
      .type(text)
      .send(problems.length === 0 ? 'ok' : problems.join('\n'));
  });
  for (const check of ['ping', 'log', 'syncloop'])
    server.get(`/healthz/${check}`, (_request, reply) => reply.type(text).send('ok'));
  for (const path of ['/pods', '/pods/'])
    server.get(path, (_request, reply) => reply.send(backend.podList()));
  for (const path of ['/runningpods', '/runningpods/'])
    server.get(path, (_request, reply) => reply.send(backend.runningPods()));
  server.get('/configz', (_request, reply) => reply.send(backend.configz()));
  server.get('/metrics', async (_request, reply) => {
    const { text: body, contentType } = await backend.metrics();
    return reply.type(contentType).send(body);
  });
  server.get<{ Params: { namespace: string; pod: string; container: string } }>(
    '/containerLogs/:namespace/:pod/:container',
    async (request, reply) => {
      const signal = lifeOf(request.raw);
      const pieces = await backend.logs({ ...request.params, uid: undefined }, queryOf(request.raw), {
        signal,
      });
      reply.hijack();
      // a quiet container must not hold back the headers
      reply.raw.writeHead(200, { 'content-type': text, 'transfer-encoding': 'chunked' }).flushHeaders();
      await pipeline(pieces, reply.raw).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    },
  );
  const run = async (target: Target, request: IncomingMessage): Promise<string> =>
    backend.run(
      target,
      (queryOf(request).get('cmd') ?? '').split(' ').filter((word) => word !== ''),
      { signal: lifeOf(request) },
    );
  server.post<{ Params: { namespace: string; pod: string; container: string } }>(
    '/run/:namespace/:pod/:container',
    async (request, reply) =>
      reply.type('application/json').send(await run({ ...request.params, uid: undefined }, request.raw)),
  );
  // requests to upgrade never get here: the upgrade event takes them
  for (const method of ['GET', 'POST'] as const) {
    for (const path of ['/exec/*', '/attach/*', '/portForward/*']) {
      server.route({
        method,
        url: path,
        handler: async (request) => {
          const { kind, target } = parseStream(request.raw);
          await backend.stream(kind, target, queryOf(request.raw), { signal: lifeOf(request.raw) });
          throw new HttpFault(500, 'Upgrade request required\n');
        },
      });
    }
  }
}

function queryOf(request: IncomingMessage): URLSearchParams {
  return new URL(request.url ?? '/', 'https://kubelet').searchParams;
}

function pathOf(request: IncomingMessage): string {
  return new URL(request.url ?? '/', 'https://kubelet').pathname;
}

/** Aborts when the client is gone. */
function lifeOf(request: IncomingMessage): AbortSignal {
  const life = new AbortController();
  request.socket.once('close', () => {
    life.abort(new Error('the client has gone'));
  });
  return life.signal;
}

function parseStream(request: IncomingMessage): { kind: 'exec' | 'attach' | 'portForward'; target: Target } {
  const match = streamPath.exec(pathOf(request));
  if (match === null) throw new HttpFault(404, '404: Page Not Found');
  const [, kind, namespace = '', pod = '', third, fourth] = [...match].map((part?: string) =>
    part === undefined ? undefined : decodeURIComponent(part),
  );
  if (kind === 'portForward') return { kind, target: { namespace, pod, uid: third, container: undefined } };
  if (kind !== 'exec' && kind !== 'attach') throw new HttpFault(404, '404: Page Not Found');
  return {
    kind,
    target:
      fourth === undefined
        ? { namespace, pod, uid: undefined, container: third }
        : { namespace, pod, uid: third, container: fourth },
  };
}

async function upgrade(
  backend: Backend,
  { request, client, head }: { request: IncomingMessage; client: Duplex; head: Buffer },
): Promise<void> {
  const denied = await denial(backend, request);
  if (denied !== undefined) {
    refuseUpgrade(client, denied.code, denied.code === 401 ? 'Unauthorized' : 'Forbidden', denied.message);
    return;
  }
  const { kind, target } = parseStream(request);
  const { url, dial } = await backend.stream(kind, target, queryOf(request), { signal: lifeOf(request) });
  proxyUpgrade(request, client, { upstream: await dial(), target: url, head });
}

/** Why the request may not pass, undefined if it may. */
async function denial(backend: Backend, request: IncomingMessage): Promise<HttpFault | undefined> {
  const signal = AbortSignal.timeout(AUTH_MS);
  let who: Identity | undefined;
  try {
    who = certificateIdentity(request.socket) ?? (await tokenIdentity(backend, request, signal));
  } catch {
    return new HttpFault(401, 'Unauthorized');
  }
  if (who === undefined) return new HttpFault(401, 'Unauthorized');
  const { verb, subresources } = requestAttributes(request.method ?? '', pathOf(request));
  for (const subresource of subresources) {
    try {
      if (await backend.isAllowed(who, verb, subresource, { signal })) return undefined;
    } catch (error) {
      return new HttpFault(
        500,
        `Authorization error (user=${who.user}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}]): ${messageOf(error)}`,
      );
    }
  }
  return new HttpFault(
    403,
    `Forbidden (user=${who.user}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}])\n`,
  );
}

/** The subject of a certificate that the client CA has signed: CN is the user, O the groups. */
function certificateIdentity(socket: Socket): Identity | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const { subject, ext_key_usage: usages } = socket.getPeerCertificate() as {
    subject?: { CN?: string; O?: string | string[] };
    ext_key_usage?: string[];
  };
  if (subject?.CN === undefined || usages?.includes('1.3.6.1.5.5.7.3.2') !== true) return undefined;
  return {
    user: subject.CN,
    groups: [...(subject.O === undefined ? [] : [subject.O].flat()), 'system:authenticated'],
  };
}

async function tokenIdentity(
  backend: Backend,
  request: IncomingMessage,
  signal: AbortSignal,
): Promise<Identity | undefined> {
  const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
  return token === undefined ? undefined : backend.identify(token, { signal });
}
