/**
 * Paths with the answers of the kubelet's router (go-restful): a known path with another method is 405, an
 * unknown one below a service's root 404 with that router's text, a slash at the end is nothing.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

export const TEXT = 'text/plain; charset=utf-8';

type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown;

export interface RestRoute {
  /** as fastify writes it, below the root; '' for the root itself */
  readonly path: string;
  readonly methods: readonly ('GET' | 'POST')[];
  readonly handle: Handler;
}

export function restService(server: FastifyInstance, root: string, routes: readonly RestRoute[]): void {
  for (const { path, methods, handle } of routes) {
    for (const url of withSlash(root + path)) {
      server.route({ method: [...methods], url, exposeHeadRoute: false, handler: handle });
      server.route({
        method: server.supportedMethods.filter((method) => !methods.some((each) => each === method)),
        url,
        exposeHeadRoute: false,
        handler: (_request, reply) =>
          reply.code(405).header('allow', methods.join(', ')).type(TEXT).send('405: Method Not Allowed'),
      });
    }
  }
  const unknown = [root, `${root}/*`].filter((url) => !routes.some(({ path }) => root + path === url));
  for (const url of unknown)
    server.all(url, (_request, reply) => reply.code(404).type(TEXT).send('404: Page Not Found'));
}

function withSlash(url: string): string[] {
  return url.endsWith('*') ? [url] : [url, `${url}/`];
}
