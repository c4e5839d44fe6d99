/** The kubelet API of one virtual node (pkg/kubelet/server/server.go): its listener, and who may use it. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Log } from '../../model/log.ts';
import type { Clock } from '../../util/clock.ts';
import type { Backend } from './backend.ts';
import { Connections } from './connections.ts';
import { answerClientError, createHttpsServer } from './https-server.ts';
import type { KubeletRouter, ServedNode } from './kubelet-router.ts';
import { observeRequests, type RequestObserver } from './observe-requests.ts';
import { Refusals } from './refusals.ts';
import type { ServingTls } from './serving-tls.ts';
import { logLimits, StreamLimits, streamLimits, type LimitName } from './stream-limits.ts';
import { TlsRenewal } from './tls-renewal.ts';
import type { Strangers } from './strangers.ts';
import { serveUpgrade } from './upgrades.ts';

/** What there is to count of streams; `kind`: stream or log. */
export interface StreamObserver {
  open(kind: 'stream' | 'log', count: number): void;
  refused(kind: 'stream' | 'log', limit: LimitName): void;
}

export interface KubeletServerOptions {
  /** shared with the other nodes */
  readonly router: KubeletRouter;
  readonly strangers: Strangers;
  readonly backend: Backend;
  readonly log: Log;
  readonly clock: Clock;
  readonly observer: RequestObserver & StreamObserver;
  readonly tls: ServingTls;
  readonly acceptsTokens: boolean;
  /** streamingConnectionIdleTimeout, ms */
  readonly idleMs: number;
  readonly limits?: { readonly stream: typeof streamLimits; readonly log: typeof logLimits };
}

export interface KubeletServer {
  readonly port: number;
  /** how many are connected */
  readonly connections: number;
  /** Ends all connections, whatever they are used for. */
  close(): Promise<void>;
}

export async function listenKubelet(
  options: KubeletServerOptions,
  { host, port }: { host: string; port: number },
): Promise<KubeletServer> {
  const { router, backend, tls, log, clock, observer, idleMs } = options;
  const connections = new Connections(undefined, options.strangers);
  const renewal = new TlsRenewal();
  const limits = limitsOf(options);
  const refusals = refusalsOf(options);
  const onAdmitted = ({ socket }: IncomingMessage): void => {
    connections.trust(socket);
  };
  const shared = { backend, refusals, log, clock, onAdmitted };
  const node: ServedNode = { ...shared, places: limits.log, isFormer: renewal.isFormer.bind(renewal) };
  const listener = createHttpsServer(tls.serverOptions(), (request, response) => {
    router(node, request, response);
  });
  connections.follow(listener);
  renewal.add(listener);
  observeRequests(listener, { observer, clock });
  listener
    .on('clientError', (error, socket) => {
      answerClientError(error, socket, clock);
    })
    .on('upgrade', (request: IncomingMessage, client: Duplex, head: Buffer) => {
      serveUpgrade({ ...shared, limits: limits.stream, idleMs }, { request, client, head });
    });
  // a name would be looked up, and one of its addresses taken
  listener.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port });
  await once(listener, 'listening').catch((error: unknown) => {
    tls.release();
    throw error;
  });
  const life = new AbortController();
  void tls.follow(renewal.renew.bind(renewal), { signal: life.signal });
  return {
    port: (listener.address() as AddressInfo).port,
    get connections() {
      return connections.size;
    },
    close: async () => {
      life.abort(new Error('the server has closed'));
      const closed = once(listener, 'close');
      listener.close();
      connections.closeAll();
      await closed;
    },
  };
}

function refusalsOf({ tls, acceptsTokens, log, clock }: KubeletServerOptions): Refusals {
  return new Refusals({
    log,
    clock,
    hasClientCa: tls.serverOptions().requestCert === true,
    acceptsTokens,
    caProblem: () => tls.caProblem(),
  });
}

function limitsOf({ observer, limits }: KubeletServerOptions): Record<'stream' | 'log', StreamLimits> {
  const { stream, log } = limits ?? { stream: streamLimits, log: logLimits };
  const observed = (kind: 'stream' | 'log') => ({
    onCount: (count: number) => {
      observer.open(kind, count);
    },
    onRefused: (limit: LimitName) => {
      observer.refused(kind, limit);
    },
  });
  return {
    stream: new StreamLimits({ what: 'streams', limits: stream, ...observed('stream') }),
    log: new StreamLimits({ what: 'followed logs', limits: log, ...observed('log') }),
  };
}
