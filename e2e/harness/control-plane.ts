/**
 * A real control plane on loopback: etcd, kube-apiserver, scheduler, controller manager, with ports and a
 * folder of its own.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { kubernetes } from './cache.ts';
import { numbers } from './host.ts';
import { Authority, type KeyPair } from './pki.ts';
import { etcdCommand, keepData, putBackData } from './etcd.ts';
import { freePorts } from './free-ports.ts';
import { eventually, outcome, run, start, tail, type Outcome, type Running } from './processes.ts';

export interface ControlPlane {
  readonly folder: string;
  /** admin's */
  readonly kubeconfig: string;
  readonly server: string;
  /** where the API server is for hosts and pods elsewhere; of one on loopback alone: loopback */
  readonly address: string;
  /** the interface with that address, if it is its own */
  readonly link: string | undefined;
  readonly clientCa: string;
  /** the client certificate with which the API server calls kubelets */
  readonly kubeletClient: KeyPair;
  /** A client certificate of the cluster's CA, and a kubeconfig with it. */
  account(
    name: string,
    subject: { readonly cn: string; readonly o?: string; readonly days?: number },
  ): Promise<{ readonly pair: KeyPair; readonly kubeconfig: string }>;
  kubectl(args: readonly string[], input?: string): Promise<string>;
  tryKubectl(args: readonly string[], input?: string): Promise<Outcome>;
  /** what `audited` has asked so far */
  audit(): readonly Audited[];
  /** where that is written: a line of JSON each */
  readonly auditLog: string;
  stopApiServer(): Promise<void>;
  startApiServer(): Promise<void>;
  /** A backup of its store as it is at this moment; all goes on meanwhile. */
  backUp(): Promise<Backup>;
  /**
   * As people are told to do it: everything is stopped, the store put back, everything started. Resolves when
   * the API server is ready.
   */
  restore(backup: Backup): Promise<void>;
  stop(): Promise<void>;
}

/** As an API server's audit log has it (audit.k8s.io/v1 Event). */
export interface Audited {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly userAgent?: string;
  readonly objectRef?: {
    readonly resource: string;
    readonly subresource?: string;
    readonly apiGroup?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code: number };
  /** a watch is written down twice: ResponseStarted when it is open, ResponseComplete when it has ended */
  readonly stage: string;
}

/** A folder with etcd's data. */
export type Backup = string;

export interface ControlPlaneOptions {
  readonly folder: string;
  readonly onProgress?: (step: string) => void;
  /** the processes go on when this one ends (the demo) */
  readonly detached?: boolean;
  /** users whose requests the API server is to write down */
  readonly audited?: string | readonly string[];
  /** flags of the controller manager besides its own */
  readonly controllers?: readonly string[];
  /** of Services: one range, or one of each family, the cluster's own first */
  readonly serviceCIDR?: string;
  /**
   * It is there for hosts and pods too: the API server has an address of its own, to which the Service
   * `kubernetes` leads, and Nodes get ranges for their pods out of this one.
   */
  readonly clusterCIDR?: string;
}

/** where API servers are that hosts reach */
export const API_NETWORK = '10.216.0.0/16';
const SERVICE_CIDR = '10.96.0.0/16';

/** Resolves when pods can be created; when it cannot be started, nothing of it stays. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const running = new Map<string, Running>();
  const network = options.clusterCIDR === undefined ? undefined : await claimAddress(options.clusterCIDR);
  const end = async (): Promise<void> => {
    await stopAll(running);
    if (network !== undefined) await outcome(['ip', 'link', 'delete', network.link]);
  };
  try {
    return { ...(await launchControlPlane(options, running, network)), stop: end };
  } catch (error) {
    await end();
    throw error;
  }
}

interface Network {
  readonly clusterCIDR: string;
  readonly link: string;
  readonly address: string;
}

/** Making the link is what claims its number: the kernel lets only one succeed. */
async function claimAddress(clusterCIDR: string): Promise<Network> {
  for (const number of numbers()) {
    const link = `farletapi${number}`;
    if ((await outcome(['ip', 'link', 'add', link, 'type', 'bridge'])).code !== 0) continue;
    const address = `10.216.${number}.1`;
    await run(['ip', 'address', 'add', `${address}/32`, 'dev', link]);
    await run(['ip', 'link', 'set', link, 'up']);
    return { clusterCIDR, link, address };
  }
  throw new Error(
    'every link from farletapi1 to farletapi199 exists: delete those of clusters that are gone',
  );
}

async function stopAll(running: ReadonlyMap<string, Running>): Promise<void> {
  for (const name of ['kube-controller-manager', 'kube-scheduler', 'kube-apiserver', 'etcd'])
    await running.get(name)?.stop('SIGKILL');
}

