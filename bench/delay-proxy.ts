/**
 * A TCP proxy that delivers everything later, as a far link does: the order is kept, the rate is not limited.
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { RoundTrips } from './round-trips.ts';

export interface DelayProxy {
  readonly port: number;
  /** each way, from now on */
  setDelay(ms: number): void;
  /** so far */
  traffic(): LinkTraffic;
  close(): void;
}

export interface LinkTraffic {
  readonly bytesThere: number;
  readonly bytesBack: number;
  /** what went there within `MESSAGE_MS` of each other is one */
  readonly messages: number;
  /** sequential ones, of all connections together */
  readonly roundTrips: number;
}

/** Pieces of one message, and what acknowledges the answer to it, follow within this. */
const MESSAGE_MS = 500;

export async function startDelayProxy(to: {
  readonly host: string;
  readonly port: number;
}): Promise<DelayProxy> {
  let delayMs = 0;
  const traffic = { bytesThere: 0, bytesBack: 0, messages: 0 };
  const trips = new RoundTrips();
  let lastThere = -Infinity;
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ ...to, allowHalfOpen: true, noDelay: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => sockets.delete(socket));
    }
    pass(near, far, { delayMs: () => delayMs, send: () => trips.sendThere() });
    pass(far, near, { delayMs: () => delayMs, send: () => trips.sendBack() });
    near.on('data', ({ length }: Buffer) => {
      const now = performance.now();
      if (now - lastThere > MESSAGE_MS) traffic.messages += 1;
      lastThere = now;
      traffic.bytesThere += length;
    });
    far.on('data', ({ length }: Buffer) => {
      traffic.bytesBack += length;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    setDelay: (ms) => {
      delayMs = ms;
    },
    traffic: () => ({ ...traffic, roundTrips: trips.count }),
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Nothing overtakes what was sent before, although the delay may have become less. */
function pass(
  from: Socket,
  to: Socket,
  { delayMs, send }: { delayMs: () => number; send: () => () => void },
): void {
  let last = 0;
  // timers of nearly the same time may go off in another order than they were set in
  const underWay: (() => void)[] = [];
  const later = (deliver: () => void): void => {
    last = Math.max(last, performance.now() + delayMs());
    underWay.push(deliver);
    setTimeout(() => underWay.shift()?.(), Math.max(0, last - performance.now()));
  };
  from.on('data', (chunk: Buffer) => {
    const arrive = send();
    later(() => {
      arrive();
      if (to.writable) to.write(chunk);
    });
  });
  from.once('end', () => {
    later(() => to.end());
  });
  from.once('close', () => {
    later(() => to.destroy());
  });
}
