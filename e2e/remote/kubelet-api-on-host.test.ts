/** `kubeletAPI: host`: the Node is at its host's address, whose port 10250 leads to farlet. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { paths } from '../../src/kube/paths.ts';
import type { KubeNode } from '../../src/model/kube.ts';
import { farNode } from '../harness/far-node.ts';
import { useNamespace } from '../harness/namespace.ts';
import { shell, SLEEP } from '../harness/pods.ts';
import { outcome } from '../harness/processes.ts';
import { useWorld } from '../harness/world.ts';

const SSH = 'published';
const TCP = 'published-tcp';
const LOOPBACK_ONLY = 'loopback-only';

const world = useWorld({
  hosts: [
    { name: SSH, version: '2', link: 'ssh', user: 'operator', sshd: ['GatewayPorts clientspecified'] },
    { name: TCP, version: '1.6', link: 'tcp' },
    { name: LOOPBACK_ONLY, version: '2', link: 'ssh' },
  ],
  farlet: { node: () => ({ kubeletAPI: 'host' }) },
});

/** the answer's code to whoever asks on the host, without credentials */
async function asked(host: string, where: string): Promise<string> {
  const url = `https://${where}:10250/pods`;
  const { stdout } = await world
    .remote(host)
    .inside(['curl', '-sk', '--noproxy', '*', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}', url]);
  return stdout;
}

for (const NODE of [SSH, TCP])
  describe(`the kubelet API on ${NODE}`, { concurrency: 1 }, () => {
    const e2e = useNamespace(world, { name: `on-${NODE}`, node: NODE });
    const far = farNode(world, e2e);
    const logs = (): Promise<string | undefined> => e2e.kubectl(['logs', 'talks']).catch(() => undefined);

    it('is where the Node says', async () => {
      const { address } = world.remote(NODE);
      const { status } = await world.client.get<KubeNode>(paths.node(NODE));
      assert.deepEqual(status?.addresses, [
        { type: 'InternalIP', address },
        { type: 'Hostname', address: NODE },
      ]);
      assert.equal(status.daemonEndpoints?.kubeletEndpoint?.Port, 10_250);
      await e2e.createPod('talks', { containers: [shell(`echo said; ${SLEEP}`)] });
      await e2e.waitReady('talks');
      await e2e.wait('logs', async () => (await logs()) === 'said\n');
      const typed = 'x'.repeat(300_000);
      assert.equal(await e2e.kubectl(['exec', '-i', 'talks', '--', 'cat'], typed), typed);
    });

    it('answers agents on the host, whom it asks who they are', async () => {
      assert.equal(await asked(NODE, '127.0.0.1'), '401');
      assert.equal(await asked(NODE, world.remote(NODE).address), '401');
    });

    it('is there again after a cut, although the host takes the former session for alive', async () => {
      const host = world.remote(NODE);
      await host.dropPackets();
      await far.waitReady('False', 60_000);
      // farlet's end gives up, and nobody tells the host
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      await host.mendLink();
      await far.waitReady('True', 60_000);
      await e2e.wait('logs', async () => (await logs()) === 'said\n', 60_000);
      assert.equal(await asked(NODE, '127.0.0.1'), '401');
    });

    it('is gone from the host when farlet stops, and back when it starts', async () => {
      await world.farlet.stop('SIGTERM');
      await e2e.wait('the port to be closed', async () => (await asked(NODE, '127.0.0.1')) === '000');
      world.farlet.start();
      await e2e.wait('logs', async () => (await logs()) === 'said\n', 60_000);
    });

    it('is there again after farlet was killed', async () => {
      await world.farlet.stop('SIGKILL');
      world.farlet.start();
      await e2e.wait('logs', async () => (await logs()) === 'said\n', 60_000);
    });
  });

describe('where the host’s address does not lead to farlet', { concurrency: 1 }, () => {
  const e2e = useNamespace(world, { name: LOOPBACK_ONLY, node: LOOPBACK_ONLY });

  it('the Node’s events say what sshd must allow', async () => {
    const events = ['get', 'events', '-n', 'default', '-o', 'json'];
    const ofNode = `--field-selector=involvedObject.name=${LOOPBACK_ONLY},reason=KubeletAPINotOnHost`;
    const told = await e2e.wait('the event', async () => {
      const text = await world.plane.kubectl([...events, ofNode]);
      return text.includes('does not lead to farlet') ? text : undefined;
    });
    assert.match(told, /set GatewayPorts to clientspecified or yes/);
    assert.equal(await asked(LOOPBACK_ONLY, '127.0.0.1'), '401');
    const up = (node: string, value: number): string =>
      `farlet_kubelet_api_on_host{node="${node}",host="box"} ${value}\n`;
    await e2e.wait('the metric of all', async () => {
      const metrics = await (await fetch(world.farlet.metricsUrl)).text();
      const dials = `farlet_host_dials{node="${SSH}",host="box",use="runtime",state="open"} `;
      return [up(SSH, 1), up(TCP, 1), up(LOOPBACK_ONLY, 0), dials].every((line) => metrics.includes(line));
    });
  });

  it('farlet check tells', async () => {
    const check = async (): Promise<{ code: number | null; row: (node: string) => string | undefined }> => {
      const config = ['--config', world.farlet.configFile, '--kubeconfig', world.plane.kubeconfig];
      const { code, stdout } = await outcome([process.execPath, 'dist/main.js', 'check', ...config]);
      const rows = stdout.split('\n');
      return { code, row: (node) => rows.find((row) => row.includes(`${node}/box kubelet API `)) };
    };
    const running = await check();
    for (const node of [SSH, TCP])
      assert.match(running.row(node) ?? '', /^WARN .*something listens on port 10250 of the host already$/);
    await world.farlet.stop('SIGTERM');
    const alone = await check();
    assert.equal(alone.code, 1);
    for (const node of [SSH, TCP]) assert.match(alone.row(node) ?? '', /^ok .* port 10250 leads to farlet$/);
    assert.match(alone.row(LOOPBACK_ONLY) ?? '', /^FAIL .* does not lead to farlet.* GatewayPorts/);
    world.farlet.start();
  });
});
