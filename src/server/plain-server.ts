/** farlet's own plain ports: health for probes of farlet's pod, metrics for Prometheus. */
import { Readable } from 'node:stream';
import fastify, { type FastifyInstance } from 'fastify';

export interface PlainRoutes {
  /** sentences that say what is wrong; none: healthy */
  readonly healthProblems?: () => readonly string[];
  /** made piece by piece, as fast as they are read */
  readonly metrics?: () => { pieces: AsyncIterable<string>; contentType: string };
}

export async function listenPlain(
  routes: PlainRoutes,
  address: { host: string; port: number },
): Promise<FastifyInstance> {
  const server = fastify({ logger: false });
  const { healthProblems, metrics } = routes;
  if (healthProblems !== undefined) {
    server.get('/healthz', (_request, reply) => {
      const problems = healthProblems();
      return reply
        .code(problems.length === 0 ? 200 : 500)
        .type('text/plain; charset=utf-8')
        .send(problems.length === 0 ? 'ok' : `${problems.join('\n')}\n`);
    });
  }
  if (metrics !== undefined) {
    server.get('/metrics', (_request, reply) => {
      const { pieces, contentType } = metrics();
      return reply.type(contentType).send(Readable.from(pieces));
    });
  }
  await server.listen(address);
  return server;
}
