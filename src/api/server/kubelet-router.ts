/**
 * The router of the kubelet API, one for all nodes of a process: its routes are the same for each, and take
 * more than a megabyte and 50 ms to set up. Every request is authenticated and authorized first.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import fastify from 'fastify';
import type { Clock } from '../../util/clock.ts';
import { faultOf } from '../http/http-fault.ts';
import { admit, type AdmitOptions } from './admit.ts';
import type { Backend } from './backend.ts';
import { TEXT } from './rest-service.ts';
import { addRoutes } from './routes.ts';
import { READER_MS } from './send-pieces.ts';
import type { StreamLimits } from './stream-limits.ts';

/** A node as its requests are answered. */
export interface ServedNode extends AdmitOptions {
  readonly backend: Backend;
  readonly clock: Pick<Clock, 'after' | 'now'>;
  /** of logs that are followed */
  readonly places: Pick<StreamLimits, 'take'>;
  /** The connection was made under TLS options that are no longer valid. */
  isFormer(socket: Socket): boolean;
  /** It is known who is at the other end. */
  onAdmitted(request: IncomingMessage): void;
}

/** Whom a request is for, and from. */
export interface Asked {
  readonly node: ServedNode;
  /** '' until it is known */
  readonly user: string;
}

export interface Route {
  readonly method: string;
  readonly url: string;
}

/** `node`: whose listener has taken the request. */
export type KubeletRouter = (node: ServedNode, request: IncomingMessage, response: ServerResponse) => void;

/**
 * Namespaces, names, uids and container names are far shorter; fastify's own limit is shorter than a pod's
 * name.
 */
const MAX_SEGMENT = 1024;

/**
 * `onRoute`: told of each route there is, its path as fastify writes it. `readerMs`: who takes nothing of an
 * answer for so long is given up, so that answers don't pile up in memory.
 */
export async function kubeletRouter({
  onRoute,
  readerMs = READER_MS,
}: { onRoute?: (route: Route) => void; readerMs?: number } = {}): Promise<KubeletRouter> {
  const server = fastify({ logger: false, routerOptions: { maxParamLength: MAX_SEGMENT } });
  if (onRoute !== undefined)
    server.addHook('onRoute', ({ method, url }) => {
      for (const each of [method].flat()) onRoute({ method: each, url });
    });
  const all = new WeakMap<IncomingMessage, Asked>();
  const askedBy = (raw: IncomingMessage): Asked => {
    const asked = all.get(raw);
    if (asked === undefined) throw new Error('a request that no listener has taken');
    return asked;
  };
  // no route reads a body, so none is a reason to refuse a request
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume();
    done(null);
  });
  server.addHook('onRequest', async ({ raw }, reply) => {
    const { node } = askedBy(raw);
    if (node.isFormer(raw.socket)) reply.raw.shouldKeepAlive = false;
    const { user } = await admit(node, raw);
    all.set(raw, { node, user });
    node.onAdmitted(raw);
  });
  server.addHook('onSend', ({ raw }, _reply, _payload, done) => {
    // until the answer is out: the listener then sets its own for the next request
    raw.socket.setTimeout(readerMs);
    done();
  });
  server.setErrorHandler((error, _request, reply) => {
    const { code, body, headers } = faultOf(error);
    return reply
      .code(code)
      .headers({ 'content-type': TEXT, ...headers })
      .send(body);
  });
  server.setNotFoundHandler((_request, reply) => reply.code(404).type(TEXT).send('404 page not found\n'));
  addRoutes(server, ({ raw }) => askedBy(raw));
  await server.ready();
  return (node, request, response) => {
    all.set(request, { node, user: '' });
    server.routing(request, response);
  };
}
