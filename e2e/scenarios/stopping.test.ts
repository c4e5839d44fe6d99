/**
 * SIGTERM while callers hold the kubelet API's connections: refused ones, live ones, anonymous ones that
 * never let go. Runs over every link.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { linkHosts, nearAddress } from '../harness/link-hosts.ts';
import { useNamespace } from '../harness/namespace.ts';
import { useWorld } from '../harness/world.ts';

// the newer containerd: what is asked here is farlet's alone
const world = useWorld({
  hosts: linkHosts.slice(-1),
  farlet: { config: { address: '0.0.0.0' }, node: ({ name }) => ({ nodeIP: nearAddress(world.host(name)) }) },
});
const LIMIT_MS = 10_000;

for (const node of world.nodes)
  describe(`SIGTERM on ${node} ends farlet in time, with 0, though`, () => {
    const pods = useNamespace(world, { name: `stop-${node}`, node });

    /** Sends the signal and looks at how farlet ends; what `hold` opened is there meanwhile. */
    const stops = async (hold: () => Promise<() => unknown>): Promise<void> => {
      await pods.createPod('stays');
      await pods.waitReady('stays');
      const before = await pods.container('stays');
      const letGo = await hold();
      const sent = performance.now();
      await world.farlet.stop('SIGTERM');
      const tookMs = performance.now() - sent;
      await letGo();
      assert.ok(tookMs < LIMIT_MS, `${String(tookMs)} ms; ${world.farlet.log(20)}`);
      assert.equal(world.farlet.exitCode(), 0, world.farlet.log(20));
      assert.match(
        world.farlet.log(200),
        /stopping on SIGTERM: pods keep running; a second signal ends this at once[^]*"stopped"/,
      );
      world.farlet.start();
      await pods.wait('farlet to be healthy', async () => (await fetch(world.farlet.healthUrl)).ok);
      assert.deepEqual(await pods.container('stays'), before);
      await pods.deletePods('stays');
    };

    it('fifty callers without credentials asked for an upgrade and keep their end open', async () => {
      const { port } = new URL(world.farlet.kubeletUrl(node));
      await stops(async () => {
        const clients = await Promise.all(
          Array.from({ length: 50 }, () => anonymousUpgrade(Number(port), `/exec/${pods.name}/stays/c`)),
        );
        return () => {
          for (const client of clients) client.destroy();
        };
      });
    });

    it('an exec is live', async () => {
      await stops(async () => {
        const exec = pods.tryKubectl(['exec', 'stays', '--', 'sleep', '39']);
        await pods.wait('the command to run', async () =>
          (await pods.sh('stays', 'cat /proc/[0-9]*/cmdline')).includes('sleep\u{0}39'),
        );
        return () => exec;
      });
    });

    it('an exec was refused', async () => {
      await stops(async () => {
        await pods.createPod('waits', { containers: [{ name: 'c', image: '127.0.0.1:1/none:1' }] });
        await pods.waitWaiting('waits', 'ImagePullBackOff');
        const refused = await pods.tryKubectl(['exec', 'waits', '--', 'true']);
        assert.match(refused.stderr, /container not found \("c"\)/);
        return () => undefined;
      });
    });
  });

function anonymousUpgrade(port: number, path: string): Promise<TLSSocket> {
  const options = { port, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true };
  return new Promise((resolve, reject) => {
    const socket = connect(options, () => {
      socket.write(
        `POST ${path}?command=true HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`,
      );
    });
    socket.once('error', reject);
    socket.once('data', (answer: Buffer) => {
      assert.match(answer.toString(), /^HTTP\/1\.1 401 /);
      resolve(socket);
    });
  });
}
