/** The Host header as Go makes it of a host, which need not be one. Byte strings. Pure. */
import { FarletError } from '../../model/errors.ts';
import { textOf } from './byte-string.ts';
import { punycode } from './punycode.ts';

const hostBytes = /^[0-9A-Za-z!$%&()*+,\-.:;='[\]_~]*$/;

/**
 * Labels beyond ASCII in punycode, without the zone of an address; empty where it would be no valid header.
 * Throws FarletError `invalid` for what is no text.
 */
export function hostHeader(host: string): string {
  const ascii = asciiHost(host);
  return isHostHeader(ascii) ? withoutZone(ascii) : '';
}

/** httpguts.ValidHostHeader */
export function isHostHeader(host: string): boolean {
  return hostBytes.test(host);
}

/** The host, of host or host:port, in ASCII (httpguts.PunycodeHostPort). */
export function asciiHost(hostPort: string): string {
  if (isAscii(hostPort)) return hostPort;
  const { host, port } = /^(?<host>[^:]*):(?<port>[^:]*)$/.exec(hostPort)?.groups ?? { host: hostPort };
  const ascii = textOf(host ?? '')
    .split('.')
    .map((label) => {
      if (!label.isWellFormed())
        throw new FarletError('invalid', `idna: invalid label ${JSON.stringify(label.toWellFormed())}`);
      return isAscii(label) ? label : `xn--${punycode(label)}`;
    })
    .join('.');
  return port === undefined || port === '' ? ascii : `${ascii}:${port}`;
}

export function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}

function withoutZone(host: string): string {
  const close = host.startsWith('[') ? host.lastIndexOf(']') : -1;
  const zone = close < 0 ? -1 : host.slice(0, close).lastIndexOf('%');
  return zone < 0 ? host : host.slice(0, zone) + host.slice(close);
}
