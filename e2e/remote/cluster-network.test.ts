/**
 * The network of a cluster whose nodes are far hosts: kube-proxy, flannel, CoreDNS and node-exporter, each
 * the real one with its usual settings, bring it to hosts that have none.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { paths } from '../../src/kube/paths.ts';
import type { KubeNode } from '../../src/model/kube.ts';
import {
  createAgents,
  CLUSTER_CIDR,
  farletOptions,
  hostOptions,
  waitForAgents,
} from '../harness/agents/cluster-network.ts';
import { NODE_EXPORTER_PORT } from '../harness/agents/node-exporter.ts';
import { web, WEB_PORT, webPods, webService as service } from '../harness/agents/web.ts';
import { farNode, pause } from '../harness/far-node.ts';
import { useNamespace } from '../harness/namespace.ts';
import { SLEEP } from '../harness/pods.ts';
import { useWorld } from '../harness/world.ts';

const A = 'here';
const B = 'there';
/** of host A only: either kind of Node is to do */
const PUBLISHED = A;
const tolerations = [{ operator: 'Exists' }];

const world = useWorld({
  plane: { clusterCIDR: CLUSTER_CIDR },
  hosts: [A, B].map((name) => ({ ...hostOptions(), name, version: '2' as const })),
  farlet: false,
});

