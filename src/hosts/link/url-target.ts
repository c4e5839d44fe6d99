import type { DialTarget } from './dial-target.ts';

/** What to dial for a URL: its host without brackets, its port or the scheme's own. */
export function urlTarget(url: URL): DialTarget {
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
  };
}
