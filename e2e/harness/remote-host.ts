/**
 * A machine of its own, as good as: network, mounts and processes apart from this one's, with its own /etc,
 * /var, /run, its containerd, and its sshd or containerd's TCP listener. Nothing of it can be reached but
 * over its address.
 */
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import type { ContainerdVersion } from './containerds.ts';
import { containerd2, gvisor, imageArchive } from './cache.ts';
import { gvisorConfig, gvisorShimConfig, mapUsers } from './gvisor.ts';
import { API_NETWORK } from './control-plane.ts';
import { cniConfig, mountDisks, numbers, removeCgroups, type HostDisks, type TestHost } from './host.ts';
import { Authority } from './pki.ts';
import { eventually, outcome, run, start, tail, type Outcome, type Running } from './processes.ts';

export interface RemoteHost extends TestHost {
  readonly address: string;
  readonly ssh: { readonly privateKeyFile: string; readonly knownHostsFile: string };
  /** of hosts on tcp: who issued the certificates of both ends */
  readonly authority?: Authority;
  /** the link is down at the far end: whoever dials learns so after a while */
  cutLink(): Promise<void>;
  /** what comes from either end is dropped, and nobody is told: connections are half open */
  dropPackets(): Promise<void>;
  /**
   * What comes from or goes to the machine of farlet and the API server is dropped, and nobody is told; other
   * hosts are reached as before.
   */
  cutOff(): Promise<void>;
  /** ends any of these */
  mendLink(): Promise<void>;
  /** containerd accepts connections and answers nothing, until it is thawed */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** stops containerd 1.6 and starts 2 on what it left */
  upgrade(): Promise<void>;
  /** of the host's first process: its mount namespace is the host's */
  initPid(): number;
  /** Lets containerd pull from a registry that speaks plain HTTP. */
  trustRegistry(address: string): Promise<void>;
  stopSshd(): Promise<void>;
  startSshd(): Promise<void>;
  /** Everything that ran is gone, /run is empty, the boot id is new, disks are as they were. */
  reboot(): Promise<void>;
}

export interface RemoteHostOptions {
  readonly name: string;
  readonly version: ContainerdVersion;
  readonly folder: string;
  /** default: ssh; a host on tcp has no sshd */
  readonly link?: 'ssh' | 'tcp';
  /** it has gVisor's runtime as a second handler, `gvisor`; needs containerd 2 and root to log in */
  readonly gvisor?: boolean;
  /** who logs in; operator is no root but has sudo */
  readonly user?: 'root' | 'operator';
  /** of hosts on tcp: the URLs of streams name the host's address, also where containerd would not */
  readonly namesStreamAddress?: boolean;
  /** more lines for sshd_config */
  readonly sshd?: readonly string[];
  /** lines at its end, as Match blocks */
  readonly sshdEnd?: readonly string[];
  readonly disks?: HostDisks;
  /** what the host mounts later is not seen by containers that ask for it, as where no systemd runs */
  readonly isRootPrivate?: boolean;
  /**
   * who brings the network of pods: it is there (default), or an agent will bring it. For one there are CNI
   * plugins in /opt/cni/bin, and no configuration.
   */
  readonly network?: 'bridge' | 'agent';
  /** OCI archives with more images for it */
  readonly images?: readonly string[];
  /** it goes on when this process ends (the demo) */
  readonly detached?: boolean;
}

const DISKS = { farlet: '/var/lib/farlet', containerd: '/var/lib/containerd' };
const SOCKET = '/run/containerd/containerd.sock';
/** Node on the host, wherever it is on this machine: the host has a /tmp of its own. */
export const HOST_NODE = '/run/node';
/** as pkill finds it */
const CONTAINERD = '/containerd -c';
const DROP = [
  ['INPUT', '-i', 'eth0', '-j', 'DROP'],
  ['OUTPUT', '-o', 'eth0', '-j', 'DROP'],
] as const;
function cutOff(number: number): readonly (readonly string[])[] {
  // of other hosts' addresses, and of those of other hosts' machines, there is nothing here
  const machine = `10.214.${number}.1,${API_NETWORK}`;
  return [
    ['INPUT', '-s', machine, '-j', 'DROP'],
    ['OUTPUT', '-d', machine, '-j', 'DROP'],
    ['FORWARD', '-d', machine, '-j', 'DROP'],
  ];
}
/** of containerd on hosts on tcp */
const PORTS = { grpc: 10010, stream: 10011 };

