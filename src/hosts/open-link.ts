/** The link that an endpoint asks for. */
import type { CgroupDriver } from './cri/cgroup-driver.ts';
import type { RequestObserver } from './link/host-request.ts';
import { HostError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { Clock } from '../util/clock.ts';
import type { FollowedFiles } from '../util/followed-files.ts';
import { DEFAULT_HELPER_IMAGE, type HelperOwner } from './tcp/helper-spec.ts';
import type { HostLink } from './link/link.ts';
import { sshLink } from './ssh/ssh-link.ts';
import { tcpLink } from './tcp/tcp-link.ts';
import type { TlsFiles } from './tcp/tls-files.ts';
import { unixLink } from './unix/unix-link.ts';

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
  readonly tls?: TlsFiles | undefined;
  readonly helperImage?: string | undefined;
}

export interface OpenLinkOptions {
  readonly followed: FollowedFiles;
  readonly clock: Clock;
  readonly log: Log;
  readonly owner: HelperOwner;
  readonly cgroupDriver: CgroupDriver;
  /** what the host's shells were asked, on links that have them */
  readonly onRequest?: RequestObserver;
  /** what the link needs on the host goes with it */
  readonly temporary?: boolean;
}

/** `unix:`, `ssh:` and `tcp:` endpoints; others throw, as they do when the configuration is read. */
export function openLink(host: HostAddress, options: OpenLinkOptions): HostLink {
  const { name, endpoint, ssh, tls, helperImage = DEFAULT_HELPER_IMAGE } = host;
  const { followed, clock, log, onRequest, temporary = false } = options;
  if (endpoint.startsWith('unix:')) return unixLink({ name, endpoint });
  if (endpoint.startsWith('ssh:') && ssh !== undefined)
    return sshLink({ name, endpoint, credentials: ssh, followed, clock, log, onRequest });
  if (endpoint.startsWith('tcp:') && tls !== undefined)
    return tcpLink({ ...options, name, endpoint, tls, helperImage, temporary });
  throw new HostError('invalid', name, `${name}: no link for ${endpoint}`);
}
