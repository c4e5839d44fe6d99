/** A containerd of its own on this machine: root, state, socket, CNI bridge and logs in one folder. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { ContainerdVersion } from './containerds.ts';
import { connectCri } from '../../src/hosts/cri/connect.ts';
import { containerd2, imageArchive } from './cache.ts';
import { eventually, outcome, run, start, tail, type Outcome, type Running } from './processes.ts';

export interface TestHost {
  readonly name: string;
  /** on the host, for farlet's root folder below it */
  readonly folder: string;
  /**
   * goes before a path on the host to make one on this machine; of remote hosts another one after a reboot
   */
  readonly root: () => string;
  readonly socket: string;
  readonly endpoint: string;
  /**
   * of its bridge: an address of this machine that is not loopback, which the API server refuses to proxy to
   */
  readonly address: string;
  /** where its pods' cgroups are made: every host of the machine needs its own */
  readonly cgroupRoot: string;
  /** what farlet's configuration says of it besides the endpoint */
  readonly ssh?: { readonly privateKeyFile: string; readonly knownHostsFile: string };
  readonly tls?: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
  /** the address under which the host sees the machine that tests run on */
  readonly outside: string;
  /** containerd's */
  readonly logFile: string;
  /** Runs a command on the host, not by farlet's link. */
  inside(command: readonly string[]): Promise<Outcome>;
  ctr(args: readonly string[]): Promise<string>;
  /** ids of all containers, sandboxes among them */
  containers(): Promise<string[]>;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** where its pods' interfaces end */
  readonly bridge?: string;
  /** of its containerd */
  readonly pid: () => number;
}

export interface HostOptions {
  readonly name: string;
  readonly version: ContainerdVersion;
  readonly folder: string;
  /** 0–255: tells hosts of one machine apart in bridge name and subnet; default: one that nobody uses */
  readonly number?: number;
  readonly detached?: boolean;
  readonly disks?: HostDisks;
}

/** File systems of their own (tmpfs), of these sizes: what fills up there is nobody else's. */
export interface HostDisks {
  /** farlet's root folder */
  readonly farlet?: string;
  /** containerd's root: images and containers */
  readonly containerd?: string;
}

export async function startHost(options: HostOptions): Promise<TestHost> {
  const { name, version, folder, detached = false } = options;
  const number = options.number ?? (await claimNumber());
  const bridge = `farlet${number}`;
  const address = `10.213.${number}.1`;
  await bringUp(bridge, `${address}/24`);
  for (const each of ['cni', 'root', 'state', 'logs']) mkdirSync(`${folder}/${each}`, { recursive: true });
  const mounts = mountDisks(options.disks, { farlet: `${folder}/farlet`, containerd: `${folder}/root` });
  for (const mount of mounts) await run(mount);
  writeFileSync(`${folder}/config.toml`, version === '2' ? configV2(folder) : configV16(folder));
  writeFileSync(
    `${folder}/cni/10-farlet.conflist`,
    JSON.stringify(cniConfig(folder, { bridge, subnet: `10.213.${number}.0/24` })),
  );
  const bin = version === '2' ? containerd2() : '/usr/bin';
  const socket = `${folder}/containerd.sock`;
  const ctr = (args: readonly string[]): Promise<string> =>
    run([`${bin}/ctr`, '-a', socket, '-n', 'k8s.io', ...args]);
  let running: Running | undefined;
  const host: TestHost = {
    name,
    folder,
    root: () => '',
    bridge,
    socket,
    endpoint: `unix://${socket}`,
    address,
    cgroupRoot: `/${bridge}`,
    outside: '127.0.0.1',
    logFile: `${folder}/containerd.log`,
    inside: (command) => outcome(command),
    ctr,
    pid: () => running?.pid ?? -1,
    containers: async () => (await ctr(['containers', 'ls', '-q'])).split('\n').filter((id) => id !== ''),
    kill: async () => {
      await running?.stop('SIGKILL');
    },
    start: async () => {
      running = start(`containerd-${name}`, [`${bin}/containerd`, '-c', `${folder}/config.toml`], {
        logFile: `${folder}/containerd.log`,
        env: { PATH: `${bin}:${process.env.PATH ?? ''}` },
        detached,
      });
      await eventually(
        `containerd ${version} of ${name}`,
        async () => (await outcome([`${bin}/ctr`, '-a', socket, 'version'])).code === 0,
        { describe: () => Promise.resolve(tail(`${folder}/containerd.log`)) },
      );
    },
    stop: () => stopHost(host, bridge),
  };
  try {
    await host.start();
    await ctr(['images', 'import', imageArchive()]);
  } catch (error) {
    await host.stop();
    throw error;
  }
  return host;
}