describe('the network of a cluster of far hosts', { concurrency: 1 }, () => {
  const e2e = useNamespace(world, { name: 'shop', node: A, awaitNode: false });
  const onB = useNamespace(world, { name: 'shop-there', node: B, awaitNode: false });
  const [farA, farB] = [farNode(world, e2e), farNode(world, onB)];
  const address = (node: string): string => world.remote(node).address;
  const get = (url: string): string[] => ['curl', '-sS', '-m', '3', url];
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
    await waitForAgents(world.plane);
    for (const node of [A, B]) {
      const { status } = await world.client.get<KubeNode>(paths.node(node));
      const unavailable = status?.conditions?.find(({ type }) => type === 'NetworkUnavailable');
      assert.deepEqual([unavailable?.status, unavailable?.reason], ['False', 'FlannelIsUp']);
    }
  });

  it('what each node runs is at its host’s own address, and sees its host', async () => {
    for (const node of [A, B]) {
      const url = `http://${address(node)}:${NODE_EXPORTER_PORT}/metrics`;
      const metrics = (await world.remote(node).inside(['curl', '-s', '--noproxy', '*', '-m', '5', url]))
        .stdout;
      assert.match(metrics, /^node_network_receive_bytes_total\{device="flannel.1"\}/m);
      assert.match(metrics, /^node_filesystem_size_bytes\{.*mountpoint="\/run"/m);
    }
  });

  it('a pod on one host reaches the pods of a Service on the other by its name', async () => {
    await e2e.create(webPods('web', { node: B, replicas: 2 }));
    await e2e.create(service('web', {}));
    await e2e.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
    await e2e.createPod('client', { tolerations, containers: [web()] });
    await e2e.waitReady('client');
    const pods = (await podsOf('web')).map(({ name }) => name);
    const answered = new Set<string>();
    await e2e.wait('both pods to answer', async () => {
      answered.add((await ask('client', 'web')).pod);
      return answered.size === 2;
    });
    assert.deepEqual([...answered].sort(), pods.sort());
    assert.ok(pods.includes((await ask('client', 'web.shop.svc.cluster.local')).pod));
  });

  it('a pod is seen by its peer as what it is, by address and through a Service', async () => {
    const { podIP: own = '' } = (await e2e.pod('client')).status;
    const ip = (await podsOf('web'))[0]?.ip ?? '';
    assert.equal((await ask('client', `${ip}:${WEB_PORT}`)).peer, own);
    assert.equal((await ask('client', 'web')).peer, own);
  });

  it('ClusterIP and NodePort lead there from both hosts, and the ports of both', async () => {
    await e2e.create(service('web-port', { type: 'NodePort' }));
    const [clusterIP, nodePort] = await Promise.all([
      field('service/web', '.spec.clusterIP'),
      field('service/web-port', '.spec.ports[0].nodePort'),
    ]);
    const places = [clusterIP, `${address(A)}:${nodePort}`, `${address(B)}:${nodePort}`];
    for (const host of [A, B])
      for (const place of places)
        await e2e.wait(`${place} asked on ${host}`, async () =>
          (await askOn(host, place)).startsWith('web-'),
        );
  });

  it('a hostPort leads to its pod, from the other host and from pods', async () => {
    await onB.createPod('at-port', { tolerations, containers: [web({ hostPort: 18_080 })] });
    await onB.waitReady('at-port');
    const place = `${address(B)}:18080`;
    assert.equal(await askOn(A, place), 'at-port');
    assert.equal((await ask('client', place)).pod, 'at-port');
  });

  it('a headless Service names its pods', async () => {
    await e2e.create(service('web-pods', { clusterIP: 'None' }));
    const addresses = (await podsOf('web')).map(({ ip }) => ip).sort();
    const looked = await e2e.wait('both addresses', async () => {
      const found = await e2e.sh('client', 'nslookup web-pods.shop.svc.cluster.local || true');
      const named = [...found.matchAll(/^Address(?: \d+)?: (10\.244\.[\d.]+)/gm)].map(([, ip = '']) => ip);
      return named.length === 2 ? named : undefined;
    });
    assert.deepEqual(looked.sort(), addresses);
  });

  it('ClientIP affinity keeps a client with one pod', async () => {
    await e2e.create(service('web-same', { sessionAffinity: 'ClientIP' }));
    await e2e.wait('the Service', () => ask('client', 'web-same'));
    const answered = new Set<string>();
    for (let time = 0; time < 12; time += 1) answered.add((await ask('client', 'web-same')).pod);
    assert.equal(answered.size, 1);
  });

  it('pods speak to the API server by its Service', async () => {
    const url = 'https://kubernetes.default.svc/version';
    const command = `curl -sk -m 5 ${url}`;
    assert.match(await e2e.sh('client', command), /v1\.36\.3/);
  });

  it('what a driver mounts in the kubelet’s folders is the host’s, and what the host mounts is an agent’s', async () => {
    const at = '/var/lib/kubelet/plugins/driver';
    const mounts = (mountPropagation: string): object => ({
      ...web(),
      securityContext: { privileged: mountPropagation === 'Bidirectional' },
      volumeMounts: [{ name: 'plugins', mountPath: '/plugins', mountPropagation }],
    });
    const volumes = [
      { name: 'plugins', hostPath: { path: '/var/lib/kubelet/plugins', type: 'DirectoryOrCreate' } },
    ];
    await e2e.createPod('driver', { tolerations, volumes, containers: [mounts('Bidirectional')] });
    await e2e.createPod('looks', { tolerations, volumes, containers: [mounts('HostToContainer')] });
    for (const pod of ['driver', 'looks']) await e2e.waitReady(pod);
    await e2e.sh(
      'driver',
      'mkdir /plugins/driver && mount -t tmpfs driver /plugins/driver && echo its >/plugins/driver/f',
    );
    assert.equal((await world.remote(A).inside(['cat', `${at}/f`])).stdout, 'its\n');
    assert.equal(await e2e.sh('looks', 'cat /plugins/driver/f'), 'its\n');
    await e2e.sh('driver', 'umount /plugins/driver');
    assert.equal((await world.remote(A).inside(['ls', at])).stdout, '');
  });

  it('kube-proxy is restarted: what it had set up goes on, and what is new comes', async () => {
    await system(['delete', 'pod', '-l', 'k8s-app=kube-proxy', '--wait=false']);
    for (let time = 0; time < 5; time += 1) await ask('client', 'web');
    await system(['rollout', 'status', 'daemonset/kube-proxy', '--timeout=60s']);
    await e2e.create(service('web-new', {}));
    await e2e.wait('a new Service', () => ask('client', 'web-new'));
  });

  it('a host is cut off: traffic between hosts goes on, and no container is restarted', async () => {
    const loop = 'while :; do curl -4sS -m 2 http://web/cgi-bin/who || echo failed; sleep 0.25; done';
    await e2e.createPod('asks', {
      tolerations,
      containers: [{ ...web(), command: ['sh', '-c', `${loop} & ${SLEEP}`], readinessProbe: undefined }],
    });
    await e2e.waitReady('asks');
    const before = await Promise.all(['client', 'asks'].map(farA.identity));
    const cutAt = Date.now();
    await world.remote(A).cutOff();
    await farA.waitReady('False', 60_000);
    await pause(cutAt + 30_000 - Date.now());
    const mendedAt = Date.now();
    await world.remote(A).mendLink();
    await farA.waitReady('True', 60_000);
    assert.deepEqual(await Promise.all(['client', 'asks'].map(farA.identity)), before);
    const logs = await e2e.wait('logs', () => e2e.kubectl(['logs', 'asks', '--timestamps']), 60_000);
    const told = logs.split('\n').map((line) => ({ line, at: Date.parse(line.split(' ')[0] ?? '') }));
    // when the way is back, kube-proxy there learns of all that was taken out of Services meanwhile
    const during = told.filter(({ at }) => at > cutAt && at < mendedAt);
    assert.deepEqual(
      during.filter(({ line }) => / (?:curl|failed)/.test(line)),
      [],
    );
    assert.ok(during.length > 40, `${during.length} answers while it was cut off`);
    const longest = Math.max(...during.slice(1).map(({ at }, index) => at - (during[index]?.at ?? 0)));
    assert.ok(longest < 3_000, `${longest} ms without an answer`);
  });

  it('a host boots: its network comes back by itself, and its pods are reached again', async () => {
    await world.remote(B).reboot();
    await e2e.wait(
      'pods of the host to be started again',
      async () => {
        const { containerStatuses = [] } = (await onB.pod('at-port')).status;
        return containerStatuses.some(({ restartCount, ready }) => restartCount > 0 && ready);
      },
      120_000,
    );
    await farB.waitReady('True', 60_000);
    await e2e.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
    await e2e.wait(
      'the Service',
      () => ask('client', 'web').then(({ pod }) => pod.startsWith('web-')),
      60_000,
    );
    const { podIP: own = '' } = (await e2e.pod('client')).status;
    assert.equal((await ask('client', 'web')).peer, own);
    await e2e.wait('the hostPort', async () => (await askOn(A, `${address(B)}:18080`)) === 'at-port', 60_000);
  });
});
