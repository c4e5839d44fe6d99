/** TLS failures in the words of Go's crypto/tls. Pure. */
import { messageOf } from '../../model/errors.ts';

const alerts = new Map([
  [0, 'close notify'],
  [10, 'unexpected message'],
  [20, 'bad record MAC'],
  [21, 'decryption failed'],
  [22, 'record overflow'],
  [30, 'decompression failure'],
  [40, 'handshake failure'],
  [42, 'bad certificate'],
  [43, 'unsupported certificate'],
  [44, 'revoked certificate'],
  [45, 'expired certificate'],
  [46, 'unknown certificate'],
  [47, 'illegal parameter'],
  [48, 'unknown certificate authority'],
  [49, 'access denied'],
  [50, 'error decoding message'],
  [51, 'error decrypting message'],
  [60, 'export restriction'],
  [70, 'protocol version not supported'],
  [71, 'insufficient security level'],
  [80, 'internal error'],
  [86, 'inappropriate fallback'],
  [90, 'user canceled'],
  [100, 'no renegotiation'],
  [109, 'missing extension'],
  [110, 'unsupported extension'],
  [111, 'certificate unobtainable'],
  [112, 'unrecognized name'],
  [113, 'bad certificate status response'],
  [114, 'bad certificate hash value'],
  [115, 'unknown PSK identity'],
  [116, 'certificate required'],
  [120, 'no application protocol'],
  [121, 'encrypted client hello required'],
]);

/** What the other end said, by the alert's number (RFC 8446, 6.2). */
export function alertWords(alert: number): string {
  return `remote error: tls: ${alerts.get(alert) ?? `alert(${String(alert)})`}`;
}

/** What the other end said instead of a handshake: an alert that is no mere warning. */
export function firstAlert(first: Buffer): string | undefined {
  const [type, , , , length, level, alert = 0] = first;
  return type === 21 && length === 2 && level === 2 && first.length >= 7 ? alertWords(alert) : undefined;
}

/** undefined if it is no failure of TLS. */
export function tlsWords(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  if (typeof error.code !== 'string' || !/^ERR_(SSL|OSSL)_|^EPROTO$/.test(error.code)) return undefined;
  const alert = /SSL alert number (\d+)/.exec(messageOf(error))?.[1];
  if (alert !== undefined) return alertWords(Number(alert));
  if (error.code.includes('BAD_RECORD_MAC')) return 'local error: tls: bad record MAC';
  if ('reason' in error && typeof error.reason === 'string') return `tls: ${error.reason}`;
  return `tls: ${messageOf(error).split('\n')[0] ?? ''}`;
}

/**
 * Why the first bytes of an answer are no TLS (crypto/tls readRecordOrCCS); undefined if they may be, or are
 * too few.
 */
export function strangeRecord(first: Buffer): string | undefined {
  if (first.length < 5) return undefined;
  const [type = 0, major = 0] = first;
  if (type === 0x80) return 'tls: unsupported SSLv2 handshake received';
  if (first.toString('latin1', 0, 5) === 'HTTP/') return 'http: server gave HTTP response to HTTPS client';
  if ((type !== 21 && type !== 22) || major >= 0x10)
    return 'tls: first record does not look like a TLS handshake';
  if (type === 22 && first.length >= 11 && first[5] === 2) return oldVersion(first.readUInt16BE(9));
  return undefined;
}

function oldVersion(version: number): string | undefined {
  return version < 0x0303
    ? `tls: server selected unsupported protocol version ${version.toString(16)}`
    : undefined;
}
