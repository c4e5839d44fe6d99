import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import type { DialTarget } from './dial-target.ts';

/**
 * The address of this machine that packets to `target` would leave from. Nothing is sent: the kernel's routes
 * tell. Rejects if the name can't be resolved or there is no route.
 */
export async function addressTowards(target: DialTarget): Promise<string> {
  const { address, family } = await lookup(target.host);
  return new Promise((resolve, reject) => {
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.connect(target.port, address, () => {
      const own = socket.address().address;
      socket.close();
      resolve(own);
    });
  });
}

/** The first address of this machine that others can reach, for want of anything better its loopback. */
export function anyOwnAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outward = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  return (outward.find(({ family }) => family === 'IPv4') ?? outward[0])?.address ?? '127.0.0.1';
}
