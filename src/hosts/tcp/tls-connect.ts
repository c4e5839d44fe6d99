/** One TLS connection to a host, with certificates on both sides. */
import { connect, type TLSSocket } from 'node:tls';
import { reasonOf } from '../../util/abort.ts';
import { attempt } from '../../util/attempt.ts';
import type { Clock } from '../../util/clock.ts';
import type { Followed } from '../../util/followed-files.ts';
import type { DialTarget } from '../link/dial-target.ts';
import { hostPort } from '../link/net-errors.ts';
import { tlsFault } from './tls-fault.ts';
import { readTlsFiles, type TlsFiles, type TlsMaterial } from './tls-files.ts';

export interface TlsConnectOptions {
  readonly host: string;
  readonly files: TlsFiles;
  readonly material: Followed<TlsMaterial>;
  readonly clock: Pick<Clock, 'after' | 'now'>;
  readonly target: DialTarget;
  readonly protocol: 'h2' | 'http/1.1';
}

const ATTEMPT_MS = 15_000;
/** With ten probes a second apart after it, a silent cut of an idle connection is noticed within 20 s. */
const KEEPALIVE_MS = 10_000;

/**
 * Resolves with a connection whose other end has been verified. That end judges farlet's certificate only
 * afterwards (TLS 1.3): its refusal is an error on the connection. Rejects with HostError.
 */
export async function connectTls(
  options: TlsConnectOptions,
  { signal }: { signal: AbortSignal },
): Promise<TLSSocket> {
  const { host, files, clock, target, protocol } = options;
  const where = tlsWhere(host, target);
  const material = await readTlsFiles(options.material, { host, files, now: clock.now() });
  signal.throwIfAborted();
  try {
    return await attempt({ signal, limit: { clock, ms: ATTEMPT_MS } }, ({ succeed, fail }) => {
      const socket = connect({
        host: target.host,
        port: target.port,
        ...material,
        minVersion: 'TLSv1.2',
        ALPNProtocols: [protocol],
        ...(isAddress(target.host) ? {} : { servername: target.host }),
      });
      const closed = (): void => {
        fail(new Error('the host closed the connection'));
      };
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEPALIVE_MS);
      socket
        .once('error', fail)
        .once('close', closed)
        .once('secureConnect', () => succeed(socket));
      return ({ isFailure }) => {
        socket.off('error', fail).off('close', closed);
        if (isFailure) socket.on('error', () => undefined).destroy();
      };
    });
  } catch (error) {
    if (signal.aborted) throw reasonOf(signal);
    throw tlsFault(error, { host, where, files });
  }
}

/** How messages name the connection. */
export function tlsWhere(host: string, { host: to, port }: DialTarget): string {
  return `${host}: tls ${hostPort(to, port)}`;
}

function isAddress(host: string): boolean {
  return /^[\d.]+$|:/.test(host);
}
