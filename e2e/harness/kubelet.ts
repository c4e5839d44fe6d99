/**
 * The real kubelet over a host of this machine, as a node of a control plane: what farlet is compared with.
 * It is set up as farlet is in these tests (harness/farlet.ts): all defaults, but for what two nodes on one
 * machine can't share, and for what this machine has not.
 */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { kubelet } from './cache.ts';
import type { ControlPlane } from './control-plane.ts';
import { freePorts } from './free-ports.ts';
import { unmountBelow, type TestHost } from './host.ts';
import { start, tail } from './processes.ts';

export interface Kubelet {
  readonly pid: () => number;
  /** the last lines of its log */
  readonly log: (lines?: number) => string;
  /**
   * Ends it, and takes away what it has left outside of the host's folder and in the way of that folder's
   * removal: mounts, links to logs, settings of the kernel.
   */
  stop(): Promise<void>;
}

export interface KubeletOptions {
  readonly host: TestHost;
  /** of user system:node:<name of the host>, group system:nodes */
  readonly kubeconfig: string;
  readonly plane: Pick<ControlPlane, 'clientCa'>;
  /** keys added to the configuration, or put in place of what the harness writes */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** Where every kubelet has its device plugins, wherever its root is. */
const USUAL_ROOT = '/var/lib/kubelet';
const USUAL_LOGS = '/var/log/containers';
/** kubelet: cm/container_manager_linux.go, setupKernelTunables */
const SETTINGS = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
].map((name) => `/proc/sys/${name}`);

/** Whether this machine is a node already: two kubelets would take each other's device plugins. */
export function hasKubelet(): boolean {
  return existsSync(`${USUAL_ROOT}/pods`);
}

/** One node, named as the host is. Its root is in the host's folder: stop it before the host. */
export async function startKubelet(options: KubeletOptions): Promise<Kubelet> {
  const { host, kubeconfig } = options;
  const root = `${host.folder}/kubelet`;
  const logFile = `${host.folder}/kubelet.log`;
  mkdirSync(root, { recursive: true });
  makeCgroups(host.cgroupRoot);
  const restore = whatItChanges();
  const configFile = `${host.folder}/kubelet.yaml`;
  // YAML is a superset of JSON
  writeFileSync(configFile, JSON.stringify(await configOf(options), undefined, 2));
  const running = start(
    'kubelet',
    [
      kubelet(),
      `--config=${configFile}`,
      `--kubeconfig=${kubeconfig}`,
      `--root-dir=${root}`,
      `--cert-dir=${root}/pki`,
      `--hostname-override=${host.name}`,
      `--node-ip=${host.address}`,
    ],
    { logFile },
  );
  return {
    pid: () => running.pid,
    log: (lines = 60) => tail(logFile, lines),
    stop: async () => {
      await running.stop();
      await unmountBelow(root);
      removeLinks(host.folder);
      restore();
    },
  };
}

async function configOf({ host, plane, config }: KubeletOptions): Promise<Record<string, unknown>> {
  const [port, healthzPort] = await freePorts(2);
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: host.endpoint,
    address: '127.0.0.1',
    port,
    healthzPort,
    readOnlyPort: 0,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: plane.clientCa },
    },
    authorization: { mode: 'Webhook' },
    clusterDNS: ['10.96.0.10'],
    clusterDomain: 'cluster.local',
    podLogsDir: `${host.folder}/logs/pods`,
    volumePluginDir: `${host.folder}/kubelet/volume-plugins`,
    cgroupDriver: 'cgroupfs',
    // without it, its cAdvisor watches every cgroup of the machine, other nodes' pods among them
    cgroupRoot: host.cgroupRoot,
    failCgroupV1: false,
    failSwapOn: false,
    // the machine's tables are not its alone
    makeIPTablesUtilChains: false,
    // nodes of one machine share its disk: how full that is is none of a test's business
    evictionHard: { 'memory.available': '10Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    ...config,
  };
}

/** A kubelet wants its root to be there: in each hierarchy, or in the only one. */
function makeCgroups(path: string): void {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4] ?? '');
  for (const mount of mounts) mkdirSync(`${mount}${path}`, { recursive: true });
}

/** Notes it; puts it back when called. */
function whatItChanges(): () => void {
  const hadRoot = existsSync(USUAL_ROOT);
  const before = SETTINGS.map((file) => ({ file, value: readFileSync(file, 'utf8') }));
  return () => {
    for (const { file, value } of before)
      if (readFileSync(file, 'utf8') !== value) writeFileSync(file, value);
    if (!hadRoot) rmSync(USUAL_ROOT, { recursive: true, force: true });
  };
}

/** Those of containers whose logs are below the folder: the kubelet removes links late, or not at all. */
function removeLinks(folder: string): void {
  if (!existsSync(USUAL_LOGS)) return;
  for (const name of readdirSync(USUAL_LOGS)) {
    const link = `${USUAL_LOGS}/${name}`;
    try {
      if (readlinkSync(link).startsWith(`${folder}/`)) rmSync(link);
    } catch {
      // not a link, or gone meanwhile
    }
  }
}
