/**
 * How pods restart, are probed and end, on both containerds (root, Linux), here (`make test`) or over ssh or
 * tcp (`make test-remote`).
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { linkHosts } from '../harness/link-hosts.ts';
import { useNamespace } from '../harness/namespace.ts';
import { IMAGE, shell as c, SLEEP } from '../harness/pods.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld({ hosts: linkHosts });

const shell = (name: string, command: string, more: object = {}): object => c(command, { name, ...more });

for (const node of world.nodes) {
  describe(`on ${node}`, () => {
    const space = useNamespace(world, { name: `life-${node}`, node });
    const wait = <T>(what: string, check: () => Promise<T | undefined | false>): Promise<T> =>
      space.wait(what, check, 60_000);

    it('lets a container of a pod that never restarts begin again by its rules', async () => {
      const rules = [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }];
      await space.createPod('rules', {
        restartPolicy: 'Never',
        volumes: [{ name: 'v', emptyDir: {} }],
        containers: [
          shell('c', 'test -e /v/once && exit 3; touch /v/once; exit 42', {
            restartPolicy: 'Never',
            restartPolicyRules: rules,
            volumeMounts: [{ name: 'v', mountPath: '/v' }],
          }),
        ],
      });
      await wait('the pod to have failed', async () => (await space.pod('rules')).status.phase === 'Failed');
      const status = await space.container('rules', 'c');
      assert.equal(status?.restartCount, 1);
      assert.equal(status.state.terminated?.exitCode, 3);
    });

    it('restarts all containers in their sandbox when one asks for it', async () => {
      const rules = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } }];
      const volumeMounts = [{ name: 'v', mountPath: '/v' }];
      await space.createPod('all', {
        restartPolicy: 'Never',
        volumes: [{ name: 'v', emptyDir: {} }],
        initContainers: [shell('setup', 'echo x >> /v/setups', { volumeMounts })],
        containers: [
          shell('trigger', `test -e /v/once || { touch /v/once; sleep 2; exit 42; }; ${SLEEP}`, {
            restartPolicy: 'Never',
            restartPolicyRules: rules,
            volumeMounts,
          }),
          shell('main', SLEEP, { volumeMounts }),
        ],
      });
      const main = await wait('the other container to run again', async () => {
        const status = await space.container('all', 'main');
        return status?.restartCount === 1 && status.state.running !== undefined ? status : undefined;
      });
      assert.equal(main.lastState?.terminated?.reason, 'RestartingAllContainers');
      assert.equal((await space.container('all', 'trigger'))?.restartCount, 1);
      assert.equal(await space.kubectl(['exec', 'all', '-c', 'main', '--', 'cat', '/v/setups']), 'x\nx\n');
      const { conditions } = (await space.pod('all')).status;
      assert.equal(conditions?.find(({ type }) => type === 'AllContainersRestarting')?.status, 'False');
    });

    it('probes over the network and by command, and restarts what is not alive', async () => {
      const http = { httpGet: { port: 'web', path: '/up' }, periodSeconds: 1, failureThreshold: 1 };
      await space.createPod('probed', {
        containers: [
          shell('c', 'mkdir /www; (sleep 3; touch /www/up) & exec httpd -f -p 8080 -h /www', {
            ports: [{ name: 'web', containerPort: 8080 }],
            startupProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 30 },
            readinessProbe: http,
            livenessProbe: {
              exec: { command: ['sh', '-c', 'test ! -e /dead'] },
              periodSeconds: 1,
              failureThreshold: 2,
              terminationGracePeriodSeconds: 1,
            },
          }),
        ],
      });
      await space.waitEvent(
        'probed',
        'Unhealthy',
        'Readiness probe failed: HTTP probe failed with statuscode: 404',
      );
      await wait('readiness', async () => (await space.container('probed', 'c'))?.ready);
      await space.kubectl(['exec', 'probed', '--', 'touch', '/dead']);
      await wait('a restart', async () => (await space.container('probed', 'c'))?.restartCount === 1);
      await space.waitEvent('probed', 'Killing', 'Container c failed liveness probe, will be restarted');
    });

    it('keeps started, ready and times over a restart of farlet, and tells no event twice', async () => {
      const stable = async (): Promise<unknown> => (await space.pod('probed')).status;
      await wait('readiness again', async () => (await space.container('probed', 'c'))?.ready);
      await new Promise((resolve) => setTimeout(resolve, 11_000));
      const created = async (): Promise<number> =>
        (
          await space.kubectl([
            'get',
            'events',
            '-o',
            'custom-columns=R:.reason,C:.count,N:.involvedObject.name',
          ])
        )
          .split('\n')
          .filter((line) => /^(Created|Started) .* probed/.test(line))
          .reduce((sum, line) => sum + Number(line.split(/\s+/)[1]), 0);
      const [status, count] = [await stable(), await created()];
      await world.farlet.stop('SIGKILL');
      world.farlet.start();
      await space.createPod('after', { containers: [shell('c', SLEEP)] });
      await wait('a new pod to run', async () => (await space.pod('after')).status.phase === 'Running');
      assert.deepEqual(await stable(), status);
      assert.equal(await created(), count);
    });

    it('ends sidecars after those they serve, in reverse order', async () => {
      const says = 'trap "echo $0 >> /v/order; exit 0" TERM; sleep 10000 & wait';
      const host = world.host(node);
      const path = `${host.folder}/order`;
      const volumes = [{ name: 'v', hostPath: { path, type: 'DirectoryOrCreate' } }];
      const one = (name: string, more: object = {}): object => ({
        name,
        image: IMAGE,
        command: ['sh', '-c', says, name],
        volumeMounts: [{ name: 'v', mountPath: '/v' }],
        ...more,
      });
      const restartPolicy = 'Always';
      await space.createPod('order', {
        terminationGracePeriodSeconds: 20,
        volumes,
        initContainers: [one('first', { restartPolicy }), one('second', { restartPolicy })],
        containers: [one('main')],
      });
      await wait('all to run', async () => (await space.container('order', 'main'))?.state.running);
      await space.kubectl(['delete', 'pod', 'order', '--timeout=40s']);
      assert.equal(readFileSync(`${host.root()}${path}/order`, 'utf8'), 'main\nsecond\nfirst\n');
    });
  });
}
