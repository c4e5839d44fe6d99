/** A farlet of which is counted what it asks of its host and of the API server. */
import { parseCounts } from '../../bench/call-counts.ts';
import { startDelayProxy } from '../../bench/delay-proxy.ts';
import { samples } from '../../bench/metrics-page.ts';
import { hostThrough, planeThrough } from './through-proxy.ts';
import type { World } from './world.ts';

export const ROUND_TRIPS = 'round trips';
/** in KiB, with what TLS and ssh add */
export const BYTES = {
  toHost: 'KiB to the host',
  fromHost: 'KiB from the host',
  toApi: 'KiB to the API server',
  fromApi: 'KiB from the API server',
} as const;

export interface Meter {
  /**
   * So far, by name: the runtime's operations, the API server's methods, `shell` for requests to the host's
   * shell, ROUND_TRIPS to the host, and BYTES.
   */
  counts(): Promise<ReadonlyMap<string, number>>;
  /** sequential ones to the host, so far */
  roundTrips(): number;
  /** of what goes to the host and of what comes back, from now on */
  setDelay(ms: number): void;
}

/** Starts the world's farlet over one host on ssh. */
export async function startMetered(world: World, node: string): Promise<Meter> {
  const host = world.remote(node);
  const folder = `${world.folder}/metered`;
  const server = new URL(world.plane.server);
  const link = await startDelayProxy({ host: host.address, port: 22 });
  const api = await startDelayProxy({ host: server.hostname, port: Number(server.port) });
  for (const proxy of [link, api])
    world.onEnd(() => {
      proxy.close();
    });
  const farlet = await world.startFarlet('farlet', {
    hosts: [hostThrough(host, link, folder)],
    plane: planeThrough(world.plane, api, folder),
  });
  return {
    counts: async () => {
      const page = await (await fetch(farlet.metricsUrl)).text();
      const { cri, api: methods } = parseCounts(page);
      const { bytesThere, bytesBack, roundTrips } = link.traffic();
      const calls = api.traffic();
      const shell = samples(page)
        .filter(({ name }) => name === 'farlet_host_request_duration_seconds_count')
        .reduce((sum, { value }) => sum + value, 0);
      return new Map([
        ...[...cri, ...methods],
        ['shell', shell],
        [ROUND_TRIPS, roundTrips],
        [BYTES.toHost, bytesThere / 1024],
        [BYTES.fromHost, bytesBack / 1024],
        [BYTES.toApi, calls.bytesThere / 1024],
        [BYTES.fromApi, calls.bytesBack / 1024],
      ]);
    },
    roundTrips: () => link.traffic().roundTrips,
    setDelay: (ms) => {
      link.setDelay(ms);
    },
  };
}
