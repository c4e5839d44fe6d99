/**
 * A kubelet API on loopback over a backend that a test makes, and raw TLS clients that say what they like.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { connect, type TLSSocket } from 'node:tls';
import type { Log } from '../model/log.ts';
import type { Backend } from '../api/server/backend.ts';
import {
  listenKubelet,
  type KubeletServer,
  type KubeletServerOptions,
} from '../api/server/kubelet-server.ts';
import { kubeletRouter } from '../api/server/kubelet-router.ts';
import { ServingTls, type ServingTlsOptions } from '../api/server/serving-tls.ts';
import { Strangers } from '../api/server/strangers.ts';
import { systemClock } from '../util/clock.ts';
import { FollowedFiles } from '../util/followed-files.ts';
import * as certificates from './certificates.ts';
import { quietLog } from './fixtures.ts';

const nothing = (): never => {
  throw new Error('not asked for in this test');
};

/** Knows the token `good` as user `robot`, and lets everybody do everything. */
export const openBackend: Backend = {
  identify: (token) => Promise.resolve(token === 'good' ? { user: 'robot', groups: [] } : undefined),
  enterVerb: 'create',
  isAllowed: () => Promise.resolve(true),
  podList: () => ({ items: [] }),
  runningPods: () => ({ items: [] }),
  configz: () => ({}),
  metrics: () => Promise.resolve({ text: 'up 1\n', contentType: 'text/plain' }),
  summary: () => Promise.resolve('{}'),
  resourceMetrics: () => Promise.resolve('up 1\n'),
  cadvisorMetrics: () => Promise.resolve('up 1\n'),
  proberMetrics: () => Promise.resolve('up 1\n'),
  sliMetrics: () => Promise.resolve('up 1\n'),
  observeHealth: () => undefined,
  healthChecks: () => [{ name: 'ping', problem: undefined }],
  logs: nothing,
  run: nothing,
  checkpoint: nothing,
  hostLog: () => Promise.resolve(undefined),
  stream: nothing,
};

let opened: ReturnType<typeof kubeletRouter> | undefined;
/** One for all of a process, as in farlet. */
const router = (): ReturnType<typeof kubeletRouter> => (opened ??= kubeletRouter());

export interface TestServer extends KubeletServer {
  /** where its files are: tls.crt, tls.key, ca.crt */
  readonly folder: string;
  readonly tls: ServingTls;
  /** A client, connected; raw bytes in, raw bytes out. */
  connect(as?: certificates.TestPair): Promise<TestClient>;
}

export interface TestServerOptions {
  readonly backend?: Partial<Backend>;
  /** false: no clientCAFile */
  readonly withCa?: boolean;
  readonly log?: Log;
  readonly tls?: Partial<ServingTlsOptions>;
  readonly server?: Partial<KubeletServerOptions>;
}

export async function startKubelet(options: TestServerOptions = {}): Promise<TestServer> {
  const { backend = {}, log = quietLog } = options;
  const folder = mkdtempSync(`${tmpdir()}/farlet-server-`);
  const tls = await openTls(folder, options);
  const observer = {
    began: () => undefined,
    ended: () => undefined,
    open: () => undefined,
    refused: () => undefined,
  };
  const server = await listenKubelet(
    {
      router: await router(),
      strangers: new Strangers({ clock: systemClock }),
      backend: { ...openBackend, ...backend },
      log,
      clock: systemClock,
      observer,
      tls,
      acceptsTokens: true,
      idleMs: 0,
      ...options.server,
    },
    { host: '127.0.0.1', port: 0 },
  );
  const clients: TestClient[] = [];
  return {
    port: server.port,
    get connections() {
      return server.connections;
    },
    folder,
    tls,
    connect: async (as) => {
      const client = await TestClient.connect(server.port, as);
      clients.push(client);
      return client;
    },
    close: async () => {
      await server.close();
      for (const client of clients) client.socket.destroy();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A certificate and client CAs from files in the folder. */
async function openTls(folder: string, options: TestServerOptions): Promise<ServingTls> {
  const { withCa = true, log = quietLog } = options;
  const files = { cert: `${folder}/tls.crt`, key: `${folder}/tls.key` };
  writeFileSync(files.cert, certificates.serving.cert);
  writeFileSync(files.key, certificates.serving.key);
  writeFileSync(`${folder}/ca.crt`, certificates.ca);
  return ServingTls.open({
    files,
    names: { node: 'edge-1', addresses: () => ['127.0.0.1'] },
    clientCaFile: withCa ? `${folder}/ca.crt` : undefined,
    minVersion: 'VersionTLS12',
    cipherSuites: [],
    followed: new FollowedFiles({ clock: systemClock, log }),
    log,
    clock: systemClock,
    ...options.tls,
  });
}

export class TestClient {
  readonly socket: TLSSocket;
  #bytes = Buffer.alloc(0);
  #isOver = false;
  #wake: () => void = () => undefined;

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    for (const event of ['end', 'close'])
      socket.on(event, () => {
        this.#isOver = true;
        this.#wake();
      });
  }

  /** Keeps its end open when the server ends, as a client that means harm or has gone to sleep. */
  static connect(port: number, as?: certificates.TestPair): Promise<TestClient> {
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true, ...as };
    return new Promise((resolve, reject) => {
      const socket = connect(options, () => {
        resolve(new TestClient(socket));
      });
      socket.once('error', reject);
    });
  }

  get received(): Buffer {
    return this.#bytes;
  }

  write(data: string | Buffer): void {
    this.socket.write(data);
  }

  /** A request's head without more; asks for an upgrade if `upgrade` says to what. */
  ask(line: string, headers: readonly string[] = []): void {
    this.write([`${line} HTTP/1.1`, 'Host: kubelet', ...headers, '', ''].join('\r\n'));
  }

  /** All that came, once that contains `text` or the server has ended. */
  async until(text?: string | RegExp): Promise<string> {
    const isThere = (): boolean => {
      if (text === undefined) return false;
      const all = this.#bytes.toString('latin1');
      return typeof text === 'string' ? all.includes(text) : text.test(all);
    };
    while (!isThere() && !this.#isOver) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#bytes.toString('latin1');
  }
}

export const spdy = [
  'Connection: Upgrade',
  'Upgrade: SPDY/3.1',
  'X-Stream-Protocol-Version: v4.channel.k8s.io',
];