async function launchControlPlane(
  options: ControlPlaneOptions,
  running: Map<string, Running>,
  network: Network | undefined,
): Promise<Omit<ControlPlane, 'stop'>> {
  const { folder, onProgress = () => undefined, detached = false } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const [etcdPort, peerPort, apiPort, schedulerPort, controllerPort] = (await freePorts(5)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const server = `https://127.0.0.1:${apiPort}`;
  onProgress('certificates');
  const address = network?.address ?? '127.0.0.1';
  const files = await makeCredentials(folder, { server, address });
  const launch = (name: string, command: readonly string[]): void => {
    running.set(name, start(name, command, { logFile: `${folder}/logs/${name}.log`, detached }));
  };

  onProgress('etcd');
  const data = `${folder}/etcd`;
  const etcd = etcdCommand(data, { clients: etcdPort, peers: peerPort });
  launch('etcd', etcd);

  const apiServer = [
    ...kubernetes('kube-apiserver'),
    `--bind-address=${network === undefined ? address : '0.0.0.0'}`,
    `--secure-port=${apiPort}`,
    `--advertise-address=${address}`,
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    `--service-cluster-ip-range=${options.serviceCIDR ?? SERVICE_CIDR}`,
    `--client-ca-file=${files.ca.cert}`,
    `--tls-cert-file=${files.serving.cert}`,
    `--tls-private-key-file=${files.serving.key}`,
    `--kubelet-client-certificate=${files.kubeletClient.cert}`,
    `--kubelet-client-key=${files.kubeletClient.key}`,
    '--kubelet-preferred-address-types=InternalIP,Hostname',
    // the identity under which API servers of others are called
    `--requestheader-client-ca-file=${files.frontProxy.ca}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${files.frontProxy.client.cert}`,
    `--proxy-client-key-file=${files.frontProxy.client.key}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${folder}/pki/sa.pub`,
    `--service-account-signing-key-file=${folder}/pki/sa.key`,
    `--endpoint-reconciler-type=${network === undefined ? 'none' : 'lease'}`,
    '--profiling=false',
    '--v=1',
    ...(options.audited === undefined ? [] : auditFlags(folder, options.audited)),
  ];
  const ready = async (): Promise<void> => {
    await eventually(
      'the API server to be ready',
      async () => (await tryKubectl(['get', '--raw', '/readyz'])).stdout.startsWith('ok'),
      {
        timeoutMs: 60_000,
        everyMs: 200,
        describe: () => Promise.resolve(tail(`${folder}/logs/kube-apiserver.log`)),
      },
    );
  };
  const tryKubectl = (args: readonly string[], input?: string): Promise<Outcome> =>
    outcome([...kubernetes('kubectl'), `--kubeconfig=${files.kubeconfig}`, ...args], {
      timeoutMs: 120_000,
      ...(input === undefined ? {} : { input }),
    });

  onProgress('kube-apiserver');
  launch('kube-apiserver', apiServer);
  await ready();
  onProgress('kube-scheduler, kube-controller-manager');
  const scheduler = [
    ...kubernetes('kube-scheduler'),
    `--kubeconfig=${files.kubeconfig}`,
    `--authentication-kubeconfig=${files.kubeconfig}`,
    `--authorization-kubeconfig=${files.kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${schedulerPort}`,
    '--leader-elect=false',
    '--v=1',
  ];
  const controllers = [
    ...kubernetes('kube-controller-manager'),
    `--kubeconfig=${files.kubeconfig}`,
    `--authentication-kubeconfig=${files.kubeconfig}`,
    `--authorization-kubeconfig=${files.kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${controllerPort}`,
    '--leader-elect=false',
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${folder}/pki/sa.key`,
    `--root-ca-file=${files.ca.cert}`,
    `--cluster-signing-cert-file=${files.ca.cert}`,
    `--cluster-signing-key-file=${folder}/pki/ca.key`,
    ...(network === undefined ? [] : ['--allocate-node-cidrs', `--cluster-cidr=${network.clusterCIDR}`]),
    '--v=1',
    ...(options.controllers ?? []),
  ];
  const launchControllers = (): void => {
    launch('kube-scheduler', scheduler);
    launch('kube-controller-manager', controllers);
  };
  launchControllers();
  const plane: Omit<ControlPlane, 'stop'> = {
    folder,
    kubeconfig: files.kubeconfig,
    server,
    address,
    link: network?.link,
    clientCa: files.ca.cert,
    kubeletClient: files.kubeletClient,
    account: async (name, subject) => {
      const pair = await files.ca.issue(name, { ...subject, usage: 'clientAuth' });
      const kubeconfig = `${folder}/${name}.kubeconfig`;
      writeKubeconfig(kubeconfig, { server, ca: files.ca.cert, user: pair });
      return { pair, kubeconfig };
    },
    tryKubectl,
    kubectl: async (args, input) => {
      const result = await tryKubectl(args, input);
      if (result.code !== 0)
        throw new Error(`kubectl ${args.join(' ')} exited with ${String(result.code)}: ${result.stderr}`);
      return result.stdout;
    },
    auditLog: `${folder}/audit.log`,
    audit: () =>
      readFileSync(`${folder}/audit.log`, 'utf8')
        .split('\n')
        // the last line may be half written
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Audited),
    stopApiServer: async () => {
      await running.get('kube-apiserver')?.stop('SIGKILL');
    },
    startApiServer: async () => {
      launch('kube-apiserver', apiServer);
      await ready();
    },
    backUp: () => keepData(running.get('etcd')?.pid ?? -1, data),
    restore: async (backup) => {
      await stopAll(running);
      await putBackData(backup, data);
      launch('etcd', etcd);
      launch('kube-apiserver', apiServer);
      await ready();
      launchControllers();
    },
  };
  await eventually(
    'the default service account',
    async () => (await tryKubectl(['-n', 'default', 'get', 'serviceaccount', 'default'])).code === 0,
    { timeoutMs: 60_000 },
  );
  return plane;
}

function auditFlags(folder: string, users: string | readonly string[]): string[] {
  const rules = [
    { level: 'Metadata', users: [users].flat(), omitStages: ['RequestReceived'] },
    { level: 'None' },
  ];
  const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules };
  writeFileSync(`${folder}/audit.yaml`, JSON.stringify(policy));
  return [
    `--audit-policy-file=${folder}/audit.yaml`,
    `--audit-log-path=${folder}/audit.log`,
    // whole in one file: it is rotated at 100 MB by itself
    '--audit-log-maxsize=10000',
  ];
}

interface Credentials {
  readonly ca: Authority;
  readonly serving: KeyPair;
  readonly kubeletClient: KeyPair;
  readonly frontProxy: { readonly ca: string; readonly client: KeyPair };
  readonly kubeconfig: string;
}

async function makeCredentials(
  folder: string,
  { server, address }: { server: string; address: string },
): Promise<Credentials> {
  const pki = `${folder}/pki`;
  const ca = await Authority.create(pki, 'ca');
  const proxies = await Authority.create(pki, 'front-proxy-ca');
  const [serving, kubeletClient, admin, client] = await Promise.all([
    ca.issue('apiserver', {
      cn: 'kube-apiserver',
      usage: 'serverAuth',
      sans: [
        'IP:127.0.0.1',
        'IP:10.96.0.1',
        `IP:${address}`,
        'DNS:localhost',
        'DNS:kubernetes',
        'DNS:kubernetes.default',
        'DNS:kubernetes.default.svc',
      ],
    }),
    ca.issue('kubelet-client', {
      cn: 'kube-apiserver-kubelet-client',
      o: 'system:masters',
      usage: 'clientAuth',
    }),
    ca.issue('admin', { cn: 'admin', o: 'system:masters', usage: 'clientAuth' }),
    proxies.issue('front-proxy-client', { cn: 'front-proxy-client', usage: 'clientAuth' }),
    run(['openssl', 'genrsa', '-out', `${pki}/sa.key`, '2048']).then(() =>
      run(['openssl', 'rsa', '-in', `${pki}/sa.key`, '-pubout', '-out', `${pki}/sa.pub`]),
    ),
  ]);
  const kubeconfig = `${folder}/admin.kubeconfig`;
  writeKubeconfig(kubeconfig, { server, ca: ca.cert, user: admin });
  return { ca, serving, kubeletClient, frontProxy: { ca: proxies.cert, client }, kubeconfig };
}

/** A kubeconfig with a client certificate, or with a bearer token. */
export function writeKubeconfig(
  file: string,
  access: { server: string; ca: string; user: KeyPair | { token: string } },
): void {
  const user =
    'token' in access.user
      ? { token: access.user.token }
      : { 'client-certificate': access.user.cert, 'client-key': access.user.key };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'farlet',
    clusters: [{ name: 'farlet', cluster: { server: access.server, 'certificate-authority': access.ca } }],
    users: [{ name: 'farlet', user }],
    contexts: [{ name: 'farlet', context: { cluster: 'farlet', user: 'farlet' } }],
  };
  writeFileSync(file, JSON.stringify(config, undefined, 2), { mode: 0o600 });
}
