/** grpc.health.v1 as a server would have it, on every address of this machine. */
import { Server, ServerCredentials, status, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';

export interface HealthServer {
  readonly port: number;
  /** by service; those without an entry are not known */
  readonly services: Map<string, 'SERVING' | 'NOT_SERVING'>;
  /** User-Agents that asked about a service */
  readonly agents: Map<string, string>;
  close(): void;
}

/** HealthCheckResponse{status = 1} */
const answers = { SERVING: Buffer.from([8, 1]), NOT_SERVING: Buffer.from([8, 2]) };

export async function startHealthServer(): Promise<HealthServer> {
  const server = new Server();
  const services: HealthServer['services'] = new Map();
  const agents = new Map<string, string>();
  const asItIs = (bytes: Buffer): Buffer => bytes;
  server.addService(
    {
      Check: {
        path: '/grpc.health.v1.Health/Check',
        requestStream: false,
        responseStream: false,
        requestSerialize: asItIs,
        requestDeserialize: asItIs,
        responseSerialize: asItIs,
        responseDeserialize: asItIs,
      },
    },
    {
      Check: ({ request, metadata }: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>): void => {
        // HealthCheckRequest{service = 1}, with a name of less than 128 bytes
        const service = request.subarray(2).toString();
        agents.set(service, String(metadata.get('user-agent')[0]));
        const answer = services.get(service);
        if (answer === undefined) done({ code: status.NOT_FOUND, details: 'unknown service' });
        else done(null, answers[answer]);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('0.0.0.0:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    port,
    services,
    agents,
    close: () => {
      server.forceShutdown();
    },
  };
}