/** What is left of a host of another process, for `removeRemoteHost`. */
export interface HostRemains {
  /** as the kernel names it: `net:[number]` */
  readonly netns: string;
  /** of its veth pair, and of the root of its pods' cgroups */
  readonly link: string;
}

export function remainsOf(host: RemoteHost): HostRemains {
  return { netns: readlinkSync(`/proc/${host.initPid()}/ns/net`), link: host.cgroupRoot.slice(1) };
}

/** Ends what runs in a host's network, its first process among them, and with it all else of the host. */
export async function removeRemoteHost({ netns, link }: HostRemains): Promise<void> {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  for (const pid of pids.filter((each) => networkOf(each) === netns)) await outcome(['kill', '-9', pid]);
  await eventually('processes of the host to end', () => pids.every((pid) => networkOf(pid) !== netns));
  await outcome(['ip', 'link', 'delete', link]);
  await removeCgroups(link);
}

function networkOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

export async function startRemoteHost(options: RemoteHostOptions): Promise<RemoteHost> {
  const {
    name,
    version,
    folder,
    user = 'root',
    link = 'ssh',
    network = 'bridge',
    isRootPrivate = false,
    detached = false,
  } = options;
  const disk = `${folder}/disk`;
  mkdirSync(disk, { recursive: true, mode: 0o700 });
  const number = await claimNumber();
  const address = `10.214.${number}.2`;
  const withGvisor = options.gvisor === true;
  const holder = await startHolder(folder, { number, inUserNamespace: withGvisor, detached });
  const binOf = (of: ContainerdVersion): string => (of === '2' ? containerd2() : '/usr/bin');
  let bin = binOf(version);
  const searchPath = (): string => [bin, ...(withGvisor ? [gvisor()] : []), process.env.PATH ?? ''].join(':');
  const keys = await makeKeys(folder, address);
  const { sshd = [], sshdEnd = [] } = options;
  await makeEtc(disk, { keys, version, network, subnet: `10.215.${number}.0/24`, sshd, sshdEnd });
  if (network === 'agent') {
    await makeOpt(disk);
    // nobody answers there: what asks for names outside the cluster is not to go further than to this machine
    writeFileSync(`${disk}/etc/resolv.conf`, `nameserver 10.214.${number}.1\n`);
  }
  if (withGvisor) {
    appendFileSync(`${disk}/etc/containerd/config.toml`, gvisorConfig);
    writeFileSync(`${disk}/etc/containerd/runsc.toml`, gvisorShimConfig);
  }
  // the one says where it is, the other leaves that to whoever reads its URLs
  const streams = version === '2' && options.namesStreamAddress !== true ? '0.0.0.0' : address;
  const tls = link === 'tcp' ? await listenOnTcp(disk, { folder, address, streams }) : undefined;
  let boots = 0;
  let init: Running | undefined;
  const running = new Map<string, Running>();
  const enter = (command: readonly string[]): string[] => [
    'nsenter',
    '-t',
    String(initPid(init)),
    ...(withGvisor ? ['-U'] : []),
    '-m',
    '-n',
    '-p',
    '--',
    ...command,
  ];
  const inside = (command: readonly string[]): Promise<Outcome> => outcome(enter(command));
  const ctr = async (args: readonly string[]): Promise<string> =>
    run(enter([`${bin}/ctr`, '-a', SOCKET, '-n', 'k8s.io', ...args]));
  // the pod by which farlet works on a host on tcp is no pod of the node, which has the host's name
  const notTheHelper = `labels."farlet.dev/helper"!=${name}`;
  const launch = (what: string, command: readonly string[]): void => {
    running.set(
      what,
      start(`${what}-${name}`, enter(command), { logFile: `${folder}/${what}.log`, detached }),
    );
  };
  const halt = async (what: string): Promise<void> => {
    const pattern = what === 'sshd' ? '^sshd|sbin/sshd' : CONTAINERD;
    await inside(['pkill', '-9', '-f', pattern]);
    await running.get(what)?.stop('SIGKILL');
  };
  const startContainerd = async (): Promise<void> => {
    launch('containerd', [
      'env',
      `PATH=${searchPath()}`,
      `${bin}/containerd`,
      '-c',
      '/etc/containerd/config.toml',
    ]);
    await eventually(
      `containerd of ${name}`,
      async () => (await inside([`${bin}/ctr`, '-a', SOCKET, 'version'])).code === 0,
      { describe: () => Promise.resolve(tail(`${folder}/containerd.log`)) },
    );
  };
  const startSshd = async (): Promise<void> => {
    launch('sshd', ['/usr/sbin/sshd', '-D', '-e', '-f', '/etc/ssh/sshd_config']);
    await eventually(
      `sshd of ${name}`,
      async () => (await outcome(['ssh-keyscan', '-T', '2', address])).stdout !== '',
      { describe: () => Promise.resolve(tail(`${folder}/sshd.log`)) },
    );
  };
  const boot = async (): Promise<void> => {
    boots += 1;
    init = await startInit(folder, {
      holder: holder.pid,
      boot: boots,
      inUserNamespace: withGvisor,
      isRootPrivate,
      detached,
    });
    for (const mount of mountDisks(options.disks, DISKS)) await run(enter(mount));
    await startContainerd();
    if (link === 'ssh') await startSshd();
  };
  const netns = (command: readonly string[]): string[] => [
    'nsenter',
    '-t',
    String(holder.pid),
    '-n',
    ...command,
  ];
  const within = (args: readonly string[]): Promise<string> => run(netns(['ip', ...args]));
  const host: RemoteHost = {
    name,
    folder: '/var/lib',
    cgroupRoot: `/farletv${number}`,
    socket: SOCKET,
    outside: `10.214.${number}.1`,
    logFile: `${folder}/containerd.log`,
    address,
    endpoint: link === 'tcp' ? `tcp://${address}:${PORTS.grpc}` : `ssh://${user}@${address}${SOCKET}`,
    ...tls,
    ssh: { privateKeyFile: keys.user, knownHostsFile: keys.knownHosts },
    root: () => `/proc/${initPid(init)}/root`,
    inside,
    ctr,
    pid: () => running.get('containerd')?.pid ?? -1,
    containers: async () =>
      (await ctr(['containers', 'ls', '-q', notTheHelper])).split('\n').filter((id) => id !== ''),
    kill: () => halt('containerd'),
    start: startContainerd,
    cutLink: async () => {
      // at the far end: here the route must stay, or packets would leave by another
      await within(['link', 'set', 'eth0', 'down']);
    },
    dropPackets: async () => {
      for (const rule of DROP) await run(netns(['iptables', '-w', '-I', ...rule]));
    },
    cutOff: async () => {
      for (const rule of cutOff(number)) await run(netns(['iptables', '-w', '-I', ...rule]));
    },
    mendLink: async () => {
      for (const rule of [...DROP, ...cutOff(number)])
        await outcome(netns(['iptables', '-w', '-D', ...rule]));
      await within(['link', 'set', 'eth0', 'up']);
      await within(['route', 'replace', 'default', 'via', `10.214.${number}.1`]);
    },
    freeze: async () => {
      await run(enter(['pkill', '-STOP', '-f', CONTAINERD]));
    },
    thaw: async () => {
      await run(enter(['pkill', '-CONT', '-f', CONTAINERD]));
    },
    upgrade: async () => {
      await halt('containerd');
      writeFileSync(`${disk}/etc/containerd/config.toml`, containerdConfig('2', network));
      if (link === 'tcp') addTcp(disk, { address, streams: '0.0.0.0' });
      bin = binOf('2');
      await startContainerd();
    },
    initPid: () => initPid(init),
    trustRegistry: async (registry) => {
      const at = `${disk}/etc/containerd/certs.d/${registry}`;
      mkdirSync(at, { recursive: true });
      // 1.6 goes by the table, 2 by either
      writeFileSync(
        `${at}/hosts.toml`,
        `server = "http://${registry}"\n[host."http://${registry}"]\n  capabilities = ["pull", "resolve"]\n`,
      );
      return Promise.resolve();
    },
    stopSshd: () => halt('sshd'),
    startSshd,
    reboot: async () => {
      await powerOff(init);
      await Promise.all([...running.values()].map((each) => each.stop('SIGKILL')));
      await boot();
    },
    stop: async () => {
      await powerOff(init);
      await Promise.all([...running.values()].map((each) => each.stop('SIGKILL')));
      await removeCgroups(`farletv${number}`);
      // before its holder, with which it goes: by then the number may be another host's
      await outcome(['ip', 'link', 'delete', `farletv${number}`]);
      await holder.stop('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await boot();
    for (const archive of [imageArchive(), ...(options.images ?? [])])
      await ctr(['images', 'import', archive]);
  } catch (error) {
    await host.stop();
    throw error;
  }
  return host;
}

/** Making the link is what claims its number: the kernel lets only one succeed. */
async function claimNumber(): Promise<number> {
  for (const number of numbers()) {
    const add = ['ip', 'link', 'add', `farletv${number}`, 'type', 'veth', 'peer', 'name', `farletp${number}`];
    if ((await outcome(add)).code === 0) return number;
  }
  throw new Error('every link from farletv1 to farletv199 exists: delete those of hosts that are gone');
}

/** Holds the host's network over its reboots. */
async function startHolder(
  folder: string,
  { number, inUserNamespace, detached }: { number: number; inUserNamespace: boolean; detached: boolean },
): Promise<Running> {
  const apartFrom = inUserNamespace ? ['-U', '-n'] : ['-n'];
  const holder = start('holder', ['unshare', ...apartFrom, 'sleep', 'infinity'], {
    logFile: `${folder}/holder.log`,
    detached,
  });
  const apart = async (): Promise<boolean> =>
    (await outcome(['readlink', `/proc/${holder.pid}/ns/net`])).stdout !==
    (await outcome(['readlink', '/proc/self/ns/net'])).stdout;
  await eventually('a network of its own', apart);
  if (inUserNamespace) mapUsers(holder.pid);
  await run(['ip', 'link', 'set', `farletp${number}`, 'netns', String(holder.pid)]);
  const within = (args: readonly string[]): Promise<string> =>
    run(['nsenter', '-t', String(holder.pid), '-n', 'ip', ...args]);
  await run(['ip', 'address', 'add', `10.214.${number}.1/24`, 'dev', `farletv${number}`]);
  await run(['ip', 'link', 'set', `farletv${number}`, 'up']);
  await within(['link', 'set', `farletp${number}`, 'name', 'eth0']);
  await within(['address', 'add', `10.214.${number}.2/24`, 'dev', 'eth0']);
  await within(['link', 'set', 'eth0', 'up']);
  await within(['link', 'set', 'lo', 'up']);
  await within(['route', 'add', 'default', 'via', `10.214.${number}.1`]);
  return holder;
}

const SHARED_ROOT = `# as systemd has it: what the host mounts later is seen by containers that ask for it
mount --make-rshared /`;

/** The host's first process. Its mounts are private, so they go when it goes. */
async function startInit(
  folder: string,
  of: {
    holder: number;
    boot: number;
    inUserNamespace: boolean;
    isRootPrivate: boolean;
    detached: boolean;
  },
): Promise<Running> {
  const { inUserNamespace, isRootPrivate, detached } = of;
  const disk = `${folder}/disk`;
  const script = `set -e
mount --make-rprivate /
${isRootPrivate ? '' : SHARED_ROOT}
for d in etc opt var/lib var/log; do
  mkdir -p ${disk}/$d; mount --bind ${disk}/$d /$d
  # no peer of the folder that it shows: what is mounted below one is not below the other
  mount --make-private /$d; mount --make-shared /$d
done
mount -t tmpfs -o mode=755 tmpfs /run
touch ${HOST_NODE} && mount --bind ${process.execPath} ${HOST_NODE}
mount -t tmpfs -o mode=1777 tmpfs /tmp
mkdir -p /run/sshd /run/lock /run/user
cat /proc/sys/kernel/random/uuid > /run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
for kind in bridge vxlan veth; do
  for link in $(ip -o link show type $kind | cut -d: -f2 | cut -d@ -f1); do [ $link = eth0 ] || ip link delete $link || :; done
done
for command in iptables ip6tables; do
  for table in filter nat mangle; do $command -w -t $table -F; $command -w -t $table -X; done
done
sysctl -qw net.ipv4.ip_forward=1
touch /run/booted-${of.boot}
# whose parent has gone is waited for here, as by any first process
while :; do sleep 1000 & wait $!; done
`;
  const command = [
    'nsenter',
    '-t',
    String(of.holder),
    ...(inUserNamespace ? ['-U'] : []),
    '-n',
    'unshare',
    '-m',
    '-p',
    '-f',
    '--kill-child',
    '--mount-proc',
    'sh',
    '-c',
    script,
  ];
  const init = start('init', command, { logFile: `${folder}/init.log`, detached });
  await eventually(
    'the host to boot',
    async () => {
      const pid = initPid(init);
      const marker = `/run/booted-${of.boot}`;
      return (
        pid > 0 &&
        (await outcome(['nsenter', '-t', String(pid), '-m', '-p', 'test', '-e', marker])).code === 0
      );
    },
    { describe: () => Promise.resolve(tail(`${folder}/init.log`)) },
  );
  return init;
}

/** The first process of a pid namespace takes all others with it, and ends after them. */
async function powerOff(init: Running | undefined): Promise<void> {
  if (init === undefined || init.exited()) return;
  await outcome(['kill', '-9', String(initPid(init))]);
  await eventually('processes of the host to end', () => init.exited());
}

/** unshare -f waits for the first process of the namespace, which is its only child. */
function initPid(init: Running | undefined): number {
  if (init === undefined) return -1;
  const children = readFileSync(`/proc/${init.pid}/task/${init.pid}/children`, 'utf8').trim();
  return children === '' ? -1 : Number(children.split(' ')[0]);
}

interface HostKeys {
  readonly user: string;
  readonly host: string;
  readonly knownHosts: string;
}

async function makeKeys(folder: string, address: string): Promise<HostKeys> {
  const keys = {
    user: `${folder}/id_ed25519`,
    host: `${folder}/host_ed25519`,
    knownHosts: `${folder}/known_hosts`,
  };
  for (const file of [keys.user, keys.host])
    await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', file]);
  const [type = '', key = ''] = readFileSync(`${keys.host}.pub`, 'utf8').split(' ');
  writeFileSync(keys.knownHosts, `${address} ${type} ${key}\n`);
  return keys;
}

async function makeEtc(
  disk: string,
  of: {
    keys: HostKeys;
    version: ContainerdVersion;
    network: 'bridge' | 'agent';
    subnet: string;
    sshd: readonly string[];
    sshdEnd: readonly string[];
  },
): Promise<void> {
  const { keys, version, network, subnet, sshd, sshdEnd } = of;
  const etc = `${disk}/etc`;
  await run(['cp', '-a', '/etc', etc]);
  // homes of their own: start-up files of this machine's shells are none of the host's
  const users = readFileSync(`${etc}/passwd`, 'utf8').replace(
    /^root:.*$/m,
    'root:x:0:0:root:/var/lib/root:/bin/sh',
  );
  writeFileSync(`${etc}/passwd`, `${users}operator:x:4711:4711::/var/lib/operator:/bin/sh\n`);
  writeFileSync(`${etc}/shadow`, `${readFileSync(`${etc}/shadow`, 'utf8')}operator:*:19000:0:99999:7:::\n`);
  writeFileSync(`${etc}/group`, `${readFileSync(`${etc}/group`, 'utf8')}operator:x:4711:\n`);
  mkdirSync(`${etc}/sudoers.d`, { recursive: true });
  writeFileSync(`${etc}/sudoers.d/operator`, 'operator ALL=(ALL) NOPASSWD: ALL\n', { mode: 0o440 });
  for (const each of ['root', 'operator']) mkdirSync(`${disk}/var/lib/${each}`, { recursive: true });
  await run(['cp', keys.host, `${etc}/ssh/host_key`]);
  mkdirSync(`${etc}/ssh/users`, { recursive: true });
  for (const each of ['root', 'operator']) await run(['cp', `${keys.user}.pub`, `${etc}/ssh/users/${each}`]);
  writeFileSync(
    `${etc}/ssh/sshd_config`,
    [
      ...sshd,
      'HostKey /etc/ssh/host_key',
      'AuthorizedKeysFile /etc/ssh/users/%u',
      'PidFile none',
      'UsePAM no',
      'PasswordAuthentication no',
      'PermitRootLogin prohibit-password',
      ...sshdEnd,
      '',
    ].join('\n'),
  );
  writeFileSync(
    `${etc}/machine-id`,
    (await run(['cat', '/proc/sys/kernel/random/uuid'])).replaceAll('-', ''),
  );
  mkdirSync(`${etc}/containerd`, { recursive: true });
  mkdirSync(`${etc}/cni/net.d`, { recursive: true });
  writeFileSync(`${etc}/containerd/config.toml`, containerdConfig(version, network));
  if (network === 'bridge')
    writeFileSync(
      `${etc}/cni/net.d/10-farlet.conflist`,
      JSON.stringify(cniConfig('/var/lib/cni', { bridge: 'cni0', subnet })),
    );
}

async function makeOpt(disk: string): Promise<void> {
  mkdirSync(`${disk}/opt/cni`, { recursive: true });
  await run(['cp', '-a', PLUGINS.bridge, `${disk}${PLUGINS.agent}`]);
}

/** Where CNI plugins are: Debian's own folder, or the one that agents bring theirs to. */
const PLUGINS = { bridge: '/usr/lib/cni', agent: '/opt/cni/bin' };

/** Everything is where containerd has it by default. */
function containerdConfig(version: ContainerdVersion, network: 'bridge' | 'agent'): string {
  if (version === '2')
    return `version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "localhost/pause:1"
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = "/etc/containerd/certs.d"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["${PLUGINS[network]}"]
    conf_dir = "/etc/cni/net.d"
`;
  return `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${PLUGINS[network]}"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
`;
}

/** Mutual TLS for the CRI, TLS for streams; what the host has of it lies on its own disk. */
async function listenOnTcp(
  disk: string,
  of: { folder: string; address: string; streams: string },
): Promise<{ tls: NonNullable<TestHost['tls']>; authority: Authority }> {
  const { folder, address, streams } = of;
  const authority = await Authority.create(`${folder}/pki`, 'hosts');
  const [server, client] = await Promise.all([
    authority.issue('server', { cn: 'host', sans: [`IP:${address}`], usage: 'serverAuth' }),
    authority.issue('client', { cn: 'farlet', usage: 'clientAuth' }),
  ]);
  const at = '/etc/containerd/tls';
  mkdirSync(`${disk}${at}`, { recursive: true, mode: 0o700 });
  await run(['cp', authority.cert, `${disk}${at}/ca.crt`]);
  await run(['cp', server.cert, `${disk}${at}/server.crt`]);
  await run(['cp', server.key, `${disk}${at}/server.key`]);
  addTcp(disk, { address, streams });
  return { tls: { caFile: authority.cert, certFile: client.cert, keyFile: client.key }, authority };
}

function addTcp(disk: string, { address, streams }: { address: string; streams: string }): void {
  const at = '/etc/containerd/tls';
  const text = `
[grpc]
  tcp_address = "${address}:${PORTS.grpc}"
  tcp_tls_ca = "${at}/ca.crt"
  tcp_tls_cert = "${at}/server.crt"
  tcp_tls_key = "${at}/server.key"
`;
  const cri = `  disable_tcp_service = false
  stream_server_address = "${streams}"
  stream_server_port = "${PORTS.stream}"
  enable_tls_streaming = true
`;
  const pair = `[plugins."io.containerd.grpc.v1.cri".x509_key_pair_streaming]
  tls_cert_file = "${at}/server.crt"
  tls_key_file = "${at}/server.key"
`;
  const file = `${disk}/etc/containerd/config.toml`;
  const before = readFileSync(file, 'utf8').replace(/^ *stream_server_port.*\n/m, '');
  const head = '[plugins."io.containerd.grpc.v1.cri"]\n';
  const plugin = before.includes(head) ? before.replace(head, head + cri) : `${before}${head}${cri}`;
  writeFileSync(file, plugin + pair + text);
}
