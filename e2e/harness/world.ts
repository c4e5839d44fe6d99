/**
 * What a scenario file runs on: a control plane, hosts of both containerds and farlet, all torn down at the
 * end.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { after, before } from 'node:test';
import { connectKube, type KubeConnection } from '../../src/kube/connect.ts';
import { onContainerds } from './containerds.ts';
import { startControlPlane, type ControlPlane, type ControlPlaneOptions } from './control-plane.ts';
import { startFarlet, type Farlet, type FarletOptions } from './farlet.ts';
import { startHost, type HostOptions, type TestHost } from './host.ts';
import { startRemoteHost, type RemoteHost, type RemoteHostOptions } from './remote-host.ts';

/** A host on this machine, or one that is reached over ssh or tcp. */
export type WorldHost =
  | (Omit<HostOptions, 'folder'> & { readonly link?: 'unix' })
  | (Omit<RemoteHostOptions, 'folder'> & { readonly link: 'ssh' | 'tcp' });

export interface World {
  readonly folder: string;
  /** names of the nodes that `useWorld` was given, known before anything has started */
  readonly nodes: readonly string[];
  readonly plane: ControlPlane;
  /**
   * the administrator's: for what is looked at again and again, where kubectl would start a process each time
   */
  readonly client: KubeConnection;
  /** the farlet over all hosts that `useWorld` was given */
  readonly farlet: Farlet;
  /** every farlet started so far */
  readonly farlets: readonly Farlet[];
  host(name: string): TestHost;
  /** every host started so far */
  hosts(): readonly TestHost[];
  /** one that is reached over ssh or tcp */
  remote(name: string): RemoteHost;
  /** One more host, torn down with the world. */
  startHost(options: WorldHost): Promise<TestHost>;
  /** One more farlet, torn down with the world; `name` is that of its folder. */
  startFarlet(
    name: string,
    options: Omit<FarletOptions, 'folder' | 'plane'> & Partial<Pick<FarletOptions, 'plane'>>,
  ): Promise<Farlet>;
  /** Runs `stop` when the world ends, before what was started earlier is torn down. */
  onEnd(stop: () => unknown): void;
}

export interface WorldOptions {
  /** default: node-1-6 and node-2, of the containerds of `FARLET_E2E_CONTAINERD` */
  readonly hosts?: readonly WorldHost[];
  readonly plane?: Pick<ControlPlaneOptions, 'clusterCIDR' | 'serviceCIDR'>;
  /** the farlet over these hosts; false: none, the scenario starts its own */
  readonly farlet?: false | Omit<FarletOptions, 'folder' | 'plane' | 'hosts'>;
  /** users whose requests the API server is to write down */
  readonly audited?: string | readonly string[];
  /** What else is to be there before the first test; hooks beside this one don't wait for the world. */
  readonly onUp?: (world: World) => Promise<void>;
}

export const bothContainerds: readonly WorldHost[] = [
  { name: 'node-1-6', version: '1.6' },
  { name: 'node-2', version: '2' },
];

/**
 * Starts a world before the tests of the calling file (or describe block) and tears it down after them, also
 * when starting fails half way or the run is interrupted. `plane`, `farlet` and `host` are for use within
 * tests.
 */
export function useWorld(options: WorldOptions = {}): World {
  const { hosts: wanted = onContainerds(bothContainerds), farlet: farletOptions = {} } = options;
  const folder = mkdtempSync('/tmp/farlet-e2e-');
  const ends: (() => unknown)[] = [];
  const hosts = new Map<string, TestHost>();
  const remotes = new Map<string, RemoteHost>();
  const keep = <Host extends TestHost>(host: Host, kind?: Map<string, Host>): Host => {
    ends.push(() => host.stop());
    hosts.set(host.name, host);
    kind?.set(host.name, host);
    return host;
  };
  let plane: ControlPlane | undefined;
  let client: KubeConnection | undefined;
  let farlet: Farlet | undefined;
  const farlets: Farlet[] = [];
  const started = <T>(what: T | undefined, name: string): T => {
    if (what === undefined) throw new Error(`${name} has not been started`);
    return what;
  };
  const world: World = {
    folder,
    nodes: wanted.map(({ name }) => name),
    get plane() {
      return started(plane, 'the control plane');
    },
    get client() {
      return started(client, 'the control plane');
    },
    get farlet() {
      return started(farlet, 'farlet');
    },
    farlets,
    host: (name) => started(hosts.get(name), `host ${name}`),
    hosts: () => [...hosts.values()],
    remote: (name) => started(remotes.get(name), `remote host ${name}`),
    startHost: async (more) => {
      const at = `${folder}/${more.name}`;
      if (more.link === 'ssh' || more.link === 'tcp')
        return keep(await startRemoteHost({ ...more, folder: at }), remotes);
      return keep(await startHost({ ...more, folder: at }));
    },
    startFarlet: async (name, more) => {
      const one = await startFarlet({ plane: world.plane, ...more, folder: `${folder}/${name}` });
      ends.push(() => one.stop());
      farlets.push(one);
      return one;
    },
    onEnd: (stop) => ends.push(stop),
  };
  ends.push(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const tearDown = onceOnly(() => runAll(ends));
  before(async () => {
    process.once('SIGTERM', () => void tearDown().finally(() => process.exit(1)));
    process.once('SIGINT', () => void tearDown().finally(() => process.exit(1)));
    try {
      await settled([
        startControlPlane({
          ...options.plane,
          folder: `${folder}/plane`,
          ...(options.audited === undefined ? {} : { audited: options.audited }),
        }).then((up) => {
          plane = up;
          ends.push(() => up.stop());
          const connection = connectKube({ userAgent: 'farlet-e2e', kubeconfig: up.kubeconfig });
          client = connection;
          ends.push(() => connection.close());
        }),
        ...wanted.map((each) => world.startHost(each)),
      ]);
      if (farletOptions !== false)
        farlet = await world.startFarlet('farlet', { ...farletOptions, hosts: [...hosts.values()] });
      await options.onUp?.(world);
    } catch (error) {
      await tearDown();
      throw error;
    }
  });
  after(tearDown);
  return world;
}

/** Waits for all, so that nothing starts any more when one has failed; throws the first failure. */
async function settled(promises: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(promises)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Runs them in reverse; all of them, whatever some of them throw; throws what was thrown first. */
async function runAll(ends: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const end of [...ends].reverse()) {
    try {
      await end();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

function onceOnly(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= work());
}
