/**
 * The link to a host whose runtime listens on TCP with mutual TLS, and of which nothing else can be reached:
 * files, mounts and dials go by way of a helper pod.
 */
import type { CgroupDriver } from '../cri/cgroup-driver.ts';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connectCri } from '../cri/connect.ts';
import { HostError, messageOf } from '../../model/errors.ts';
import type { Log } from '../../model/log.ts';
import { parseTcpEndpoint } from '../../model/tcp-endpoint.ts';
import type { Clock } from '../../util/clock.ts';
import type { Followed, FollowedFiles } from '../../util/followed-files.ts';
import { openExecStream, type ExecStream } from './exec-stream.ts';
import { dialCommand, dialThrough } from './helper-dial.ts';
import { listenInHelper } from './helper-listen.ts';
import { HelperPod } from './helper-pod.ts';
import { helperTrial, onTheHost, type HelperOwner } from './helper-spec.ts';
import { DialLimits, onTheWay } from '../link/dial-limits.ts';
import { checkedTarget, type DialTarget } from '../link/dial-target.ts';
import type { HostLink } from '../link/link.ts';
import type { RequestObserver } from '../link/host-request.ts';
import { RemoteFiles } from '../far/remote-files.ts';
import { endWhenCut } from './silent-cut.ts';
import { bridgeSocket } from '../link/socket-bridge.ts';
import { streamTarget } from '../link/stream-target.ts';
import { sumOfTraffic, type LinkTraffic } from '../link/traffic.ts';
import { connectTls, tlsWhere } from './tls-connect.ts';
import { tlsFault } from './tls-fault.ts';
import { followTlsFiles, type TlsFiles, type TlsMaterial } from './tls-files.ts';
import { limitSignal, withDeadline } from '../../util/abort.ts';

export interface TcpLinkOptions {
  readonly name: string;
  readonly endpoint: string;
  readonly tls: TlsFiles;
  readonly followed: FollowedFiles;
  readonly helperImage: string;
  readonly owner: HelperOwner;
  readonly cgroupDriver: CgroupDriver;
  /** takes the helper off the host when the link is closed, instead of leaving it for the next start */
  readonly temporary: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly onRequest?: RequestObserver | undefined;
}

/** Connections from the host open at a time, each a process there; those beyond wait. */
const WIDTHS = [
  ['probe', 128],
  ['hook', 32],
  ['user', 96],
] as const;
/** Longer than a kernel tries to connect, whose word it is that nobody answers. */
const DIAL_MS = 150_000;
const WITNESS_MS = 2_000;
const TRY_MS = 30_000;
const REMOVE_MS = 20_000;
/** The helper may have to be started first. */
const LISTEN_MS = 60_000;

interface ExecOptions {
  readonly signal: AbortSignal;
  readonly watched?: boolean;
}

/**
 * Nothing is connected before it is needed. Throws on an endpoint that app/config/load.ts would have refused.
 */
export function tcpLink(options: TcpLinkOptions): HostLink {
  const { name, endpoint, clock, temporary } = options;
  const connections = new TlsConnections(options);
  const bridge = bridgeSocket((o) => connections.toRuntime(o));
  const target = `unix:${bridge.path}`;
  const cri = connectCri({ endpoint: { target }, host: name });
  const exec = async (container: string, cmd: readonly string[], o: ExecOptions): Promise<ExecStream> => {
    const { signal, watched = false } = o;
    const { url } = await cri.exec(
      { container_id: container, cmd: [...cmd], tty: false, stdin: true, stdout: true, stderr: true },
      { signal },
    );
    const parsed = new URL(url);
    const socket = await connections.toStream(parsed, { signal });
    return openExecStream({ host: name, url: parsed, socket, clock, watched }, { signal });
  };
  const helper = new HelperPod({
    ...options,
    host: name,
    image: options.helperImage,
    cri,
    fault: () => connections.fault,
    try: (container, { signal }) =>
      tryOut(name, (limit) => exec(container, helperTrial, { signal: limit }), signal),
  });
  /** A command in the helper; once more in a new one if the old one does not take it. */
  const run = async (cmd: readonly string[], o: ExecOptions): Promise<ExecStream> => {
    const container = await helper.container(o);
    try {
      return watch(await exec(container, cmd, o), container);
    } catch (error) {
      o.signal.throwIfAborted();
      helper.doubt(container);
      const again = await helper.container(o);
      if (again === container) throw error;
      return watch(await exec(again, cmd, o), again);
    }
  };
  const watch = (stream: ExecStream, container: string): ExecStream => {
    void stream.ended.then(({ ok }) => {
      if (!ok) helper.doubt(container);
    });
    return stream;
  };
  const files = new RemoteFiles({
    host: name,
    clock,
    onRequest: options.onRequest,
    open: (command, { signal }) => run(onTheHost(command), { signal, watched: true }),
  });
  const dialLimits = new DialLimits(name, WIDTHS);
  return {
    name,
    endpoint,
    cri: () => ({ target }),
    fault: () => connections.fault,
    connections: () => connections.made,
    traffic: () => connections.traffic(),
    problem: (o) => helper.problem(o),
    dial: async (to, { signal, use = 'user' }) => {
      const target = checkedTarget(name, to);
      return dialLimits.open(use, signal, () => dialOne({ name, run }, target, limitSignal(DIAL_MS, signal)));
    },
    witness: () => {
      const { made } = connections;
      // by the same way as dials: the runtime has to be there for both
      const answers = (timeoutMs: number, signal?: AbortSignal): Promise<boolean> =>
        cri.version({ version: '' }, { signal, timeoutMs }).then(
          () => connections.made === made,
          () => false,
        );
      const heard = { first: false };
      void answers(DIAL_MS).then((first) => (heard.first = first));
      return async ({ signal }) => heard.first && answers(WITNESS_MS, signal);
    },
    listen: async (port, { signal, onConnection }) => {
      const life = new AbortController();
      const listener = await withDeadline(signal, LISTEN_MS, `${name}: the helper, to listen`, (limit) =>
        listenInHelper({ host: name, port, run, onConnection, signal: limit, life: life.signal }),
      );
      void listener.ended.then(() => {
        life.abort(new HostError('unavailable', name, `${name}: the helper listens no more`));
      });
      return listener;
    },
    dials: () => dialLimits.usage(),
    dialStream: async (url, o) => {
      const stream = await connections.toStream(url, o);
      endWhenCut(stream, { host: name, target: connections.streamsAt(url), clock });
      return stream;
    },
    files,
    close: async () => {
      files.close();
      helper.close();
      if (temporary) await helper.remove({ signal: limitSignal(REMOVE_MS) }).catch(() => undefined);
      cri.close();
      bridge.close();
      connections.release();
    },
  };
}

