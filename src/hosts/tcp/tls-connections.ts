/** The TLS connections of a tcp link: to the runtime, and to its streaming server. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { HostError, messageOf } from '../../model/errors.ts';
import { parseTcpEndpoint } from '../../model/tcp-endpoint.ts';
import type { Clock } from '../../util/clock.ts';
import type { Followed, FollowedFiles } from '../../util/followed-files.ts';
import type { DialTarget } from '../link/dial-target.ts';
import { streamTarget } from '../link/stream-target.ts';
import { sumOfTraffic, type LinkTraffic } from '../link/traffic.ts';
import { connectTls, tlsWhere } from './tls-connect.ts';
import { tlsFault } from './tls-fault.ts';
import { followTlsFiles, type TlsFiles, type TlsMaterial } from './tls-files.ts';

export interface TlsConnectionsOptions {
  /** of the host */
  readonly name: string;
  readonly endpoint: string;
  readonly tls: TlsFiles;
  readonly followed: FollowedFiles;
  readonly clock: Pick<Clock, 'after' | 'now'>;
}

/** The TLS connections of one link, and why the last one to the runtime failed. */
export class TlsConnections {
  readonly #options: TlsConnectionsOptions;
  readonly #endpoint: DialTarget;
  readonly #material: Followed<TlsMaterial>;
  fault: string | undefined;
  /** connections to the runtime so far */
  made = 0;
  readonly #open = new Set<Socket>();
  /** over connections that have ended */
  #past: LinkTraffic = { received: 0, sent: 0 };

  /** @throws HostError `invalid` on an endpoint that app/config/load.ts would have refused */
  constructor(options: TlsConnectionsOptions) {
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
