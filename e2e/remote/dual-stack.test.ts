/** A far host with addresses of both families: its Node, pods and Services have both, IPv4 first. */
import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { writeFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { paths } from '../../src/kube/paths.ts';
import type { KubeNode } from '../../src/model/kube.ts';
import { useNamespace } from '../harness/namespace.ts';
import { shell, SLEEP } from '../harness/pods.ts';
import { run } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const NODE = 'both';
const SERVICES = '10.96.0.0/16,fd96::/112';
/** the host's end, and farlet's */
const [FAR, NEAR] = ['fd14:214::2', 'fd14:214::1'];

const world = useWorld({
  hosts: [{ name: NODE, version: '2', link: 'ssh' }],
  plane: { serviceCIDR: SERVICES },
  farlet: false,
});

const families = (ips: readonly { ip: string }[] | undefined): number[] =>
  (ips ?? []).map(({ ip }) => isIP(ip));

describe('a host of both families', { concurrency: 1 }, () => {
  const e2e = useNamespace(world, { name: 'dual', node: NODE, awaitNode: false });
  const addresses = async (): Promise<string[]> => {
    const { status } = await world.client.get<KubeNode>(paths.node(NODE));
    return (status?.addresses ?? []).map(({ type, address }) => `${type} ${address}`);
  };

  before(async () => {
    const host = world.remote(NODE);
    const link = host.cgroupRoot.slice(1);
    await run(['ip', 'address', 'add', `${NEAR}/64`, 'dev', link, 'nodad']);
    for (const command of [
      ['sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=0', 'net.ipv6.conf.all.forwarding=1'],
      ['ip', 'address', 'add', `${FAR}/64`, 'dev', 'eth0', 'nodad'],
      ['ip', '-6', 'route', 'add', 'default', 'via', NEAR],
    ])
      assert.deepEqual(await host.inside(command), { code: 0, stdout: '', stderr: '' });
    const subnet = host.address.replace(/^10\.214\.(\d+)\.2$/, '10.215.$1.0/24');
    // IPv6 first: what the network says first is not what the Node has first
    const ranges = [[{ subnet: 'fd15:215::/64' }], [{ subnet }]];
    const routes = [{ dst: '::/0' }, { dst: '0.0.0.0/0' }];
    const bridge = { type: 'bridge', bridge: 'cni0', isGateway: true };
    writeFileSync(
      `${host.root()}/etc/cni/net.d/10-farlet.conflist`,
      JSON.stringify({
        cniVersion: '0.4.0',
        name: 'both',
        plugins: [{ ...bridge, ipam: { type: 'host-local', ranges, routes } }, { type: 'loopback' }],
      }),
    );
    await world.startFarlet('farlet', {
      hosts: [host],
      config: { address: '::' },
      node: () => ({ nodeIP: `${host.outside},${NEAR}` }),
    });
    await e2e.wait('the Node to be ready', async () =>
      (await world.plane.kubectl(['get', 'nodes'])).includes(' Ready '),
    );
  });

  it('the Node has farlet’s addresses and the host’s, both of both families', async () => {
    const { address, outside } = world.remote(NODE);
    assert.deepEqual(await addresses(), [
      `InternalIP ${outside}`,
      `InternalIP ${NEAR}`,
      `ExternalIP ${address}`,
      `ExternalIP ${FAR}`,
      `Hostname ${NODE}`,
    ]);
  });

  it('pods have both, the Node’s first family first, and are told so', async () => {
    const fieldRef = (fieldPath: string): object => ({ valueFrom: { fieldRef: { fieldPath } } });
    await e2e.createPod('pod', {
      containers: [
        shell(`echo "$PODS $HOSTS"; grep pod /etc/hosts; httpd -p '[::]:80' -h /etc; ${SLEEP}`, {
          env: [
            { name: 'PODS', ...fieldRef('status.podIPs') },
            { name: 'HOSTS', ...fieldRef('status.hostIPs') },
          ],
          readinessProbe: { httpGet: { path: '/hostname', port: 80 }, periodSeconds: 1 },
        }),
      ],
    });
    await e2e.waitReady('pod');
    const { status } = await e2e.pod('pod');
    assert.deepEqual(families(status.podIPs), [4, 6]);
    assert.equal(status.podIP, status.podIPs?.[0]?.ip);
    const host = [{ ip: world.remote(NODE).address }, { ip: FAR }];
    assert.deepEqual(status.hostIPs, host);
    const told = (ips: readonly { ip: string }[] | undefined): string =>
      (ips ?? []).map(({ ip }) => ip).join(',');
    const [line, ...hosts] = (await e2e.kubectl(['logs', 'pod'])).trim().split('\n');
    assert.equal(line, `${told(status.podIPs)} ${told(host)}`);
    assert.deepEqual(
      hosts.map((entry) => entry.split('\t')),
      status.podIPs?.map(({ ip }) => [ip, 'pod']),
    );
  });

  it('pods on the host’s network have the host’s', async () => {
    await e2e.createPod('agent', { hostNetwork: true, containers: [shell()] });
    await e2e.waitReady('agent');
    const { status } = await e2e.pod('agent');
    assert.deepEqual(status.podIPs, [{ ip: world.remote(NODE).address }, { ip: FAR }]);
  });

  it('probes reach a pod that asks for its IPv6 address', async () => {
    const { status } = await e2e.pod('pod');
    const host = status.podIPs?.[1]?.ip;
    await e2e.createPod('asks', {
      containers: [
        shell(SLEEP, {
          readinessProbe: { httpGet: { host, path: '/hostname', port: 80 }, periodSeconds: 1 },
        }),
      ],
    });
    await e2e.waitReady('asks');
  });

  it('a Service of both families leads to pods by both', async () => {
    const labels = ['label', 'pod', 'pod', 'app=web'];
    await e2e.kubectl(labels);
    await e2e.kubectl(
      ['apply', '-f', '-'],
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web' },
        spec: { ipFamilyPolicy: 'RequireDualStack', selector: { app: 'web' }, ports: [{ port: 80 }] },
      }),
    );
    const slices = await e2e.wait('a slice of each family', async () => {
      const jsonpath = '{range .items[*]}{.addressType} {.endpoints[*].addresses[*]}{"\\n"}{end}';
      const text = await e2e.kubectl(['get', 'endpointslices', '-o', `jsonpath=${jsonpath}`]);
      const lines = text.trim().split('\n').sort();
      return lines.every((each) => / ./.test(each)) && lines.length === 2 ? lines : undefined;
    });
    const { status } = await e2e.pod('pod');
    const [four, six] = (status.podIPs ?? []).map(({ ip }) => ip);
    assert.deepEqual(slices, [`IPv4 ${four ?? ''}`, `IPv6 ${six ?? ''}`]);
  });
});
