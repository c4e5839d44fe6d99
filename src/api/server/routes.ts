/** The kubelet API's paths (pkg/kubelet/server/server.go): parse, ask the backend, answer. */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../util/clock.ts';
import type { Backend } from './backend.ts';
import type { Target } from '../http/stream-request.ts';
import { rootHealth, singleHealth, type HealthAnswer } from './health-checks.ts';
import { sendHostLog } from './host-logs.ts';
import { HttpFault } from '../http/http-fault.ts';
import { lifeOf } from './life.ts';
import { isFollowed } from './log-query.ts';
import { pathOf, queryOf, queryTexts, streamTarget } from '../http/request-target.ts';
import { restService, TEXT } from './rest-service.ts';
import { sendPieces, toldErrors } from './send-pieces.ts';

/**
 * What a kubelet serves and this version does not: refused aloud instead of a 404 that looks like a wrong
 * path.
 */
const MISSING = ['/metrics/cadvisor', '/metrics/resource', '/metrics/probes', '/metrics/slis'];

export interface RouteOptions {
  readonly places: Places;
  readonly clock: Pick<Clock, 'after'>;
}

export interface Places {
  /**
   * A place for a log that is followed, of a pod as namespace/name; returns how to give it back. Throws
   * HttpFault 429.
   */
  follow(request: IncomingMessage, pod: string): () => void;
}

export function addRoutes(server: FastifyInstance, backend: Backend, options: RouteOptions): void {
  addHealth(server, backend);
  const json = (answer: () => object) => (_request: FastifyRequest, reply: FastifyReply) =>
    sendJson(reply, JSON.stringify(answer()));
  const get = ['GET'] as const;
  restService(server, '/pods', [{ path: '', methods: get, handle: json(() => backend.podList()) }]);
  restService(server, '/runningpods', [
    { path: '', methods: get, handle: json(() => backend.runningPods()) },
  ]);
  server.all(
    '/configz',
    json(() => backend.configz()),
  );
  server.all('/metrics', async (_request, reply) => {
    const { text, contentType } = await backend.metrics();
    return reply.type(contentType).send(text);
  });
  for (const path of MISSING) server.all(path, notOffered);
  restService(server, '/stats', [{ path: '/summary', methods: ['GET', 'POST'], handle: notOffered }]);
  restService(server, '/containerLogs', [
    { path: '/:namespace/:pod/:container', methods: get, handle: containerLogs(backend, options) },
  ]);
  restService(server, '/run', inContainer(['POST'], runCommand(backend)));
  restService(server, '/checkpoint', [
    { path: '/:namespace/:pod/:container', methods: ['POST'], handle: checkpoint(backend) },
  ]);
  restService(server, '/logs', [
    { path: '', methods: get, handle: sendHostLog(backend, options.clock) },
    { path: '/*', methods: get, handle: sendHostLog(backend, options.clock) },
  ]);
  restService(server, '/debug/pprof', []);
  const stream = refusedStream(backend);
  restService(server, '/exec', inContainer(['GET', 'POST'], stream));
  restService(server, '/attach', inContainer(['GET', 'POST'], stream));
  restService(server, '/portForward', [
    { path: '/:namespace/:pod', methods: ['GET', 'POST'], handle: stream },
    { path: '/:namespace/:pod/:uid', methods: ['GET', 'POST'], handle: stream },
  ]);
}

function addHealth(server: FastifyInstance, backend: Backend): void {
  const answer = (reply: FastifyReply, { code, body }: HealthAnswer): FastifyReply =>
    reply.code(code).type(TEXT).send(body);
  server.all('/healthz', (request, reply) =>
    answer(reply, rootHealth(backend.healthChecks(), queryOf(request.raw.url ?? ''))),
  );
  for (const { name } of backend.healthChecks())
    server.all(`/healthz/${name}`, (_request, reply) => {
      const check = backend.healthChecks().find((each) => each.name === name);
      return answer(reply, singleHealth(check ?? { name, problem: 'the check is gone' }));
    });
}

type Methods = readonly ('GET' | 'POST')[];
type Handle = (request: FastifyRequest, reply: FastifyReply) => unknown;

/** With and without the pod's uid. */
function inContainer(methods: Methods, handle: Handle): { path: string; methods: Methods; handle: Handle }[] {
  return ['/:namespace/:pod/:container', '/:namespace/:pod/:uid/:container'].map((path) => ({
    path,
    methods,
    handle,
  }));
}

function targetOf({ params }: FastifyRequest): Target {
  const { namespace = '', pod = '', uid, container } = params as Record<string, string | undefined>;
  return { namespace, pod, uid, container };
}

const containerLogs =
  (backend: Backend, { places, clock }: RouteOptions): Handle =>
  async (request, reply) => {
    const signal = lifeOf(reply.raw);
    const target = targetOf(request);
    const query = queryOf(request.raw.url ?? '');
    if (isFollowed(query)) {
      const release = places.follow(request.raw, `${target.namespace}/${target.pod}`);
      reply.raw.once('close', release);
    }
    const pieces = backend.logs(target, query, { signal });
    reply.hijack();
    // a quiet container must not hold back the headers; the kubelet sends no content type here
    reply.raw.writeHead(200, { 'transfer-encoding': 'chunked' }).flushHeaders();
    await sendPieces(reply.raw, toldErrors(pieces, { signal }), { clock });
  };

const runCommand =
  (backend: Backend): Handle =>
  async (request, reply) => {
    const [text = ''] = queryTexts(request.raw.url ?? '', 'cmd');
    const output = await backend.run(targetOf(request), text.split(' '), { signal: lifeOf(reply.raw) });
    // Go's writeJSONResponse: nothing at all, not even a type, for no bytes
    return output.length === 0 ? reply.code(200).send() : sendJson(reply, output);
  };

const checkpoint =
  (backend: Backend): Handle =>
  async (request, reply) => {
    const location = await backend.checkpoint(targetOf(request), queryOf(request.raw.url ?? ''), {
      signal: lifeOf(reply.raw),
    });
    return sendJson(reply, JSON.stringify({ items: [location] }));
  };

/** Requests that do upgrade never get here: the server's upgrade event takes them. */
const refusedStream =
  (backend: Backend): Handle =>
  async (request, reply) => {
    const url = request.raw.url ?? '';
    const found = streamTarget(pathOf(url));
    if (found === undefined) throw new HttpFault(404, '404: Page Not Found');
    await backend.stream(
      { ...found, query: queryOf(url), command: queryTexts(url, 'command'), isWebSocket: false },
      { signal: lifeOf(reply.raw) },
    );
    throw new HttpFault(500, 'Upgrade request required\n');
  };

const notOffered: Handle = () => {
  throw new HttpFault(501, 'not offered by this version of farlet\n');
};

/** As a buffer, so that the content type stays as the kubelet's, without a charset. */
function sendJson(reply: FastifyReply, text: string | Buffer): FastifyReply {
  return reply.header('content-type', 'application/json').send(Buffer.from(text));
}
