/** What goes over the wire for a GET, byte by byte as net/http writes it. Pure. */
import { FarletError } from '../../model/errors.ts';
import { quoted, withoutSpace } from './byte-string.ts';
import { firstValue, hasListed, isFieldName, isFieldValue, type Header } from './header.ts';
import { hostHeader } from './host-header.ts';
import type { GetRequest } from './request.ts';
import { hasControl } from './url.ts';
import { requestUri } from './url-text.ts';

/** How a kubelet's two clients differ: that of probes closes, that of hooks asks for gzip. */
export interface WireOptions {
  /** Transport.DisableKeepAlives */
  readonly closes: boolean;
  /** not Transport.DisableCompression; what comes compressed is never looked at */
  readonly asksForGzip: boolean;
}

const writtenApart = new Set(['Host', 'User-Agent', 'Content-Length', 'Transfer-Encoding', 'Trailer']);

/** What a transport refuses before it dials. Throws FarletError `invalid` with Go's message. */
export function refuseRequest({ url, header }: GetRequest): void {
  const isWeb = url.scheme === 'http' || url.scheme === 'https';
  if (isWeb) refuseHeader(header);
  else throw invalid(`unsupported protocol scheme ${quoted(url.scheme)}`);
  if (url.host === '') throw invalid('http: no Host in request URL');
}

function refuseHeader(header: Header): void {
  for (const [key, values] of header) {
    if (!isFieldName(key)) throw invalid(`net/http: invalid header field name ${quoted(key)}`);
    if (!values.every(isFieldValue)) throw invalid(`net/http: invalid header field value for ${quoted(key)}`);
  }
}

/**
 * Host first, then User-Agent, then the others sorted, then what the transport adds. Throws FarletError
 * `invalid`.
 */
export function requestHead(request: GetRequest, options: WireOptions): Buffer {
  const host = hostHeader(request.host === '' ? request.url.host : request.host);
  const uri = requestUri(request.url);
  if (hasControl(uri)) throw invalid("net/http: can't write control character in Request.URL");
  const header = withAuthorization(request);
  const lines = [`GET ${uri} HTTP/1.1`, `Host: ${host}`];
  const agent = firstValue(header, 'User-Agent');
  if (agent !== '') lines.push(fieldLine('User-Agent', agent));
  for (const [key, values] of sorted(header)) {
    if (writtenApart.has(key)) continue;
    for (const value of values) lines.push(fieldLine(key, value));
  }
  const added = [
    ...(options.asksForGzip && isFree(header) ? ['Accept-Encoding: gzip'] : []),
    ...(options.closes && !isClosed(header) && !isUpgrade(header) ? ['Connection: close'] : []),
  ];
  return Buffer.from([...lines, ...added, '', ''].join('\r\n'), 'latin1');
}

/** A name and password in the URL, unless the request says itself who it is. */
export function withAuthorization({ url, header }: GetRequest): Header {
  if (url.user === undefined || firstValue(header, 'Authorization') !== '') return header;
  const { name, password = '' } = url.user;
  const basic = Buffer.from(`${name}:${password}`, 'latin1').toString('base64');
  return new Map(header).set('Authorization', [`Basic ${basic}`]);
}

export function isUpgrade(header: Header): boolean {
  return firstValue(header, 'Upgrade') !== '' && hasListed(header.get('Connection'), 'upgrade');
}

function fieldLine(key: string, value: string): string {
  return `${key}: ${withoutSpace(value)}`;
}

function sorted(header: Header): [string, string[]][] {
  return [...header].sort(([a], [b]) => (a < b ? -1 : 1));
}

function isFree(header: Header): boolean {
  return firstValue(header, 'Accept-Encoding') === '' && firstValue(header, 'Range') === '';
}

/** net/http's hasToken, on the first value: between commas or blanks. */
function isClosed(header: Header): boolean {
  return /(?:^|[ ,\t])close(?:[ ,\t]|$)/i.test(firstValue(header, 'Connection'));
}

function invalid(message: string): FarletError {
  return new FarletError('invalid', message);
}
