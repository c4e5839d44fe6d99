/**
 * What Go writes of a URL: url.URL's String, RequestURI, Hostname, Port, ResolveReference. Byte strings.
 * Pure.
 */
import { cut } from './byte-string.ts';
import { isOptionalPort, parseUrl, withPath, type GoUrl } from './url.ts';
import { escapeUrl, mustEscape, unescapeUrl, type UrlPart } from './url-escape.ts';

export function urlText(url: GoUrl): string {
  const head = url.scheme === '' ? '' : `${url.scheme}:`;
  const query = url.forceQuery || url.query !== '' ? `?${url.query}` : '';
  const fragment = url.fragment === '' ? '' : `#${escapedFragment(url)}`;
  if (url.opaque !== '') return `${head}${url.opaque}${query}${fragment}`;
  const authority = authorityText(url);
  const path = escapedPath(url);
  const slash = path !== '' && !path.startsWith('/') && url.host !== '' ? '/' : '';
  const before = `${head}${authority}${slash}`;
  const dot = before === '' && cut(path, '/')[0].includes(':') ? './' : '';
  return `${before}${dot}${path}${query}${fragment}`;
}

function authorityText({ scheme, host, user, path, omitHost }: GoUrl): string {
  if (scheme === '' && host === '' && user === undefined) return '';
  if (omitHost && host === '' && user === undefined) return '';
  const slashes = host !== '' || path !== '' || user !== undefined ? '//' : '';
  const userinfo = user === undefined ? '' : `${userText(user)}@`;
  return `${slashes}${userinfo}${escapeUrl(host, 'host')}`;
}

function userText({ name, password }: NonNullable<GoUrl['user']>): string {
  const first = escapeUrl(name, 'userinfo');
  return password === undefined ? first : `${first}:${escapeUrl(password, 'userinfo')}`;
}

/** With a password hidden, as net/http's errors show it. */
export function publicUrlText(url: GoUrl): string {
  const { user } = url;
  if (user?.password === undefined) return urlText(url);
  return replacedOnce(urlText(url), `${userText(user)}@`, `${user.name}:***@`);
}

/** As the Referer of a next request: without user and password. */
export function refererText(url: GoUrl): string {
  return url.user === undefined ? urlText(url) : replacedOnce(urlText(url), `${userText(url.user)}@`, '');
}

function replacedOnce(text: string, old: string, by: string): string {
  return text.replace(old, () => by);
}

/** What the request line has. */
export function requestUri(url: GoUrl): string {
  const path = url.opaque === '' ? escapedPath(url) || '/' : url.opaque;
  const absolute = url.opaque.startsWith('//') ? `${url.scheme}:${path}` : path;
  return url.forceQuery || url.query !== '' ? `${absolute}?${url.query}` : absolute;
}

/** Host without brackets, and port as digits, empty where there is none. */
export function hostAndPort({ host }: Pick<GoUrl, 'host'>): { host: string; port: string } {
  const colon = host.lastIndexOf(':');
  const hasPort = colon >= 0 && isOptionalPort(host.slice(colon));
  const name = hasPort ? host.slice(0, colon) : host;
  return {
    host: name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name,
    port: hasPort ? host.slice(colon + 1) : '',
  };
}

/** Where a reference leads to from a URL, by RFC 3986. Throws FarletError `invalid` with Go's message. */
export function resolveUrl(base: GoUrl, reference: string): GoUrl {
  const to = parseUrl(reference);
  const url = { ...to, scheme: to.scheme === '' ? base.scheme : to.scheme };
  if (to.scheme !== '' || to.host !== '' || to.user !== undefined)
    return withPath(url, resolvedPath(escapedPath(to), ''));
  if (to.opaque !== '') return { ...url, user: undefined, host: '', path: '' };
  const isSame = to.path === '' && !to.forceQuery && to.query === '';
  const query = isSame ? base.query : to.query;
  const { fragment, rawFragment } = isSame && to.fragment === '' ? base : to;
  const joined = { ...url, query, fragment, rawFragment };
  if (to.path === '' && base.opaque !== '')
    return { ...joined, opaque: base.opaque, user: undefined, host: '', path: '' };
  const { host, user } = base;
  return withPath({ ...joined, host, user }, resolvedPath(escapedPath(base), escapedPath(to)));
}

function resolvedPath(base: string, reference: string): string {
  const full =
    reference === ''
      ? base
      : reference.startsWith('/')
        ? reference
        : base.slice(0, base.lastIndexOf('/') + 1) + reference;
  if (full === '') return '';
  const segments = full.split('/');
  let kept: string[] = [];
  let isFirst = true;
  for (const segment of segments) {
    if (segment === '..') {
      kept.pop();
      if (kept.length === 1 && kept[0] === '') kept = [];
      isFirst = kept.length === 0;
    } else {
      if (segment !== '.') {
        if (!isFirst && kept.length === 0) kept.push('');
        kept.push(segment);
      }
      isFirst = false;
    }
  }
  const last = segments.at(-1);
  const path = `/${kept.join('/')}${last === '.' || last === '..' ? '/' : ''}`;
  return path.startsWith('//') ? path.slice(1) : path;
}

function escapedPath({ path, rawPath }: GoUrl): string {
  if (path === '*' && rawPath === '') return '*';
  return asWritten(rawPath, path, 'path') ?? (path === '*' ? '*' : escapeUrl(path, 'path'));
}

function escapedFragment({ fragment, rawFragment }: GoUrl): string {
  return asWritten(rawFragment, fragment, 'fragment') ?? escapeUrl(fragment, 'fragment');
}

/** How it was written, if that is a valid way to write it. */
function asWritten(raw: string, plain: string, part: UrlPart): string | undefined {
  if (raw === '') return undefined;
  for (const byte of raw) if (!"!$&'()*+,;=:@[]%".includes(byte) && mustEscape(byte, part)) return undefined;
  try {
    return unescapeUrl(raw, part) === plain ? raw : undefined;
  } catch {
    return undefined;
  }
}
