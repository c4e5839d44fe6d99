import { fenced, type Fence } from '../../util/fence.ts';
import { shortRound } from '../../util/rounds.ts';
import type { HostLink } from './link.ts';

/**
 * The same link, through which nothing gets to the host but by way of the fence. Of steps on files there are
 * many to a pod, and each goes on with what the one before has come to: they wait for a round of the loop
 * with time for it.
 */
export function fencedLink(link: HostLink, fence: Fence): HostLink {
  const inTime: Fence = {
    pass: () => {
      const room = shortRound();
      return room === undefined ? fence.pass() : room.then(() => fence.pass());
    },
  };
  const files = fenced(link.files, inTime, { streams: ['changes'] });
  const rest = fenced(link, fence, { only: ['dial', 'dialStream', 'problem'] });
  return new Proxy(rest, {
    get: (target, key) => (key === 'files' ? files : (Reflect.get(target, key) as unknown)),
  });
}
