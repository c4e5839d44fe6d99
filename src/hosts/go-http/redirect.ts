/**
 * Where an answer leads to, and what is asked there (net/http Client.do, pkg/probe/http RedirectChecker).
 * Pure.
 */
import { firstValue, type Header } from './header.ts';
import type { GetRequest } from './request.ts';
import { parseUrl, type GoUrl } from './url.ts';
import { hostAndPort, refererText, resolveUrl } from './url-text.ts';

const codes = [301, 302, 303, 307, 308];
/** 307 and 308 alone keep what tells of a request's body, once and for all. */
const keeping = [307, 308];
const ofBody = ['Content-Encoding', 'Content-Language', 'Content-Location', 'Content-Type'];

export function isRedirect(status: number): boolean {
  return codes.includes(status);
}

export interface Hop {
  readonly request: GetRequest;
  /** a redirect before it has dropped the body that a GET has none of */
  readonly dropsBody: boolean;
}

/**
 * The hop that follows those made so far; undefined if it would leave the first one's host, which a kubelet
 * does not follow. Throws FarletError `invalid` for a location that is no URL.
 */
export function nextHop(
  hops: readonly Hop[],
  { location, status }: { location: string; status: number },
): Hop | undefined {
  const [initial] = hops;
  const last = hops.at(-1);
  if (initial === undefined || last === undefined) return undefined;
  const { url: from, host: named } = last.request;
  const url = resolveUrl(from, location);
  if (hostAndPort(url).host !== hostAndPort(initial.request.url).host) return undefined;
  const dropsBody = last.dropsBody || !keeping.includes(status);
  const header: Header = new Map(initial.request.header);
  if (dropsBody) for (const key of ofBody) header.delete(key);
  const referer = refererFor(from, url, firstValue(header, 'Referer'));
  if (referer !== '') header.set('Referer', [referer]);
  const isRelative = parseUrl(location).scheme === '';
  const host = named !== '' && named !== from.host && isRelative ? named : '';
  return { request: { url, host, header }, dropsBody };
}

function refererFor(last: GoUrl, next: GoUrl, own: string): string {
  if (last.scheme === 'https' && next.scheme === 'http') return '';
  return own === '' ? refererText(last) : own;
}
