/**
 * What is simulated: a real control plane behind a proxy that can be slow, one farlet, and many hosts that
 * run nothing.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { startControlPlane } from '../../e2e/harness/control-plane.ts';
import { startFarlet, type Farlet } from '../../e2e/harness/farlet.ts';
import { run } from '../../e2e/harness/processes.ts';
import { planeThrough } from '../../e2e/harness/through-proxy.ts';
import { connectKube, type KubeConnection } from '../../src/kube/connect.ts';
import { startDelayProxy, type DelayProxy } from '../delay-proxy.ts';
import { probed } from './ask-probe.ts';
import { startFakeHosts, type FakeHosts } from './fake-hosts.ts';
import type { SimulateOptions } from './options.ts';

/** added to the nice value: a tenth of the weight */
const YIELDING = 10;

export interface Environment {
  readonly farlet: Farlet;
  /** where farlet can be asked, by `askProbe` */
  readonly probe: string;
  /** straight to the API server */
  readonly client: KubeConnection;
  /** between farlet and the API server */
  readonly proxy: DelayProxy;
  readonly nodes: readonly string[];
  /** Stops everything and leaves nothing behind. */
  stop(): Promise<void>;
}

type Ends = (() => unknown)[];

export async function startEnvironment(
  options: SimulateOptions,
  { hosts, signal, progress }: { hosts: number; signal: AbortSignal; progress: (step: string) => void },
): Promise<Environment> {
  const folder = mkdtempSync('/tmp/farlet-simulate-');
  const ends: Ends = [];
  const stop = async (): Promise<void> => {
    // what can't be taken away must not hide why the simulation ended
    for (const end of ends.splice(0).reverse())
      await Promise.resolve()
        .then(end)
        .catch((error: unknown) => {
          progress(`left behind: ${String(error)}`);
        });
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    progress('control plane');
    const plane = await behindFarlet(() => startControlPlane({ folder: `${folder}/plane` }));
    ends.push(() => plane.stop());
    const { hostname, port } = new URL(plane.server);
    const proxy = await startDelayProxy({ host: hostname, port: Number(port) });
    ends.push(() => {
      proxy.close();
    });
    progress(`${hosts} hosts`);
    const fakes = await behindFarlet(() => startHosts(options, { folder, count: hosts, ends, signal }));
    progress('farlet');
    const probe = `${folder}/probe.sock`;
    const farlet = await startFarlet({
      folder: `${folder}/farlet`,
      plane: planeThrough(plane, proxy, `${folder}/proxied`),
      hosts: fakes.hosts,
      // the hosts are one machine, whose cgroups are none of theirs
      config: { cgroupsPerQOS: false },
      env: environmentOf(probe, options.profile),
    });
    ends.push(() => farlet.stop());
    const client = connectKube({ userAgent: 'farlet-simulate', kubeconfig: plane.kubeconfig });
    ends.push(() => client.close());
    return { farlet, probe, client, proxy, nodes: fakes.hosts.map(({ name }) => name), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startHosts(
  { processes, events }: SimulateOptions,
  { folder, count, ends, signal }: { folder: string; count: number; ends: Ends; signal: AbortSignal },
): Promise<FakeHosts> {
  // what farlet mounts for pods goes with this: in a mount namespace of their own it is in nobody's way
  mkdirSync(`${folder}/hosts`);
  await run(['mount', '-t', 'tmpfs', 'tmpfs', `${folder}/hosts`]);
  ends.push(() => run(['umount', '--lazy', `${folder}/hosts`]));
  const fakes = await startFakeHosts({ folder: `${folder}/hosts`, count, processes, events }, { signal });
  ends.push(() => {
    fakes.stop();
  });
  return fakes;
}

function environmentOf(probe: string, profile: string | undefined): Record<string, string> {
  const env = probed(probe);
  if (profile === undefined) return env;
  mkdirSync(profile, { recursive: true });
  return { ...env, NODE_OPTIONS: `${env.NODE_OPTIONS} --cpu-prof --cpu-prof-dir=${profile}` };
}

/**
 * What is started within gets what farlet leaves of the CPU: elsewhere hosts and API server have cores of
 * their own. Processes get the priority of the one that starts them.
 */
async function behindFarlet<T>(start: () => Promise<T>): Promise<T> {
  const before = getPriority();
  setPriority(before + YIELDING);
  try {
    return await start();
  } finally {
    setPriority(before);
  }
}
