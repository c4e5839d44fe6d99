/** How the body of an answer to a GET is delimited (net/http readTransfer). Pure. */
import { FarletError } from '../../model/errors.ts';
import { quoted, withoutSpace } from './byte-string.ts';
import { canonicalKey } from './header.ts';
import { isUpgrade } from './request-head.ts';
import type { ResponseHead } from './response-head-reader.ts';

export type BodyFrame =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: bigint }
  | { readonly kind: 'chunked' }
  /** until the other end closes */
  | { readonly kind: 'open' };

/** Throws FarletError `invalid` in Go's words. */
export function bodyFrame(head: ResponseHead): BodyFrame {
  const { status, header } = head;
  const isChunked = chunkedBy(head);
  const length = contentLength(header.get('Content-Length') ?? []);
  const hasNone = (status >= 100 && status < 200) || status === 204 || status === 304;
  if (isChunked) refuseTrailer(header.get('Trailer') ?? []);
  if (status === 101 && isUpgrade(header)) return { kind: 'open' };
  if (hasNone) return { kind: 'none' };
  if (isChunked) return { kind: 'chunked' };
  if (length === undefined) return { kind: 'open' };
  return length === 0n ? { kind: 'none' } : { kind: 'length', length };
}

/** What the answer says of its length: -1 is unknown. */
export function lengthOf(frame: BodyFrame): bigint {
  if (frame.kind === 'length') return frame.length;
  return frame.kind === 'none' ? 0n : -1n;
}

function chunkedBy({ major, minor, header }: ResponseHead): boolean {
  const encodings = header.get('Transfer-Encoding');
  const isOld = major < 1 || (major === 1 && minor === 0);
  if (encodings === undefined || (isOld && !(major === 0 && minor === 0))) return false;
  if (encodings.length > 1)
    throw invalid(`too many transfer encodings: [${encodings.map(quoted).join(' ')}]`);
  const [encoding = ''] = encodings;
  if (encoding.toLowerCase() !== 'chunked')
    throw invalid(`unsupported transfer encoding: ${quoted(encoding)}`);
  return true;
}

function contentLength(values: readonly string[]): bigint | undefined {
  const [first] = values.map(withoutSpace);
  if (first === undefined) return undefined;
  if (values.some((value) => withoutSpace(value) !== first))
    throw invalid(
      `http: message cannot contain multiple Content-Length headers; got [${values.map(quoted).join(' ')}]`,
    );
  if (first === '') throw invalid('invalid empty Content-Length ""');
  // as many digits as fit into 63 bits, once leading zeros are gone
  const digits = /^0*(\d{1,19})$/.exec(first)?.[1];
  const length = digits === undefined ? undefined : BigInt(digits);
  if (length === undefined || length >= 2n ** 63n) throw invalid(`bad Content-Length ${quoted(first)}`);
  return length;
}

function refuseTrailer(values: readonly string[]): void {
  for (const name of values.flatMap((value) => value.split(',')).map(withoutSpace)) {
    const key = canonicalKey(name);
    if (key === 'Transfer-Encoding' || key === 'Trailer' || key === 'Content-Length')
      throw invalid(`bad trailer key ${quoted(key)}`);
  }
}

function invalid(message: string): FarletError {
  return new FarletError('invalid', message);
}
