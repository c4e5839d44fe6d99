import { percentDecoded } from './percent-decode.ts';

/** `ssh://user@host:port/path/to.sock` taken apart. Pure. */
export interface SshEndpoint {
  readonly user: string;
  /** without brackets */
  readonly host: string;
  readonly port: number;
  /** of the runtime's socket on the host */
  readonly socket: string;
}

/** The endpoint, or what is wrong with it. */
export function parseSshEndpoint(endpoint: string): SshEndpoint | { readonly problem: string } {
  const url = URL.parse(endpoint);
  if (url?.protocol !== 'ssh:' || url.hostname === '')
    return { problem: 'write ssh://user@host/path/to.sock' };
  if (url.username === '') return { problem: 'name the user: ssh://user@host/path/to.sock' };
  if (url.password !== '') return { problem: 'a password has no place here: use a key' };
  if (url.search !== '' || url.hash !== '') return { problem: 'nothing may follow the path' };
  const socket = percentDecoded(url.pathname);
  const user = percentDecoded(url.username);
  if (socket === undefined || user === undefined)
    return { problem: 'a % must be followed by two hexadecimal digits: write %25 for the sign itself' };
  if (socket.length < 2) return { problem: "name the runtime's socket: ssh://user@host/path/to.sock" };
  return {
    user,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 22 : Number(url.port),
    socket,
  };
}
