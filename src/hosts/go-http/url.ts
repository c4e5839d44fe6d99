/** URLs as Go's net/url takes them apart, which is what a kubelet dials and sends. Byte strings. Pure. */
import { FarletError, messageOf } from '../../model/errors.ts';
import { cut, quoted } from './byte-string.ts';
import { ipLiteralProblem } from './ip-literal.ts';
import { escapeUrl, unescapeUrl } from './url-escape.ts';

export interface GoUrl {
  readonly scheme: string;
  /** what follows the scheme where that is no path */
  readonly opaque: string;
  readonly user: { readonly name: string; readonly password: string | undefined } | undefined;
  /** host or host:port, unescaped */
  readonly host: string;
  /** unescaped */
  readonly path: string;
  /** as it was written, where that is not how it would be escaped */
  readonly rawPath: string;
  readonly query: string;
  /** there is a `?` with nothing behind it */
  readonly forceQuery: boolean;
  /** there is a scheme and a path, and no authority between them */
  readonly omitHost: boolean;
  /** unescaped */
  readonly fragment: string;
  readonly rawFragment: string;
}

const empty: GoUrl = {
  scheme: '',
  opaque: '',
  user: undefined,
  host: '',
  path: '',
  rawPath: '',
  query: '',
  forceQuery: false,
  omitHost: false,
  fragment: '',
  rawFragment: '',
};

/** A URL that is a path and nothing else. */
export function pathUrl(path: string): GoUrl {
  return { ...empty, path };
}

/** url.Parse: throws FarletError `invalid` with Go's message. */
export function parseUrl(bytes: string): GoUrl {
  const [rest, fragment] = cut(bytes, '#');
  const url = orFault(rest, () => parseReference(rest));
  if (fragment === '') return url;
  return orFault(bytes, () => {
    const plain = unescapeUrl(fragment, 'fragment');
    const rawFragment = escapeUrl(plain, 'fragment') === fragment ? '' : fragment;
    return { ...url, fragment: plain, rawFragment };
  });
}

function orFault(bytes: string, parse: () => GoUrl): GoUrl {
  try {
    return parse();
  } catch (error) {
    throw new FarletError('invalid', `parse ${quoted(bytes)}: ${messageOf(error)}`, { cause: error });
  }
}

function parseReference(bytes: string): GoUrl {
  if (hasControl(bytes)) throw invalid('net/url: invalid control character in URL');
  if (bytes === '*') return pathUrl('*');
  const { scheme, rest: afterScheme } = schemeOf(bytes);
  const forceQuery = afterScheme.endsWith('?') && afterScheme.indexOf('?') === afterScheme.length - 1;
  const [rest, query] = forceQuery ? [afterScheme.slice(0, -1), ''] : cut(afterScheme, '?');
  const url = { ...empty, scheme, query, forceQuery };
  if (!rest.startsWith('/')) {
    if (scheme !== '') return { ...url, opaque: rest };
    if (cut(rest, '/')[0].includes(':')) throw invalid('first path segment in URL cannot contain colon');
  }
  if (rest.startsWith('//') && (scheme !== '' || !rest.startsWith('///'))) {
    const slash = rest.indexOf('/', 2);
    const end = slash < 0 ? rest.length : slash;
    return withPath({ ...url, ...authorityOf(scheme, rest.slice(2, end)) }, rest.slice(end));
  }
  return withPath({ ...url, omitHost: scheme !== '' && rest.startsWith('/') }, rest);
}

/** The URL with an escaped path. */
export function withPath(url: GoUrl, escaped: string): GoUrl {
  const path = unescapeUrl(escaped, 'path');
  return { ...url, path, rawPath: escapeUrl(path, 'path') === escaped ? '' : escaped };
}

export function hasControl(bytes: string): boolean {
  return /[\x00-\x1f\x7f]/.test(bytes);
}

function schemeOf(bytes: string): { scheme: string; rest: string } {
  if (bytes.startsWith(':')) throw invalid('missing protocol scheme');
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(bytes)?.[1] ?? '';
  return { scheme: scheme.toLowerCase(), rest: scheme === '' ? bytes : bytes.slice(scheme.length + 1) };
}

function authorityOf(scheme: string, authority: string): Pick<GoUrl, 'user' | 'host'> {
  const at = authority.lastIndexOf('@');
  const host = hostOf(scheme, authority.slice(at + 1));
  if (at < 0) return { user: undefined, host };
  const userinfo = authority.slice(0, at);
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(userinfo)) throw invalid('net/url: invalid userinfo');
  const [name, password, hasPassword] = cut(userinfo, ':');
  const user = {
    name: unescapeUrl(name, 'userinfo'),
    password: hasPassword ? unescapeUrl(password, 'userinfo') : undefined,
  };
  return { user, host };
}

function hostOf(scheme: string, host: string): string {
  const open = host.lastIndexOf('[');
  if (open > 0) throw invalid('invalid IP-literal');
  if (open === 0) return bracketedHost(host);
  const first = host.indexOf(':');
  const isWeb = scheme === 'http' || scheme === 'https';
  const colon = isWeb ? first : host.lastIndexOf(':');
  if (first >= 0) refusePort(host.slice(colon));
  return unescapeUrl(host, 'host');
}

function bracketedHost(host: string): string {
  const close = host.lastIndexOf(']');
  if (close < 0) throw invalid("missing ']' in host");
  const port = host.slice(close + 1);
  refusePort(port);
  const inner = host.slice(1, close);
  const zone = inner.indexOf('%25');
  const address =
    zone < 0
      ? unescapeUrl(inner, 'host')
      : unescapeUrl(inner.slice(0, zone), 'host') + unescapeUrl(inner.slice(zone), 'zone');
  const problem = ipLiteralProblem(address);
  if (problem !== undefined) throw invalid(problem);
  return `[${address}]${port}`;
}

function refusePort(port: string): void {
  if (!isOptionalPort(port)) throw invalid(`invalid port ${quoted(port)} after host`);
}

/** Nothing, or a colon and any number of digits. */
export function isOptionalPort(port: string): boolean {
  return port === '' || /^:[0-9]*$/.test(port);
}

function invalid(message: string): FarletError {
  return new FarletError('invalid', message);
}
