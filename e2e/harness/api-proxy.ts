/**
 * What may stand between farlet and an API server: something that answers itself, and a way that swallows
 * what is sent.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent, request as forward } from 'node:https';
import {
  connect,
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import type { ControlPlane } from './control-plane.ts';

/**
 * Answers a request itself and says so, or leaves it to the API server. `body` is what the request carries.
 */
export type Intercept = (request: IncomingMessage, response: ServerResponse, body: string) => boolean;

export interface AnsweringProxy {
  /** for farlet: plain HTTP to this proxy */
  readonly kubeconfig: string;
  intercept: Intercept;
  /** ends every answer that is under way */
  breakAll(): void;
  stop(): void;
}

export async function startAnsweringProxy(plane: ControlPlane, name: string): Promise<AnsweringProxy> {
  const pki = `${plane.folder}/pki`;
  const agent = new Agent({
    ca: readFileSync(plane.clientCa),
    cert: readFileSync(`${pki}/admin.crt`),
    key: readFileSync(`${pki}/admin.key`),
    keepAlive: true,
  });
  const underWay = new Set<ServerResponse>();
  const pass = (request: IncomingMessage, response: ServerResponse, body: string): void => {
    const { host: _host, ...headers } = request.headers;
    const onward = forward(
      plane.server + (request.url ?? ''),
      { agent, method: request.method ?? 'GET', headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
        answer.on('error', () => response.destroy());
      },
    );
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    onward.end(body);
  };
  const server = createServer((request, response) => {
    underWay.add(response);
    response.on('close', () => underWay.delete(response));
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      if (!proxy.intercept(request, response, body)) pass(request, response, body);
    });
  });
  const port = await listen(server);
  const kubeconfig = `${plane.folder}/${name}.kubeconfig`;
  const named = (kind: string, value: object): object[] => [{ name: 'proxy', [kind]: value }];
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'proxy' },
      clusters: named('cluster', { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true }),
      users: named('user', {}),
      contexts: named('context', { cluster: 'proxy', user: 'proxy' }),
    }),
  );
  const proxy: AnsweringProxy = {
    kubeconfig,
    intercept: () => false,
    breakAll: () => {
      for (const response of underWay) response.destroy();
    },
    stop: () => {
      server.closeAllConnections();
      server.close();
      agent.destroy();
    },
  };
  return proxy;
}

export interface SwallowingWay {
  /** for farlet: TLS to the API server through this way */
  readonly kubeconfig: string;
  /** From now on nothing passes on the connections that there are, and neither end is told. New ones work. */
  swallow(): number;
  stop(): void;
}

export async function startSwallowingWay(plane: ControlPlane, name: string): Promise<SwallowingWay> {
  const { hostname, port: apiPort } = new URL(plane.server);
  const ways = new Set<{ near: Socket; far: Socket }>();
  const server = createTcpServer((near) => {
    const far = connect(Number(apiPort), hostname);
    const way = { near, far };
    ways.add(way);
    near.pipe(far);
    far.pipe(near);
    for (const socket of [near, far]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        ways.delete(way);
        near.destroy();
        far.destroy();
      });
    }
  });
  const port = await listen(server);
  const kubeconfig = `${plane.folder}/${name}.kubeconfig`;
  writeFileSync(
    kubeconfig,
    readFileSync(plane.kubeconfig, 'utf8').replaceAll(plane.server, `https://127.0.0.1:${port}`),
  );
  return {
    kubeconfig,
    swallow: () => {
      for (const { near, far } of ways) {
        near.unpipe(far);
        far.unpipe(near);
        near.resume();
        far.resume();
      }
      return ways.size;
    },
    stop: () => {
      for (const { near, far } of ways) {
        near.destroy();
        far.destroy();
      }
      server.close();
    },
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
