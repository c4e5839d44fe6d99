import { HostError } from '../../model/errors.ts';
import { urlTarget } from './url-target.ts';
import type { DialTarget } from './dial-target.ts';

/** What a runtime says that does not know, or not tell, under which address others see it. */
const NOWHERE = new Set(['0.0.0.0', '::', '::1', 'localhost', '127.0.0.1']);

/**
 * Where a runtime's streaming URL is to be dialed from afar: at the address it gives, or at the endpoint's if
 * it gives none that means anything elsewhere. Throws HostError for one without TLS. Pure.
 */
export function streamTarget(url: URL, { name, host }: { name: string; host: string }): DialTarget {
  if (url.protocol !== 'https:')
    throw new HostError(
      'forbidden',
      name,
      `${name}: its streaming server has no TLS (${url.protocol}//${url.host}): set enable_tls_streaming and x509_key_pair_streaming in containerd's cri plugin`,
    );
  const target = urlTarget(url);
  return NOWHERE.has(target.host) ? { host, port: target.port } : target;
}
