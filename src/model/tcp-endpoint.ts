/** `tcp://host:port` taken apart. Pure. */
export interface TcpEndpoint {
  /** without brackets */
  readonly host: string;
  readonly port: number;
}

/** The endpoint, or what is wrong with it. */
export function parseTcpEndpoint(endpoint: string): TcpEndpoint | { readonly problem: string } {
  const url = URL.parse(endpoint);
  if (url?.protocol !== 'tcp:' || url.hostname === '') return { problem: 'write tcp://host:port' };
  if (url.username !== '' || url.password !== '')
    return { problem: 'a user has no place here: farlet shows its certificate (tls.certFile)' };
  if (url.port === '' || url.port === '0')
    return { problem: "name the port of containerd's tcp_address: tcp://host:port" };
  if ((url.pathname !== '' && url.pathname !== '/') || url.search !== '' || url.hash !== '')
    return { problem: 'nothing may follow the port' };
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) };
}
