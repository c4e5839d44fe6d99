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
import { restService, TEXT, type RestRoute } from './rest-service.ts';
import { sendPieces, toldErrors } from './send-pieces.ts';

/** Prometheus' text format. */
const METRICS = 'text/plain; version=0.0.4; charset=utf-8';

/** Whom a request is for and from; it has been admitted. */
type AskedBy = (request: FastifyRequest) => Asked;

export function addRoutes(server: FastifyInstance, askedBy: AskedBy): void {
  const backendOf: BackendOf = (request) => askedBy(request).node.backend;
  const json =
    (answer: (backend: Backend) => object): Handle =>
    (request, reply) =>
      sendJson(reply, JSON.stringify(answer(backendOf(request))));
  const podList = json((backend) => backend.podList());
  const runningPods = json((backend) => backend.runningPods());
  const configz = json((backend) => backend.configz());
  const hostLog: Handle = (request, reply) => sendHostLog(askedBy(request).node, request, reply);
  const stream = refusedStream(backendOf);
  addHealth(server, backendOf);
  restService(server, '/pods', [route(GET, '', podList)]);
  restService(server, '/runningpods', [route(GET, '', runningPods)]);
  server.all('/configz', configz);
  addMetrics(server, backendOf);
  restService(server, '/stats', [route(GET_OR_POST, '/summary', summary(backendOf))]);
  restService(server, '/containerLogs', [route(GET, CONTAINER, containerLogs(askedBy))]);
  restService(server, '/run', inContainer(POST, runCommand(backendOf)));
  restService(server, '/checkpoint', [route(POST, CONTAINER, checkpoint(backendOf))]);
  restService(server, '/logs', [route(GET, '', hostLog), route(GET, '/*', hostLog)]);
  restService(server, '/debug/pprof', []);
  restService(server, '/exec', inContainer(GET_OR_POST, stream));
  restService(server, '/attach', inContainer(GET_OR_POST, stream));
  restService(server, '/portForward', [
    route(GET_OR_POST, '/:namespace/:pod', stream),
    route(GET_OR_POST, '/:namespace/:pod/:uid', stream),
  ]);
}

const GET = ['GET'] as const;
const POST = ['POST'] as const;
const GET_OR_POST = ['GET', 'POST'] as const;
const CONTAINER = '/:namespace/:pod/:container';

function route(methods: RestRoute['methods'], path: string, handle: Handle): RestRoute {
  return { path, methods, handle };
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

/** Each a text of metrics of its own. */
const metricTexts: readonly (readonly [
  path: string,
  answer: (backend: Backend, options: Life) => Promise<string>,
])[] = [
  ['/metrics/resource', (backend, options) => backend.resourceMetrics(options)],
  ['/metrics/cadvisor', (backend, options) => backend.cadvisorMetrics(options)],
  ['/metrics/probes', (backend) => backend.proberMetrics()],
  ['/metrics/slis', (backend) => backend.sliMetrics()],
];

function addMetrics(server: FastifyInstance, backendOf: BackendOf): void {
  server.all('/metrics', async (request, reply) => {
    const { text, contentType } = await backendOf(request).metrics();
    return reply.type(contentType).send(text);
  });
  for (const [path, answer] of metricTexts)
    server.all(path, async (request, reply) => {
      const body = await answer(backendOf(request), { signal: lifeOf(reply.raw) });
      return reply.type(METRICS).send(body);
    });
}

type BackendOf = (request: FastifyRequest) => Backend;
type Handle = RestRoute['handle'];

/** With and without the pod's uid. */
function inContainer(methods: RestRoute['methods'], handle: Handle): RestRoute[] {
  return [CONTAINER, '/:namespace/:pod/:uid/:container'].map((path) => route(methods, path, handle));
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

const summary =
  (backendOf: BackendOf): Handle =>
  async (request, reply) => {
    const query = queryOf(request.raw.url ?? '');
    return sendJson(reply, await backendOf(request).summary(query, { signal: lifeOf(reply.raw) }));
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
