/** What pods leave on a host, counted from the machine itself. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { FakeRuntime } from '../e2e/fakes/runtime.ts';
import { sandboxesAndContainers } from '../e2e/harness/runtime-view.ts';

export interface SoakedHost {
  /** name of the node over it */
  readonly name: string;
  readonly endpoint: string;
  readonly folder: string;
  readonly address: string;
  readonly cgroupRoot: string;
  /** a bridge whose ports are counted */
  readonly bridge?: string;
  readonly fake?: FakeRuntime;
  readonly socket: string;
}

export async function leftOn(host: SoakedHost, logs: string): Promise<Record<string, number>> {
  const { sandboxes, containers } = await sandboxesAndContainers(host.socket);
  const rootDir = `${host.folder}/farlet`;
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return {
    sandboxes: sandboxes.length,
    containers: containers.length,
    'pod folders': count(`${rootDir}/pods`),
    mounts: mounts.filter((line) => line.includes(` ${rootDir}/`)).length,
    'log folders': count(`${logs}/pods`),
    'log links': count(`${logs}/containers`),
    ...(host.bridge === undefined ? {} : { interfaces: count(`/sys/class/net/${host.bridge}/brif`) }),
  };
}

function count(folder: string): number {
  return existsSync(folder) ? readdirSync(folder).length : 0;
}
