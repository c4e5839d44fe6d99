/** The request that an httpGet action stands for (pkg/probe/http/request.go). Pure. */
import { hostPort } from '../link/net-errors.ts';
import { FarletError } from '../../model/errors.ts';
import type { HTTPGetAction } from '../../model/kube.ts';
import { byteString, textOf } from './byte-string.ts';
import { addField, firstValue, type Header } from './header.ts';
import { parseUrl, pathUrl, type GoUrl } from './url.ts';
import { urlText } from './url-text.ts';

export interface GetRequest {
  readonly url: GoUrl;
  /** of the Host header; empty: the URL's */
  readonly host: string;
  readonly header: Header;
}

/** User-Agent; the version is the kubelet's that farlet follows. */
export const agents = { probe: 'kube-probe/1.36', lifecycle: 'kube-lifecycle/1.36' } as const;

/**
 * `address` is where the action goes to unless it names a host. The action's own headers win over the
 * defaults, and an Accept given as empty is left out. Throws FarletError `invalid`, in Go's words, for what
 * makes no URL.
 */
export function requestOf(
  action: Pick<HTTPGetAction, 'scheme' | 'host' | 'path' | 'httpHeaders'>,
  { address, port, purpose }: { address: string; port: number; purpose: keyof typeof agents },
): GetRequest {
  const header: Header = new Map();
  for (const { name, value } of action.httpHeaders ?? [])
    addField(header, byteString(name), byteString(value));
  if (!header.has('User-Agent')) header.set('User-Agent', [agents[purpose]]);
  if (!header.has('Accept')) header.set('Accept', ['*/*']);
  else if (firstValue(header, 'Accept') === '') header.delete('Accept');
  const { scheme, host, path } = action;
  const authority = hostPort(host === undefined || host === '' ? address : host, port);
  const url = parseUrl(
    urlText({
      ...looseUrl(byteString(path ?? '')),
      scheme: (scheme === undefined || scheme === '' ? 'http' : scheme).toLowerCase(),
      host: byteString(authority),
    }),
  );
  return { url: { ...url, host: withoutEmptyPort(url.host) }, host: firstValue(header, 'Host'), header };
}

/** Something may be wrong with the path, but it is too late to refuse it: it is passed along as it is. */
function looseUrl(path: string): GoUrl {
  try {
    return parseUrl(path);
  } catch (error) {
    if (!(error instanceof FarletError)) throw error;
    return pathUrl(path);
  }
}

function withoutEmptyPort(host: string): string {
  return host.lastIndexOf(':') > host.lastIndexOf(']') && host.endsWith(':') ? host.slice(0, -1) : host;
}

/** host:port as messages and events name it. */
export function authorityText({ url }: GetRequest): string {
  return textOf(url.host);
}
