import { fenced, type Fence } from '../../util/fence.ts';
import type { HostLink } from './link.ts';

/** The same link, through which nothing gets to the host but by way of the fence. */
export function fencedLink(link: HostLink, fence: Fence): HostLink {
  const files = fenced(link.files, fence, { streams: ['changes'] });
  const rest = fenced(link, fence, { only: ['dial', 'dialStream', 'problem'] });
  return new Proxy(rest, {
    get: (target, key) => (key === 'files' ? files : (Reflect.get(target, key) as unknown)),
  });
}
