/** A host as farlet is to see it while a recorder looks on. */
import type { FarletHost } from '../harness/farlet.ts';
import type { World } from '../harness/world.ts';
import type { Recorder } from './recorder.ts';

const SOCKET = '/run/recorded.sock';

/**
 * Over the same link, to a proxy in place of the runtime: beside its socket on the host, or before its port.
 */
export async function proxiedHost(
  world: Pick<World, 'host' | 'remote'>,
  { name, recorder }: { name: string; recorder: Recorder },
): Promise<FarletHost> {
  const host = world.host(name);
  const upstream = `${host.root()}${host.socket}`;
  if (host.endpoint.startsWith('unix:'))
    return { ...host, endpoint: (await recorder.proxy(name, upstream)).endpoint };
  const { authority } = world.remote(name);
  if (authority === undefined) {
    await recorder.proxy(name, upstream, { socket: `${host.root()}${SOCKET}` });
    return { ...host, endpoint: host.endpoint.replace(host.socket, SOCKET) };
  }
  const address = host.outside;
  const pair = await authority.issue('proxy', {
    cn: 'proxy',
    sans: [`IP:${address}`],
    usage: 'serverAuth',
  });
  const { endpoint } = await recorder.proxy(name, upstream, {
    address,
    tls: { ca: authority.cert, ...pair },
  });
  return { ...host, endpoint };
}
