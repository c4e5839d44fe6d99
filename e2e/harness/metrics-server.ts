/**
 * metrics-server beside the control plane: it asks every node's kubelet API, and the API server leads
 * metrics.k8s.io to it.
 */
import { mkdirSync } from 'node:fs';
import { metricsServer } from './cache.ts';
import type { ControlPlane } from './control-plane.ts';
import { freePorts } from './free-ports.ts';
import { eventually, start, tail } from './processes.ts';

const API = 'v1beta1.metrics.k8s.io';

/** Resolves when the API server finds it. */
export async function startMetricsServer(
  plane: Pick<ControlPlane, 'kubeconfig' | 'kubectl'>,
  { folder }: { folder: string },
): Promise<{ stop(): Promise<void> }> {
  mkdirSync(`${folder}/certificates`, { recursive: true });
  const [port = 0] = await freePorts(1);
  const logFile = `${folder}/metrics-server.log`;
  const running = start(
    'metrics-server',
    [
      metricsServer(),
      `--secure-port=${port}`,
      '--bind-address=127.0.0.1',
      `--cert-dir=${folder}/certificates`,
      ...['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map(
        (name) => `--${name}=${plane.kubeconfig}`,
      ),
      // nodes' certificates are self-signed here
      '--kubelet-insecure-tls',
      '--kubelet-use-node-status-port',
      '--kubelet-preferred-address-types=InternalIP',
      '--metric-resolution=10s',
      '--kubelet-request-timeout=9s',
    ],
    { logFile },
  );
  const at = { namespace: 'kube-system', name: 'metrics-server' };
  const objects = [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: at,
      // the API server calls it by this name
      spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port, protocol: 'TCP' }] },
    },
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: API },
      spec: {
        group: 'metrics.k8s.io',
        version: 'v1beta1',
        service: { ...at, port },
        insecureSkipTLSVerify: true,
        groupPriorityMinimum: 100,
        versionPriority: 100,
      },
    },
  ];
  for (const object of objects) await plane.kubectl(['create', '-f', '-'], JSON.stringify(object));
  await eventually(
    'the API server to find metrics-server',
    async () =>
      (
        await plane.kubectl([
          'get',
          'apiservice',
          API,
          '-o',
          'jsonpath={.status.conditions[?(@.type=="Available")].status}',
        ])
      ).trim() === 'True',
    { timeoutMs: 60_000, describe: () => Promise.resolve(tail(logFile)) },
  );
  return { stop: () => running.stop('SIGKILL') };
}
