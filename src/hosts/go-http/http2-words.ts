/** What a kubelet sends and says where HTTP/2 is spoken (golang.org/x/net/http2 and its httpcommon). Pure. */
import { FarletError } from '../../model/errors.ts';
import { quoted } from './byte-string.ts';
import { asciiHost, isHostHeader } from './host-header.ts';
import { isFieldName, isFieldValue, type Header } from './header.ts';
import { withAuthorization } from './request-head.ts';
import type { GetRequest } from './request.ts';
import { requestUri } from './url-text.ts';

export interface Http2Head {
  readonly authority: string;
  readonly path: string;
  /** lower-case names; a name may come more than once */
  readonly fields: readonly (readonly [name: string, value: string])[];
}

const ofConnection = ['connection', 'proxy-connection', 'transfer-encoding', 'upgrade', 'keep-alive'];
const codes = [
  ...[
    'NO_ERROR',
    'PROTOCOL_ERROR',
    'INTERNAL_ERROR',
    'FLOW_CONTROL_ERROR',
    'SETTINGS_TIMEOUT',
    'STREAM_CLOSED',
  ],
  ...[
    'FRAME_SIZE_ERROR',
    'REFUSED_STREAM',
    'CANCEL',
    'COMPRESSION_ERROR',
    'CONNECT_ERROR',
    'ENHANCE_YOUR_CALM',
  ],
  ...['INADEQUATE_SECURITY', 'HTTP_1_1_REQUIRED'],
];

export function http2Code(code: number): string {
  return codes[code] ?? `unknown error code 0x${code.toString(16)}`;
}

/** Throws FarletError `invalid` in Go's words. */
export function http2Head(request: GetRequest): Http2Head {
  const header = withAuthorization(request);
  refuseConnectionFields(header);
  const authority = asciiHost(request.host === '' ? request.url.host : request.host);
  if (!isHostHeader(authority)) throw invalid('invalid Host header');
  const fields: [string, string][] = [];
  for (const [key, values] of header) {
    if (!isFieldName(key)) throw invalid(`invalid HTTP header name ${quoted(key)}`);
    if (!values.every(isFieldValue)) throw invalid(`invalid HTTP header value for header ${quoted(key)}`);
    for (const value of valuesOf(key.toLowerCase(), values)) fields.push([key.toLowerCase(), value]);
  }
  return { authority, path: pathOf(request, authority), fields };
}

function valuesOf(name: string, values: readonly string[]): readonly string[] {
  if (name === 'host' || name === 'content-length' || ofConnection.includes(name)) return [];
  if (name === 'user-agent') return values.slice(0, 1).filter((value) => value !== '');
  if (name === 'cookie') return values.flatMap((value) => value.split(/; */)).filter((pair) => pair !== '');
  return values;
}

function pathOf({ url }: GetRequest, authority: string): string {
  const path = requestUri(url);
  const start = `${url.scheme}://${authority}`;
  const shown = isPath(path) || !path.startsWith(start) ? path : path.slice(start.length);
  if (isPath(shown)) return shown;
  const opaque = url.opaque === '' ? '' : ` from URL.Opaque = ${quoted(url.opaque)}`;
  throw invalid(`invalid request :path ${quoted(path)}${opaque}`);
}

function isPath(path: string): boolean {
  return path.startsWith('/') || path === '*';
}

function refuseConnectionFields(header: Header): void {
  const refuse = (key: string, isFine: (value: string, count: number) => boolean): void => {
    const values = header.get(key);
    const [first = ''] = values ?? [];
    if (values !== undefined && first !== '' && !isFine(first, values.length))
      throw invalid(`invalid ${key} request header: [${values.map(quoted).join(' ')}]`);
  };
  refuse('Upgrade', (value) => value === 'chunked');
  refuse('Transfer-Encoding', (value, count) => count === 1 && value === 'chunked');
  refuse('Connection', (value, count) => count === 1 && /^(?:close|keep-alive)$/i.test(value));
}

/** Why the first bytes are no frame that is taken; undefined if they may be, or are too few. */
export function strangeFrame(first: Buffer): string | undefined {
  if (first.length < 9) return undefined;
  if (first.toString('latin1', 0, 9) === 'HTTP/1.1 ')
    return 'http2: failed reading the frame payload: http2: frame too large, note that the frame header looked like an HTTP/1.1 header';
  if (first.readUIntBE(0, 3) > 16_384) return 'http2: frame too large';
  return first[3] === 4 ? undefined : 'connection error: PROTOCOL_ERROR';
}

function invalid(message: string): FarletError {
  return new FarletError('invalid', `http2: ${message}`);
}
