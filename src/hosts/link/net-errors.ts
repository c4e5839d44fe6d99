import { own } from '../../model/own.ts';

/** Network errors in the words of Go's net package, which people and tools know from a kubelet's events. */
const words: Record<string, string> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
  ECONNRESET: 'read: connection reset by peer',
  EPIPE: 'write: broken pipe',
  EACCES: 'connect: permission denied',
  EPERM: 'connect: operation not permitted',
  EINVAL: 'connect: invalid argument',
  EADDRNOTAVAIL: 'connect: cannot assign requested address',
};

/** Why a name has no address, as Go's resolver says it. */
const lookupWords: Record<string, string> = {
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'server misbehaving',
};

/** What sshd and nc say where a system call has a code: probes and events go by the codes. */
const spoken: readonly (readonly [RegExp, string])[] = [
  [/Connection refused/i, 'ECONNREFUSED'],
  [/No route to host/i, 'EHOSTUNREACH'],
  [/Network is unreachable/i, 'ENETUNREACH'],
  [/timed out/i, 'ETIMEDOUT'],
  [/Permission denied/i, 'EACCES'],
  [/Operation not permitted/i, 'EPERM'],
  [/Temporary failure in name resolution/i, 'EAI_AGAIN'],
  [/Name or service not known|Name does not resolve|No address associated|no such host/i, 'ENOTFOUND'],
];

/** What a program at the host said of a connection, as an error with the code that its words stand for. */
export function spokenError(text: string, options?: ErrorOptions): Error {
  const code = spoken.find(([pattern]) => pattern.test(text))?.[1];
  const error: Error & { code?: string } = new Error(text, options);
  if (code !== undefined) error.code = code;
  return error;
}

/** The system error code behind an error, however deep. */
export function errorCode(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if ('code' in at && typeof at.code === 'string' && at.code.startsWith('E')) return at.code;
  }
  return undefined;
}

/** Why host and port make no address, in the words of Go's net.SplitHostPort. */
export class MalformedAddress extends Error {}

export function dialError(address: string, error: unknown): string {
  const code = errorCode(error);
  const lookup = code === undefined ? undefined : own(lookupWords, code);
  if (lookup !== undefined)
    return `dial tcp: lookup ${address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')}: ${lookup}`;
  const malformed =
    error instanceof Error && error.cause instanceof MalformedAddress ? error.cause : undefined;
  if (malformed !== undefined) return `dial tcp: address ${address}: ${malformed.message}`;
  const text = code === undefined ? undefined : own(words, code);
  return `dial tcp ${address}: ${text ?? (error instanceof Error ? error.message : String(error))}`;
}

/** host:port, with brackets around IPv6. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${String(port)}` : `${host}:${String(port)}`;
}
