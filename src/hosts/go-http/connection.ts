/** A connection to what a URL names, opened from the host, and the words for what goes wrong on it. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { domainToASCII } from 'node:url';
import { TargetError, type Dial } from '../link/dial-target.ts';
import { dialError, errorCode, hostPort } from '../link/net-errors.ts';
import { FarletError, HostError, messageOf } from '../../model/errors.ts';
import { textOf } from './byte-string.ts';
import type { GoUrl } from './url.ts';
import { hostAndPort } from './url-text.ts';
import { tlsWords } from './tls-words.ts';

export interface Connection {
  readonly plain: Duplex;
  /** how errors name both its ends */
  readonly ends: string;
}

/**
 * Rejects with a FarletError in Go's words if the target does not take it; with the link's own HostError if
 * the way to its host does not let it be tried; with the signal's reason.
 */
export async function connectTo(
  dial: Dial,
  url: GoUrl,
  { signal }: { signal: AbortSignal },
): Promise<Connection> {
  const { host, port } = targetOf(url);
  if (Number(port) > 65_535) throw fault(`dial tcp: address ${port}: invalid port`);
  const target = { host, port: Number(port) };
  try {
    const plain = await dial(target, { signal });
    return { plain, ends: endsOf(plain) };
  } catch (error) {
    signal.throwIfAborted();
    if (isOfTheWay(error)) throw error;
    throw fault(dialError(hostPort(target.host, target.port), error), error);
  }
}

/** Host and digits of the port, the scheme's own if none is named. */
export function targetOf(url: GoUrl): { host: string; port: string } {
  const { host, port } = hostAndPort(url);
  const name = textOf(host);
  const ascii = /^[\x00-\x7f]*$/.test(name) ? name : domainToASCII(name) || name;
  return { host: ascii, port: port === '' ? (url.scheme === 'https' ? '443' : '80') : port };
}

/** What a broken connection is called (net.OpError), or the link's own HostError as it is. */
export function readFault(error: unknown, ends: string): Error {
  const code = errorCode(error);
  if (isOfTheWay(error)) return error;
  const tls = tlsWords(error);
  if (tls !== undefined) return fault(tls, error);
  const words = code === undefined ? undefined : readWords.get(code);
  return words === undefined ? fault(messageOf(error), error) : fault(`read tcp ${ends}${words}`, error);
}

const readWords = new Map([
  ['ECONNRESET', 'read: connection reset by peer'],
  ['EPIPE', 'read: connection reset by peer'],
  ['ETIMEDOUT', 'read: connection timed out'],
  ['EHOSTUNREACH', 'read: no route to host'],
]);

/** Both addresses where they are known: those of a connection that another host opened are not. */
function endsOf(plain: Duplex): string {
  if (!(plain instanceof Socket)) return '';
  const { localAddress, localPort, remoteAddress, remotePort } = plain;
  if (localAddress === undefined || remoteAddress === undefined) return '';
  return `${hostPort(localAddress, localPort ?? 0)}->${hostPort(remoteAddress, remotePort ?? 0)}: `;
}

/** Whether the way to the host is at fault, of which the target knows nothing. */
function isOfTheWay(error: unknown): error is HostError {
  return error instanceof HostError && !(error instanceof TargetError);
}

function fault(message: string, cause?: unknown): FarletError {
  return new FarletError('unavailable', message, { cause });
}
