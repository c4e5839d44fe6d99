/** The link that an endpoint asks for. */
import { HostError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { Clock } from '../util/clock.ts';
import type { HostLink } from './link.ts';
import { sshLink } from './ssh-link.ts';
import { unixLink } from './unix-link.ts';

/** A host as the configuration names it. */
export interface HostAddress {
  readonly name: string;
  readonly endpoint: string;
  readonly ssh?:
    | {
        readonly knownHostsFile: string;
        readonly privateKeyFile?: string | undefined;
        readonly agentSocket?: string | undefined;
      }
    | undefined;
}

/** `unix:` and `ssh:` endpoints; others throw, as they do when the configuration is read. */
export function openLink(host: HostAddress, { clock, log }: { clock: Clock; log: Log }): HostLink {
  const { name, endpoint, ssh } = host;
  if (endpoint.startsWith('unix:')) return unixLink({ name, endpoint });
  if (endpoint.startsWith('ssh:') && ssh !== undefined)
    return sshLink({ name, endpoint, credentials: ssh, clock, log });
  throw new HostError('invalid', name, `${name}: no link for ${endpoint}`);
}