/** The TLS connections of one link, and why the last one to the runtime failed. */
class TlsConnections {
  readonly #options: TcpLinkOptions;
  readonly #endpoint: DialTarget;
  readonly #material: Followed<TlsMaterial>;
  fault: string | undefined;
  /** connections to the runtime so far */
  made = 0;
  readonly #open = new Set<Socket>();
  /** over connections that have ended */
  #past: LinkTraffic = { received: 0, sent: 0 };

  constructor(options: TcpLinkOptions) {
    this.#options = options;
    const { name, endpoint } = options;
    const parsed = parseTcpEndpoint(endpoint);
    if ('problem' in parsed) throw new HostError('invalid', name, `${name}: ${endpoint}: ${parsed.problem}`);
    this.#endpoint = parsed;
    this.#material = followTlsFiles(options.tls, options);
  }

  /** New connections are not to be made after this. */
  release(): void {
    this.#material.release();
  }

  /** The runtime tells what it thinks of farlet's certificate on the connection, after it is made. */
  async toRuntime({ signal }: { signal: AbortSignal }): Promise<Duplex> {
    const { name: host, tls: files, clock } = this.#options;
    const target = this.#endpoint;
    try {
      const socket = this.#counted(
        await connectTls(
          { host, files, material: this.#material, clock, target, protocol: 'h2' },
          { signal },
        ),
      );
      this.made += 1;
      socket.once('data', () => {
        this.fault = undefined;
      });
      socket.on('error', (error) => {
        this.fault = tlsFault(error, { host, files, where: tlsWhere(host, target) }).message;
      });
      return socket;
    } catch (error) {
      if (!signal.aborted) this.fault = messageOf(error);
      throw error;
    }
  }

  /** Bytes over all connections so far. */
  traffic(): LinkTraffic {
    return sumOfTraffic(this.#past, ...this.#open);
  }

  #counted<Connection extends Socket>(socket: Connection): Connection {
    this.#open.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#past = sumOfTraffic(this.#past, socket);
    });
    return socket;
  }

  /** Where the runtime's streaming server is, by a URL that it gave out. */
  streamsAt(url: URL): DialTarget {
    return streamTarget(url, { name: this.#options.name, host: this.#endpoint.host });
  }

  async toStream(url: URL, { signal }: { signal: AbortSignal }): Promise<Socket> {
    const { name: host, tls: files, clock } = this.#options;
    const target = this.streamsAt(url);
    try {
      const material = this.#material;
      return this.#counted(
        await connectTls({ host, files, material, clock, target, protocol: 'http/1.1' }, { signal }),
      );
    } catch (error) {
      signal.throwIfAborted();
      throw new HostError(
        error instanceof HostError ? error.kind : 'unavailable',
        host,
        `${messageOf(error)}; this is the runtime's streaming server: see stream_server_address, stream_server_port and x509_key_pair_streaming of its cri plugin, and the firewall`,
        { cause: error },
      );
    }
  }
}

async function tryOut(
  host: string,
  open: (signal: AbortSignal) => Promise<ExecStream>,
  signal: AbortSignal,
): Promise<void> {
  const limit = limitSignal(TRY_MS, signal);
  const { stream, stderr, ended } = await open(limit);
  let said = '';
  stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-1_000);
  });
  stream.on('error', () => undefined).resume();
  const end = (): void => {
    stream.destroy();
  };
  limit.addEventListener('abort', end, { once: true });
  const { ok, text } = await ended;
  limit.removeEventListener('abort', end);
  end();
  signal.throwIfAborted();
  if (ok) return;
  const why = said.includes('lacks') ? said.split('\n')[0] : said.trim() || text;
  throw new HostError(
    'unavailable',
    host,
    `${host}: a command could not be run on the host by way of it: ${why ?? text}; its image needs what busybox has (sh, nsenter, nc, dd, awk, readlink, sleep), and the host needs a shell`,
  );
}

interface Dialer {
  readonly name: string;
  readonly run: (cmd: readonly string[], options: { signal: AbortSignal }) => Promise<ExecStream>;
}

async function dialOne({ name, run }: Dialer, target: DialTarget, signal: AbortSignal): Promise<Duplex> {
  const way = { host: name, what: 'the helper pod', signal };
  const exec = await onTheWay(way, () => run(dialCommand(target), { signal }));
  return dialThrough(exec, { host: name, target, signal });
}
