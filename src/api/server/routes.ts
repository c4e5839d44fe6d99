/** The kubelet API's paths (pkg/kubelet/server/server.go): parse, ask the backend, answer. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Backend } from './backend.ts';
import type { Target } from '../http/stream-request.ts';
import { rootHealth, singleHealth, type HealthAnswer } from './health-checks.ts';
import { sendHostLog } from './host-logs.ts';
import { HttpFault } from '../http/http-fault.ts';
import type { Life } from '../http/stream-request.ts';
import { lifeOf } from './life.ts';
import type { Asked } from './kubelet-router.ts';
import { isFollowed } from './log-query.ts';
import { pathOf, queryOf, queryTexts, streamTarget } from '../http/request-target.ts';
import { restService, TEXT } from './rest-service.ts';
import { sendPieces, toldErrors } from './send-pieces.ts';

/** Prometheus' text format. */
const METRICS = 'text/plain; version=0.0.4; charset=utf-8';

/** Whom a request is for and from; it has been admitted. */
type AskedBy = (request: FastifyRequest) => Asked;

export function addRoutes(server: FastifyInstance, askedBy: AskedBy): void {
  const backendOf = (request: FastifyRequest): Backend => askedBy(request).node.backend;
  addHealth(server, backendOf);
  const json = (answer: (backend: Backend) => object) => (request: FastifyRequest, reply: FastifyReply) =>
    sendJson(reply, JSON.stringify(answer(backendOf(request))));
  const get = ['GET'] as const;
  restService(server, '/pods', [{ path: '', methods: get, handle: json((backend) => backend.podList()) }]);
  restService(server, '/runningpods', [
    { path: '', methods: get, handle: json((backend) => backend.runningPods()) },
  ]);
  server.all(
    '/configz',
    json((backend) => backend.configz()),
  );
  server.all('/metrics', async (request, reply) => {
    const { text, contentType } = await backendOf(request).metrics();
    return reply.type(contentType).send(text);
  });
  const text =
    (answer: (backend: Backend, options: Life) => Promise<string>): Handle =>
    async (request, reply) => {
      const body = await answer(backendOf(request), { signal: lifeOf(reply.raw) });
      return reply.type(METRICS).send(body);
    };
  server.all(
    '/metrics/resource',
    text((backend, rest) => backend.resourceMetrics(rest)),
  );
  server.all(
    '/metrics/cadvisor',
    text((backend, rest) => backend.cadvisorMetrics(rest)),
  );
  server.all(
    '/metrics/probes',
    text((backend) => backend.proberMetrics()),
  );
  server.all(
    '/metrics/slis',
    text((backend) => backend.sliMetrics()),
  );
  const summary: Handle = async (request, reply) =>
    sendJson(
      reply,
      await backendOf(request).summary(queryOf(request.raw.url ?? ''), { signal: lifeOf(reply.raw) }),
    );
  restService(server, '/stats', [{ path: '/summary', methods: ['GET', 'POST'], handle: summary }]);
  restService(server, '/containerLogs', [
    { path: '/:namespace/:pod/:container', methods: get, handle: containerLogs(askedBy) },
  ]);
  restService(server, '/run', inContainer(['POST'], runCommand(backendOf)));
  restService(server, '/checkpoint', [
    { path: '/:namespace/:pod/:container', methods: ['POST'], handle: checkpoint(backendOf) },
  ]);
  const hostLog: Handle = (request, reply) => sendHostLog(askedBy(request).node, request, reply);
  restService(server, '/logs', [
    { path: '', methods: get, handle: hostLog },
    { path: '/*', methods: get, handle: hostLog },
  ]);
  restService(server, '/debug/pprof', []);
  const stream = refusedStream(backendOf);
  restService(server, '/exec', inContainer(['GET', 'POST'], stream));
  restService(server, '/attach', inContainer(['GET', 'POST'], stream));
  restService(server, '/portForward', [
    { path: '/:namespace/:pod', methods: ['GET', 'POST'], handle: stream },
    { path: '/:namespace/:pod/:uid', methods: ['GET', 'POST'], handle: stream },
  ]);
}

function addHealth(server: FastifyInstance, backendOf: BackendOf): void {
  const answer = (reply: FastifyReply, { code, body }: HealthAnswer): FastifyReply =>
    reply.code(code).type(TEXT).send(body);
  server.all('/healthz', (request, reply) => {
    const query = queryOf(request.raw.url ?? '');
    const backend = backendOf(request);
    const checks = backend.healthChecks();
    const excluded = query.getAll('exclude');
    backend.observeHealth(checks.filter(({ name }) => !excluded.includes(name)));
    return answer(reply, rootHealth(checks, query));
  });
  server.all<{ Params: { name: string } }>('/healthz/:name', (request, reply) => {
    const { name } = request.params;
    const check = backendOf(request)
      .healthChecks()
      .find((each) => each.name === name);
    if (check === undefined) reply.callNotFound();
    else answer(reply, singleHealth(check));
  });
}

type BackendOf = (request: FastifyRequest) => Backend;
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
  (askedBy: AskedBy): Handle =>
  async (request, reply) => {
    const { node, user } = askedBy(request);
    const { backend, places, clock } = node;
    const signal = lifeOf(reply.raw);
    const target = targetOf(request);
    const query = queryOf(request.raw.url ?? '');
    if (isFollowed(query)) {
      const release = places.take({ user, pod: `${target.namespace}/${target.pod}` });
      reply.raw.once('close', release);
    }
    const pieces = backend.logs(target, query, { signal });
    reply.hijack();
    // a quiet container must not hold back the headers; the kubelet sends no content type here
    reply.raw.writeHead(200, { 'transfer-encoding': 'chunked' }).flushHeaders();
    await sendPieces(reply.raw, toldErrors(pieces, { signal }), { clock });
  };

const runCommand =
  (backendOf: BackendOf): Handle =>
  async (request, reply) => {
    const [text = ''] = queryTexts(request.raw.url ?? '', 'cmd');
    const output = await backendOf(request).run(targetOf(request), text.split(' '), {
      signal: lifeOf(reply.raw),
    });
    // Go's writeJSONResponse: nothing at all, not even a type, for no bytes
    return output.length === 0 ? reply.code(200).send() : sendJson(reply, output);
  };

const checkpoint =
  (backendOf: BackendOf): Handle =>
  async (request, reply) => {
    const location = await backendOf(request).checkpoint(targetOf(request), queryOf(request.raw.url ?? ''), {
      signal: lifeOf(reply.raw),
    });
    return sendJson(reply, JSON.stringify({ items: [location] }));
  };

/** Requests that do upgrade never get here: the server's upgrade event takes them. */
const refusedStream =
  (backendOf: BackendOf): Handle =>
  async (request, reply) => {
    const url = request.raw.url ?? '';
    const found = streamTarget(pathOf(url));
    if (found === undefined) throw new HttpFault(404, '404: Page Not Found');
    await backendOf(request).stream(
      { ...found, query: queryOf(url), command: queryTexts(url, 'command'), isWebSocket: false },
      { signal: lifeOf(reply.raw) },
    );
    throw new HttpFault(500, 'Upgrade request required\n');
  };

/** As a buffer, so that the content type stays as the kubelet's, without a charset. */
function sendJson(reply: FastifyReply, text: string | Buffer): FastifyReply {
  return reply.header('content-type', 'application/json').send(Buffer.from(text));
}
