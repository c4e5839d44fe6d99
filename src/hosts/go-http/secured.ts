/**
 * TLS over a connection, as a kubelet's clients speak it: whatever certificate is shown, as the question is
 * whether something answers and not who (pkg/probe/http, pkg/kubelet/kubelet.go).
 */
import { constants } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { FarletError } from '../../model/errors.ts';
import { orAbort, withDeadline } from '../../util/abort.ts';
import { readFault, type Connection } from './connection.ts';
import { firstAlert, strangeRecord } from './tls-words.ts';
import { tapped } from './tapped.ts';
import { TlsRecords } from './tls-records.ts';

export interface SecureOptions {
  readonly serverName: string;
  /** offers HTTP/2 besides HTTP/1.1; without it no protocol is named at all */
  readonly offersHttp2: boolean;
  /** Transport.TLSHandshakeTimeout */
  readonly handshakeMs: number | undefined;
}

/** crypto/tls's own list, without what OpenSSL would refuse besides of keys and signatures. */
const CIPHERS =
  'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:' +
  'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:' +
  'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:' +
  'ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:@SECLEVEL=0';

/**
 * Rejects with a FarletError in Go's words, the link's HostError, or the signal's reason; `plain` is then
 * destroyed.
 */
export async function secured(
  { plain, ends }: Connection,
  options: SecureOptions,
  { signal }: { signal: AbortSignal },
): Promise<TLSSocket> {
  const { handshakeMs } = options;
  const timeUp = new FarletError('deadline-exceeded', 'net/http: TLS handshake timeout');
  try {
    if (handshakeMs === undefined) return await orAbort(handshake({ plain, ends }, options), signal);
    return await withDeadline(signal, handshakeMs, 'TLS', (limit) =>
      orAbort(handshake({ plain, ends }, options), limit),
    );
  } catch (error) {
    plain.destroy();
    signal.throwIfAborted();
    throw error instanceof FarletError && error.kind === 'deadline-exceeded' ? timeUp : error;
  }
}

function handshake(
  { plain, ends }: Connection,
  { serverName, offersHttp2 }: SecureOptions,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const records = new TlsRecords();
    const socket = connect({
      socket: tapped(plain, records),
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ciphers: CIPHERS,
      secureOptions: constants.SSL_OP_LEGACY_SERVER_CONNECT,
      ...(offersHttp2 ? { ALPNProtocols: ['h2', 'http/1.1'] } : {}),
      ...nameOf(serverName),
    });
    // stays: what fails later is seen by the reader, or by nobody
    socket.on('error', (error) => {
      reject(handshakeFault(error, records, ends));
    });
    socket.once('close', () => {
      plain.destroy();
      reject(handshakeFault(undefined, records, ends));
    });
    socket.once('secureConnect', () => {
      resolve(socket);
    });
  });
}

/** No name is sent for an address (crypto/tls hostnameInSNI), nor for what could be none. */
function nameOf(host: string): { servername?: string } {
  const name = host.replace(/\.+$/, '');
  const isName = isIP(name) === 0 && !name.includes('%') && name.length > 0 && name.length < 256;
  return isName ? { servername: name } : {};
}

function handshakeFault(error: unknown, records: TlsRecords, ends: string): Error {
  const strange = strangeRecord(records.first) ?? firstAlert(records.first);
  if (strange !== undefined) return new FarletError('invalid', strange, { cause: error });
  const fault = records.error === undefined ? undefined : readFault(records.error, ends);
  if (fault !== undefined) return fault;
  if (records.isOver)
    return new FarletError('invalid', records.isWhole ? 'EOF' : 'unexpected EOF', { cause: error });
  return readFault(error ?? new Error('EOF'), ends);
}
