/** One TLS connection to a host, with certificates on both sides. */
import { connect, type TLSSocket } from 'node:tls';
import { HostError } from '../../model/errors.ts';
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
  return new Promise((resolve, reject) => {
    let socket: TLSSocket | undefined;
    const end = (): void => {
      cancelTimer();
      signal.removeEventListener('abort', abort);
    };
    const fail = (error: unknown): void => {
      end();
      socket?.on('error', () => undefined);
      socket?.destroy();
      reject(tlsFault(error, { host, where, files }));
    };
    const abort = (): void => {
      end();
      socket?.on('error', () => undefined);
      socket?.destroy();
      reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
    };
    const closed = (): void => {
      fail(new Error('the host closed the connection'));
    };
    const cancelTimer = clock.after(ATTEMPT_MS, () => {
      fail(new HostError('unavailable', host, `${where}: no answer within ${String(ATTEMPT_MS / 1000)}s`));
    });
    signal.addEventListener('abort', abort, { once: true });
    try {
      socket = connect({
        host: target.host,
        port: target.port,
        ...material,
        minVersion: 'TLSv1.2',
        ALPNProtocols: [protocol],
        ...(isAddress(target.host) ? {} : { servername: target.host }),
      });
    } catch (error) {
      fail(error);
      return;
    }
    const connected = socket;
    connected.setNoDelay(true);
    connected.setKeepAlive(true, KEEPALIVE_MS);
    connected.once('error', fail).once('close', closed);
    connected.once('secureConnect', () => {
      end();
      connected.off('error', fail).off('close', closed);
      resolve(connected);
    });
  });
}

/** How messages name the connection. */
export function tlsWhere(host: string, { host: to, port }: DialTarget): string {
  return `${host}: tls ${hostPort(to, port)}`;
}

function isAddress(host: string): boolean {
  return /^[\d.]+$|:/.test(host);
}
