/**
 * farlet's own plain ports: health for probes of farlet's pod, metrics for Prometheus. Nobody is asked who
 * they are, so little can be had.
 */
import { Readable } from 'node:stream';
import fastify from 'fastify';
import { inOne } from '../../util/in-one.ts';
import { Connections } from './connections.ts';
import { TEXT } from './rest-service.ts';

export interface PlainRoutes {
  /** sentences that say what is wrong; none: healthy */
  readonly healthProblems?: () => readonly string[];
  /** made piece by piece, others having their turn in between */
  readonly metrics?: () => { pieces: AsyncIterable<string>; contentType: string };
}

export interface PlainServer {
  readonly port: number;
  readonly connections: number;
  close(): Promise<void>;
}

/** A new one takes the place of the oldest. */
const MAX_CONNECTIONS = 64;
const ASK_MS = 10_000;
/** Neither asked for nor read anything for so long. */
const IDLE_MS = 30_000;

export async function listenPlain(
  { healthProblems, metrics }: PlainRoutes,
  address: { host: string; port: number },
): Promise<PlainServer> {
  const connections = new Connections({ strangers: MAX_CONNECTIONS, all: MAX_CONNECTIONS });
  const server = fastify({
    logger: false,
    bodyLimit: 1024,
    connectionTimeout: IDLE_MS,
    requestTimeout: ASK_MS,
    http: { headersTimeout: ASK_MS, connectionsCheckingInterval: ASK_MS },
  });
  connections.follow(server.server);
  if (healthProblems !== undefined) {
    // that it turns is all that a restart could mend: who waits for its lease or the API server does so again
    server.get('/livez', (_request, reply) => reply.type(TEXT).send('ok'));
    server.get('/healthz', (_request, reply) => {
      const problems = healthProblems();
      return reply
        .code(problems.length === 0 ? 200 : 500)
        .type(TEXT)
        .send(problems.length === 0 ? 'ok' : `${problems.join('\n')}\n`);
    });
  }
  if (metrics !== undefined) {
    const scrape = inOne(async () => {
      const { pieces, contentType } = metrics();
      const made: Buffer[] = [];
      for await (const piece of pieces) made.push(Buffer.from(piece));
      return { pieces: made, contentType };
    });
    server.get('/metrics', async (_request, reply) => {
      const { pieces, contentType } = await scrape();
      return reply.type(contentType).send(Readable.from(pieces, { objectMode: false }));
    });
  }
  await server.listen(address);
  const bound = server.server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : address.port,
    get connections() {
      return connections.size;
    },
    close: async () => {
      connections.closeAll();
      await server.close();
    },
  };
}
