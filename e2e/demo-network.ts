/**
 * The demo of a cluster's network: two far hosts over ssh that have none, the agents that bring it, and a
 * Service across both, left running. `up` or `down`.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import {
  CLUSTER_CIDR,
  createAgents,
  farletOptions,
  hostOptions,
  waitForAgents,
} from './harness/agents/cluster-network.ts';
import { kubernetes } from './harness/cache.ts';
import { startControlPlane, type ControlPlane } from './harness/control-plane.ts';
import { startFarlet } from './harness/farlet.ts';
import { eventually, outcome } from './harness/processes.ts';
import {
  remainsOf,
  removeRemoteHost,
  startRemoteHost,
  type HostRemains,
  type RemoteHost,
} from './harness/remote-host.ts';
import { webPods, webService } from './harness/agents/web.ts';

const folder = '/tmp/farlet-demo-network';
const remains = `${folder}/remains.json`;
const NODES = ['shop-1', 'shop-2'];

interface Remains {
  readonly bootId: string;
  readonly hosts: readonly HostRemains[];
  readonly link: string | undefined;
}

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');

async function down(): Promise<void> {
  await outcome(['pkill', '-9', '-f', '--', `${folder}/(farlet|plane)/`]);
  if (existsSync(remains)) {
    const left = JSON.parse(readFileSync(remains, 'utf8')) as Remains;
    if (left.bootId === bootId()) {
      for (const host of left.hosts) await removeRemoteHost(host);
      if (left.link !== undefined) await outcome(['ip', 'link', 'delete', left.link]);
    }
  }
  rmSync(folder, { recursive: true, force: true });
}

function note(hosts: readonly RemoteHost[], plane: ControlPlane): void {
  const left: Remains = { bootId: bootId(), hosts: hosts.map(remainsOf), link: plane.link };
  writeFileSync(remains, JSON.stringify(left));
}

function show(title: string, text = ''): void {
  process.stdout.write(`\n── ${title}\n${text.trimEnd()}\n`);
}

async function up(): Promise<void> {
  await down();
  mkdirSync(folder, { recursive: true });
  const hosts: RemoteHost[] = [];
  const progress = (step: string): void => {
    process.stdout.write(`   ${step}\n`);
  };
  show('starting');
  const plane = await startControlPlane({
    folder: `${folder}/plane`,
    clusterCIDR: CLUSTER_CIDR,
    detached: true,
    onProgress: progress,
  });
  try {
    for (const name of NODES) {
      progress(`${name}: containerd and sshd, and no network of pods`);
      const options = {
        ...hostOptions(),
        name,
        folder: `${folder}/${name}`,
        version: '2',
        detached: true,
      } as const;
      hosts.push(await startRemoteHost(options));
    }
    note(hosts, plane);
    progress('farlet');
    await startFarlet({
      ...farletOptions,
      folder: `${folder}/farlet`,
      plane,
      hosts,
      nodeIP: plane.address,
      node: (host) => ({ ...farletOptions.node?.(host), kubeletAPI: 'host' }),
      detached: true,
    });
    const named = (text: string): boolean => NODES.every((name) => text.includes(name));
    await eventually('the nodes', async () => named(await plane.kubectl(['get', 'nodes'])));
    show('nodes without a network', await plane.kubectl(['get', 'nodes', '-o', 'wide']));
    progress('kube-proxy, flannel, CoreDNS, node-exporter');
    await createAgents(plane, { hosts: hosts.length });
    await waitForAgents(plane);
    show('their agents have brought it', await plane.kubectl(['get', 'nodes', '-o', 'wide']));
    show('agents', await plane.kubectl(['get', 'pods', '-A', '-o', 'wide']));
    await tryIt(plane, hosts);
  } catch (error) {
    for (const host of hosts) await host.stop();
    await outcome(['pkill', '-9', '-f', '--', `${folder}/farlet/`]);
    await plane.stop();
    throw error;
  }
}

async function tryIt(plane: ControlPlane, hosts: readonly RemoteHost[]): Promise<void> {
  const items = [
    webPods('web', { replicas: 2, node: NODES[1] ?? '' }),
    webService('web', { type: 'NodePort' }),
  ];
  const client = webPods('client', { replicas: 1, node: NODES[0] ?? '' });
  await plane.kubectl(
    ['apply', '-f', '-'],
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...items, client] }),
  );
  for (const each of ['web', 'client'])
    await plane.kubectl(['rollout', 'status', `deployment/${each}`, '--timeout=90s']);
  show('a Service of pods on one host', await plane.kubectl(['get', 'pods,services', '-o', 'wide']));
  const asked = ['exec', 'deployment/client', '--', 'curl', '-s', 'http://web/cgi-bin/who'];
  show(`asked from the other: kubectl ${asked.join(' ')}`, await plane.kubectl(asked));
  const port = await plane.kubectl(['get', 'service', 'web', '-o', 'jsonpath={.spec.ports[0].nodePort}']);
  const [kubectl = ''] = kubernetes('kubectl');
  show(
    'running on',
    [
      `export KUBECONFIG=${plane.kubeconfig}; alias kubectl='${kubectl} kubectl'`,
      ...hosts.map(
        ({ address }) => `curl http://${address}:${port}/cgi-bin/who   # the NodePort, on either host`,
      ),
      `curl http://${hosts[0]?.address ?? ''}:9100/metrics   # node-exporter`,
      'kubectl exec deployment/client -- curl -s http://web/cgi-bin/who   # which pod answers, and whom it sees',
      'kubectl -n kube-flannel logs daemonset/kube-flannel-ds   # through port 10250 of the host',
      'kubectl -n kube-system rollout restart daemonset/kube-proxy',
      'make down   # stops it all',
    ].join('\n'),
  );
}

await (process.argv[2] === 'down' ? down() : up());
process.exit(0);
