/**
 * The network of a cluster whose nodes are far hosts: kube-proxy, flannel, CoreDNS and node-exporter, each the real one
 * with its usual settings, bring it to hosts that have none.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { paths } from '../../src/kube/paths.ts';
import type { KubeNode } from '../../src/model/kube.ts';
import { createAgents, CLUSTER_CIDR, farletOptions, hostOptions } from '../harness/agents/cluster-network.ts';
import { NODE_EXPORTER_PORT } from '../harness/agents/node-exporter.ts';
import { farNode, pause } from '../harness/far-node.ts';
import { useNamespace } from '../harness/namespace.ts';
import { deployment, shell, SLEEP } from '../harness/pods.ts';
import { useWorld } from '../harness/world.ts';

const A = 'here';
const B = 'there';
/** of host A only: either kind of Node is to do */
const PUBLISHED = A;
const tolerations = [{ operator: 'Exists' }];
const WEB_PORT = 8080;

const world = useWorld({
  plane: { clusterCIDR: CLUSTER_CIDR },
  hosts: [A, B].map((name) => ({ ...hostOptions(), name, version: '2' as const })),
  farlet: false,
});

/** Says which pod answers, and from which address it was asked. */
const WEB = [
  'mkdir -p /www/cgi-bin',
  'printf \'#!/bin/sh\\necho; echo "$(hostname) $REMOTE_ADDR"\\n\' >/www/cgi-bin/who',
  'chmod +x /www/cgi-bin/who',
  `httpd -p ${WEB_PORT} -h /www`,
  SLEEP,
].join('\n');

const web = (name: string, more: object = {}): object =>
  shell(WEB, {
    name,
    ports: [{ containerPort: WEB_PORT, ...more }],
    readinessProbe: { httpGet: { path: '/cgi-bin/who', port: WEB_PORT }, periodSeconds: 1 },
  });

const service = (name: string, spec: object): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: WEB_PORT }], ...spec },
});

describe('the network of a cluster of far hosts', { concurrency: 1 }, () => {
  const e2e = useNamespace(world, { name: 'shop', node: A, awaitNode: false });
  const onB = useNamespace(world, { name: 'shop-there', node: B, awaitNode: false });
  const [farA, farB] = [farNode(world, e2e), farNode(world, onB)];
  const address = (node: string): string => world.remote(node).address;
  const get = (url: string): string[] => ['wget', '-qO-', '-T', '3', url];
  const who = (where: string): string => `http://${where}/cgi-bin/who`;

  /** which pod answered, and whom it saw ask; asked by a pod */
  const ask = async (pod: string, where: string): Promise<{ pod: string; peer: string }> => {
    const [name = '', peer = ''] = (await e2e.kubectl(['exec', pod, '--', ...get(who(where))]))
      .trim()
      .split(' ');
    return { pod: name, peer };
  };
  /** asked on a host itself */
  const askOn = async (host: string, where: string): Promise<string> => {
    const curl = ['curl', '-s', '--noproxy', '*', '-m', '3', who(where)];
    return (await world.remote(host).inside(curl)).stdout.split(' ')[0] ?? '';
  };
  const system = (args: readonly string[]): Promise<string> =>
    world.plane.kubectl(['-n', 'kube-system', ...args]);
  const field = async (object: string, path: string): Promise<string> =>
    (await e2e.kubectl(['get', object, '-o', `jsonpath={${path}}`])).trim();
  const podsOf = async (app: string): Promise<{ name: string; ip: string; node: string }[]> => {
    const form = '{range .items[*]}{.metadata.name} {.status.podIP} {.spec.nodeName}{"\\n"}{end}';
    const lines = await e2e.kubectl(['get', 'pods', '-l', `app=${app}`, '-o', `jsonpath=${form}`]);
    return lines
      .trim()
      .split('\n')
      .map((line) => {
        const [name = '', ip = '', node = ''] = line.split(' ');
        return { name, ip, node };
      });
  };

  before(async () => {
    const hosts = [A, B].map((name) => world.remote(name));
    await world.startFarlet('farlet', {
      ...farletOptions,
      hosts,
      nodeIP: world.plane.address,
      node: (host) => ({
        ...farletOptions.node?.(host),
        ...(host.name === PUBLISHED ? { kubeletAPI: 'host' } : {}),
      }),
    });
    for (const far of [farA, farB]) await e2e.wait('the Nodes', () => far.ready().then(() => true));
  });

  it('Nodes have ranges for their pods and are not ready, for there is no network yet', async () => {
    for (const node of [A, B]) {
      const { message } = await farNode(world, { ...e2e, node }).waitReady('False', 30_000);
      assert.match(message, /NetworkPluginNotReady/);
      const range = await e2e.wait('a range', async () => {
        const { spec } = await world.client.get<KubeNode>(paths.node(node));
        return spec?.podCIDR;
      });
      assert.match(range, /^10\.244\.\d+\.0\/24$/);
    }
  });

  it('the agents bring it: nodes become ready by themselves, and all of the agents run', async () => {
    await createAgents(world.plane, { hosts: 2 });
    await Promise.all([farA, farB].map((far) => far.waitReady('True', 120_000)));
    const rollouts = [
      ['kube-system', 'daemonset/kube-proxy'],
      ['kube-flannel', 'daemonset/kube-flannel-ds'],
      ['monitoring', 'daemonset/node-exporter'],
      ['kube-system', 'deployment/coredns'],
    ] as const;
    for (const [namespace, name] of rollouts)
      await world.plane.kubectl(['-n', namespace, 'rollout', 'status', name, '--timeout=90s']);
    for (const node of [A, B]) {
      const { status } = await world.client.get<KubeNode>(paths.node(node));
      const unavailable = status?.conditions?.find(({ type }) => type === 'NetworkUnavailable');
      assert.deepEqual([unavailable?.status, unavailable?.reason], ['False', 'FlannelIsUp']);
    }
  });
});
