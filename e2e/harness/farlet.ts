/** farlet itself, from dist/, over given hosts. */
import { mkdirSync, writeFileSync } from 'node:fs';
import type { ControlPlane } from './control-plane.ts';
import type { TestHost } from './host.ts';
import { freePorts, start, tail, type Running } from './processes.ts';

export interface Farlet {
  readonly log: () => string;
  readonly metricsUrl: string;
  readonly healthUrl: string;
  start(): void;
  stop(signal?: NodeJS.Signals): Promise<void>;
  readonly pid: () => number;
  /** of the kubelet API, by node */
  readonly port: (node: string) => number;
}

/** One node per host, named as the host is. */
export async function startFarlet(options: {
  folder: string;
  plane: Pick<ControlPlane, 'kubeconfig' | 'clientCa'>;
  hosts: readonly TestHost[];
  detached?: boolean;
  /** keys for the file besides the harness's own */
  config?: Readonly<Record<string, unknown>>;
  /** keys for a host's node */
  node?: (host: TestHost) => Readonly<Record<string, unknown>>;
  /** false: no kubeconfig is given and none can be found */
  withKubeconfig?: boolean;
}): Promise<Farlet> {
  const { folder, plane, hosts, detached = false, node = () => ({}), withKubeconfig = true } = options;
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
    address: '127.0.0.1',
    authentication: { x509: { clientCAFile: plane.clientCa } },
    ...options.config,
    nodes: hosts.map((host, index) => ({
      name: host.name,
      port: ports[index],
      nodeIP: '127.0.0.1',
      rootDir: `${host.folder}/farlet`,
      hosts: [{ name: 'box', endpoint: host.endpoint }],
      ...node(host),
    })),
  };
  // YAML is a superset of JSON
  writeFileSync(`${folder}/farlet.yaml`, JSON.stringify(config, undefined, 2));
  const logFile = `${folder}/farlet.log`;
  let running: Running | undefined;
  const farlet: Farlet = {
    log: () => tail(logFile, 60),
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    healthUrl: `http://127.0.0.1:${healthzPort}/healthz`,
    pid: () => running?.pid ?? -1,
    port: (name) => ports[hosts.findIndex((host) => host.name === name)] ?? -1,
    start: () => {
      running = start(
        'farlet',
        [
          process.execPath,
          'dist/main.js',
          'run',
          '--config',
          `${folder}/farlet.yaml`,
          ...(withKubeconfig ? ['--kubeconfig', plane.kubeconfig] : []),
          '--log-format',
          'json',
        ],
        {
          logFile,
          detached,
          ...(withKubeconfig ? {} : { env: { HOME: folder, KUBECONFIG: '' } }),
        },
      );
    },
    stop: async (signal) => {
      await running?.stop(signal);
    },
  };
  farlet.start();
  return farlet;
}
