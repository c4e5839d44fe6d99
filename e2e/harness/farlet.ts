/** farlet itself, from dist/, over given hosts. */
import { mkdirSync, writeFileSync } from 'node:fs';
import type { ControlPlane } from './control-plane.ts';
import type { TestHost } from './host.ts';
import { freePorts } from './free-ports.ts';
import { start, tail, type Running } from './processes.ts';

export interface Farlet {
  readonly folder: string;
  /** the last lines of its log */
  readonly log: (lines?: number) => string;
  readonly configFile: string;
  readonly metricsUrl: string;
  readonly healthUrl: string;
  /** of a node's kubelet API */
  kubeletUrl(node: string): string;
  start(): void;
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** undefined while it runs or has not been started; null after a signal */
  exitCode(): number | null | undefined;
  readonly pid: () => number;
}

export type FarletHost = Pick<
  TestHost,
  'name' | 'endpoint' | 'folder' | 'address' | 'cgroupRoot' | 'ssh' | 'tls'
>;

export interface FarletOptions {
  readonly folder: string;
  readonly plane: Pick<ControlPlane, 'kubeconfig' | 'clientCa'>;
  /** one node per host, named as the host is */
  readonly hosts: readonly FarletHost[];
  /** keys added to the configuration, or put in place of what the harness writes */
  readonly config?: Readonly<Record<string, unknown>>;
  /** keys added to the nodes of the configuration */
  readonly node?: (host: FarletHost) => Readonly<Record<string, unknown>>;
  /** the Nodes' InternalIP, and where their kubelet API listens; default: loopback */
  readonly nodeIP?: string;
  /** false: no kubeconfig is given and none can be found */
  readonly withKubeconfig?: boolean;
  /** default: true */
  readonly start?: boolean;
  readonly detached?: boolean;
  /** of its process, besides this one's; default: none */
  readonly env?: Readonly<Record<string, string>>;
}

export async function startFarlet(options: FarletOptions): Promise<Farlet> {
  const { folder, plane, hosts, detached = false, nodeIP = '127.0.0.1', withKubeconfig = true } = options;
  mkdirSync(folder, { recursive: true });
  const [healthzPort = 0, metricsPort = 0, ...ports] = await freePorts(2 + hosts.length);
  const config = {
    apiVersion: 'farlet.dev/v1alpha1',
    kind: 'FarletConfiguration',
    clusterDNS: ['10.96.0.10'],
    podLogsDir: `${folder}/logs/pods`,
    healthzPort,
    metricsPort,
    metricsBindAddress: '127.0.0.1',
    address: nodeIP,
    authentication: { x509: { clientCAFile: plane.clientCa } },
    nodes: hosts.map((host, index) => ({
      name: host.name,
      port: ports[index],
      nodeIP,
      rootDir: `${host.folder}/farlet`,
      cgroupRoot: host.cgroupRoot,
      hosts: [{ name: 'box', endpoint: host.endpoint, ...access(host) }],
      ...options.node?.(host),
    })),
    ...options.config,
  };
  const configFile = `${folder}/farlet.yaml`;
  // YAML is a superset of JSON
  writeFileSync(configFile, JSON.stringify(config, undefined, 2));
  const logFile = `${folder}/farlet.log`;
  let running: Running | undefined;
  const farlet: Farlet = {
    folder,
    configFile,
    log: (lines = 60) => tail(logFile, lines),
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    healthUrl: `http://127.0.0.1:${healthzPort}/healthz`,
    kubeletUrl: (node) => `https://127.0.0.1:${ports[hosts.findIndex(({ name }) => name === node)] ?? 0}`,
    exitCode: () => running?.exitCode(),
    pid: () => running?.pid ?? -1,
    start: () => {
      running = start(
        'farlet',
        [
          process.execPath,
          'dist/main.js',
          'run',
          '--config',
          configFile,
          ...(withKubeconfig ? ['--kubeconfig', plane.kubeconfig] : []),
          '--log-format',
          'json',
        ],
        {
          logFile,
          detached,
          env: { ...options.env, ...(withKubeconfig ? {} : { HOME: folder, KUBECONFIG: '' }) },
        },
      );
    },
    stop: async (signal) => {
      await running?.stop(signal);
    },
  };
  if (options.start !== false) farlet.start();
  return farlet;
}

/** A host as a node of several names it in the configuration. */
export function poolHost(host: FarletHost): Record<string, unknown> {
  return { name: host.name, endpoint: host.endpoint, ...access(host) };
}

function access({ endpoint, ssh, tls }: FarletHost): Record<string, unknown> {
  return endpoint.startsWith('tcp:') ? { tls, helperImage: 'localhost/busybox:1' } : { ssh };
}