/** The commands that mount a host's disks. */
export function mountDisks(
  disks: HostDisks = {},
  at: Readonly<Required<HostDisks>>,
): readonly (readonly string[])[] {
  return (['farlet', 'containerd'] as const).flatMap((name) => {
    const size = disks[name];
    const options = `X-mount.mkdir,size=${size ?? ''}`;
    return size === undefined ? [] : [['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', at[name]]];
  });
}

/** 1 to 199, from where this process begins: runs beside each other seldom want the same ones. */
export function numbers(): readonly number[] {
  return Array.from({ length: 199 }, (_, index) => ((process.pid + index) % 199) + 1);
}

/** Making the bridge is what claims its number: the kernel lets only one succeed. */
async function claimNumber(): Promise<number> {
  for (const number of numbers())
    if ((await outcome(['ip', 'link', 'add', `farlet${number}`, 'type', 'bridge'])).code === 0) return number;
  throw new Error('every bridge from farlet1 to farlet199 exists: delete those of hosts that are gone');
}

/** As the bridge plugin would make it for the first pod. */
async function bringUp(bridge: string, address: string): Promise<void> {
  await outcome(['ip', 'link', 'add', bridge, 'type', 'bridge']);
  await run(['ip', 'address', 'replace', address, 'dev', bridge]);
  await run(['ip', 'link', 'set', bridge, 'up']);
}

async function stopHost(host: TestHost, bridge: string): Promise<void> {
  await removeSandboxes(host.socket);
  await killShims(host.folder);
  await host.kill();
  await sweep(host.folder, bridge);
}

/**
 * Has the runtime take its pods down, so that their network namespaces, addresses and firewall rules go with
 * them. What drives the runtime must be stopped before. A runtime that does not answer is left as it is.
 */
export async function removeSandboxes(socket: string): Promise<void> {
  const cri = connectCri({ endpoint: { target: `unix:${socket}` }, host: socket });
  const limit = { timeoutMs: 30_000 };
  try {
    const { items } = await cri.listPodSandbox({}, { timeoutMs: 5_000 });
    await Promise.allSettled(
      items.map(async ({ id }) => {
        await cri.stopPodSandbox({ pod_sandbox_id: id }, limit);
        await cri.removePodSandbox({ pod_sandbox_id: id }, limit);
      }),
    );
  } catch {
    // its socket is gone or dead: there is nobody to ask
  } finally {
    cri.close();
  }
}

/** Kills a host's shims, which carry its socket's folder in their arguments, and what runs under them. */
export async function killShims(folder: string): Promise<void> {
  const { stdout } = await outcome(['pgrep', '-f', '--', `-address ${folder}/`]);
  for (const shim of stdout.split('\n').filter((pid) => pid !== '')) {
    await outcome(['pkill', '-9', '-P', shim]);
    await outcome(['kill', '-9', shim]);
  }
}

/** Takes away the mounts below a folder, the bridge, the cgroups named as the bridge, and the folder. */
export async function sweep(folder: string, bridge: string): Promise<void> {
  await unmountBelow(folder);
  await removeCgroups(bridge);
  await outcome(['ip', 'link', 'delete', bridge]);
  rmSync(folder, { recursive: true, force: true });
}

/** The deepest first; a place may be mounted on more than once. */
export async function unmountBelow(folder: string): Promise<void> {
  const unmount = `for round in 1 2 3; do awk '{print $5}' /proc/self/mountinfo | grep '^${folder}/' | sort -r | xargs -r umount -l; done`;
  await outcome(['sh', '-c', unmount]);
}

/** Those below the root of a host's pods, in every hierarchy. */
export async function removeCgroups(name: string): Promise<void> {
  const root = `/sys/fs/cgroup/*/${name}`;
  const below = ['(', '-path', root, '-o', '-path', `${root}/*`, ')'];
  await outcome(['find', '/sys/fs/cgroup', '-depth', '-type', 'd', ...below, '-exec', 'rmdir', '{}', ';']);
}

function configV2(folder: string): string {
  return `version = 3
root = "${folder}/root"
state = "${folder}/state"
[grpc]
  address = "${folder}/containerd.sock"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "localhost/pause:1"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "${folder}/cni"
`;
}

function configV16(folder: string): string {
  return `version = 2
root = "${folder}/root"
state = "${folder}/state"
[grpc]
  address = "${folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${folder}/cni"
`;
}

export function cniConfig(folder: string, { bridge, subnet }: { bridge: string; subnet: string }): object {
  return {
    cniVersion: '0.4.0',
    name: bridge,
    plugins: [
      {
        type: 'bridge',
        bridge,
        isGateway: true,
        ipMasq: true,
        ipam: {
          type: 'host-local',
          dataDir: `${folder}/ipam`,
          ranges: [[{ subnet }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}
