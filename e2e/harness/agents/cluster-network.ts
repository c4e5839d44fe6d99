/** A cluster whose nodes are far hosts, and the agents that make a network of them. */
import { agentArchive } from '../cache.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { FarletOptions } from '../farlet.ts';
import type { RemoteHostOptions } from '../remote-host.ts';
import { coredns } from './coredns.ts';
import { flannel } from './flannel.ts';
import { kubeProxy } from './kube-proxy.ts';
import { nodeExporter } from './node-exporter.ts';

/** of pods; each Node gets a range of it */
export const CLUSTER_CIDR = '10.244.0.0/16';
const DNS = '10.96.0.10';

/** What a host is that these agents are to bring the network of. */
export function hostOptions(): Omit<RemoteHostOptions, 'name' | 'folder' | 'version'> & { link: 'ssh' } {
  return {
    link: 'ssh',
    network: 'agent',
    images: [agentArchive()],
    sshd: ['GatewayPorts clientspecified'],
  };
}

/** farlet as people have it who run such agents: the kubelet's own folders. */
export const farletOptions: Pick<FarletOptions, 'config' | 'node'> = {
  config: { clusterDNS: [DNS], podLogsDir: '/var/log/pods' },
  node: () => ({ rootDir: '/var/lib/kubelet' }),
};

/** Creates them; nothing is waited for. */
export async function createAgents(plane: ControlPlane, { hosts }: { hosts: number }): Promise<void> {
  const { port } = new URL(plane.server);
  const items = [
    ...kubeProxy({ server: `https://${plane.address}:${port}`, clusterCIDR: CLUSTER_CIDR }),
    ...flannel(CLUSTER_CIDR),
    ...coredns({ dnsIP: DNS, replicas: hosts }),
    ...nodeExporter(),
  ];
  await plane.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
}

const rollouts = [
  ['kube-system', 'daemonset/kube-proxy'],
  ['kube-flannel', 'daemonset/kube-flannel-ds'],
  ['monitoring', 'daemonset/node-exporter'],
  ['kube-system', 'deployment/coredns'],
] as const;

/** Resolves when all of them are ready on all nodes. */
export async function waitForAgents(plane: ControlPlane): Promise<void> {
  for (const [namespace, name] of rollouts)
    await plane.kubectl(['-n', namespace, 'rollout', 'status', name, '--timeout=110s']);
}
