/** How pods restart, are probed and end, on both containerds (root, Linux). */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { startFarlet, type Farlet } from '../harness/farlet.ts';
import { startHost, type TestHost } from '../harness/host.ts';
import { eventually } from '../harness/processes.ts';

const folder = mkdtempSync('/tmp/farlet-life-');
const hosts: TestHost[] = [];
let plane: ControlPlane;
let farlet: Farlet;

before(async () => {
  [plane] = await Promise.all([
    startControlPlane({ folder: `${folder}/plane` }),
    ...(['1.6', '2'] as const).map(async (version) => {
      const name = `life-${version.replace('.', '-')}`;
      hosts.push(await startHost({ name, version, folder: `${folder}/${name}` }));
    }),
  ]);
  farlet = await startFarlet({ folder: `${folder}/farlet`, plane, hosts });
});

after(async () => {
  await farlet.stop();
  await Promise.all(hosts.map((host) => host.stop()));
  await plane.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Status {
  name: string;
  containerID?: string;
  restartCount: number;
  ready: boolean;
  started?: boolean;
  state: {
    waiting?: { reason?: string };
    running?: object;
    terminated?: { exitCode: number; reason: string };
  };
  lastState: { terminated?: { exitCode: number; reason: string } };
}

interface PodJson {
  status: {
    phase: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: Status[];
    initContainerStatuses?: Status[];
  };
}

const serve = 'trap "exit 0" TERM; sleep 10000 & wait';
const shell = (name: string, command: string, more: object = {}): object => ({
  name,
  image: 'localhost/busybox:1',
  command: ['sh', '-c', command],
  ...more,
});

for (const node of ['life-1-6', 'life-2']) {
  describe(`on ${node}`, () => {
    const namespace = `e2e-${node}`;
    const kubectl = (args: readonly string[], input?: string): Promise<string> =>
      plane.kubectl(['-n', namespace, ...args], input);
    const get = async (name: string): Promise<PodJson> =>
      JSON.parse(await kubectl(['get', 'pod', name, '-o', 'json'])) as PodJson;
    const of = async (pod: string, container: string): Promise<Status | undefined> =>
      (await get(pod)).status.containerStatuses?.find(({ name }) => name === container);
    const wait = <T>(what: string, check: () => Promise<T | undefined | false>): Promise<T> =>
      eventually(what, check, { timeoutMs: 60_000, describe: () => kubectl(['get', 'pods,events']) });
    const events = async (text: string): Promise<boolean> =>
      (await kubectl(['get', 'events', '-o', 'custom-columns=R:.reason,M:.message'])).includes(text);
    const create = async (name: string, spec: object): Promise<void> => {
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name },
        spec: { nodeName: node, terminationGracePeriodSeconds: 2, ...spec },
      };
      await kubectl(['create', '-f', '-'], JSON.stringify(pod));
    };

    before(async () => {
      await plane.kubectl(['create', 'namespace', namespace]);
      await wait(
        'the default service account',
        async () => (await plane.tryKubectl(['-n', namespace, 'get', 'sa', 'default'])).code === 0,
      );
      await wait('the node to be Ready', async () =>
        (await plane.tryKubectl(['get', 'node', node])).stdout.includes(' Ready '),
      );
    });

    it('lets a container of a pod that never restarts begin again by its rules', async () => {
      const rules = [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }];
      await create('rules', {
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
      await wait('the pod to have failed', async () => (await get('rules')).status.phase === 'Failed');
      const status = await of('rules', 'c');
      assert.equal(status?.restartCount, 1);
      assert.equal(status.state.terminated?.exitCode, 3);
    });

    it('restarts all containers in their sandbox when one asks for it', async () => {
      const rules = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } }];
      const volumeMounts = [{ name: 'v', mountPath: '/v' }];
      await create('all', {
        restartPolicy: 'Never',
        volumes: [{ name: 'v', emptyDir: {} }],
        initContainers: [shell('setup', 'echo x >> /v/setups', { volumeMounts })],
        containers: [
          shell('trigger', `test -e /v/once || { touch /v/once; sleep 2; exit 42; }; ${serve}`, {
            restartPolicy: 'Never',
            restartPolicyRules: rules,
            volumeMounts,
          }),
          shell('main', serve, { volumeMounts }),
        ],
      });
      const main = await wait('the other container to run again', async () => {
        const status = await of('all', 'main');
        return status?.restartCount === 1 && status.state.running !== undefined ? status : undefined;
      });
      assert.equal(main.lastState.terminated?.reason, 'RestartingAllContainers');
      assert.equal((await of('all', 'trigger'))?.restartCount, 1);
      assert.equal(await kubectl(['exec', 'all', '-c', 'main', '--', 'cat', '/v/setups']), 'x\nx\n');
      const { conditions } = (await get('all')).status;
      assert.equal(conditions?.find(({ type }) => type === 'AllContainersRestarting')?.status, 'False');
    });

    it('probes over the network and by command, and restarts what is not alive', async () => {
      const http = { httpGet: { port: 'web', path: '/up' }, periodSeconds: 1, failureThreshold: 1 };
      await create('probed', {
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
      await wait('readiness to have failed', () =>
        events('Readiness probe failed: HTTP probe failed with statuscode: 404'),
      );
      await wait('readiness', async () => (await of('probed', 'c'))?.ready);
      await kubectl(['exec', 'probed', '--', 'touch', '/dead']);
      await wait('a restart', async () => (await of('probed', 'c'))?.restartCount === 1);
      assert.ok(await events('Container c failed liveness probe, will be restarted'));
    });

    it('keeps started, ready and times over a restart of farlet, and tells no event twice', async () => {
      const stable = async (): Promise<unknown> => (await get('probed')).status;
      await wait('readiness again', async () => (await of('probed', 'c'))?.ready);
      await new Promise((resolve) => setTimeout(resolve, 11_000));
      const created = async (): Promise<number> =>
        (await kubectl(['get', 'events', '-o', 'custom-columns=R:.reason,C:.count,N:.involvedObject.name']))
          .split('\n')
          .filter((line) => /^(Created|Started) .* probed/.test(line))
          .reduce((sum, line) => sum + Number(line.split(/\s+/)[1]), 0);
      const [status, count] = [await stable(), await created()];
      await farlet.stop('SIGKILL');
      farlet.start();
      await create('after', { containers: [shell('c', serve)] });
      await wait('a new pod to run', async () => (await get('after')).status.phase === 'Running');
      assert.deepEqual(await stable(), status);
      assert.equal(await created(), count);
    });

    it('ends sidecars after those they serve, in reverse order', async () => {
      const says = 'trap "echo $0 >> /v/order; exit 0" TERM; sleep 10000 & wait';
      const volumes = [
        { name: 'v', hostPath: { path: `${folder}/${node}-order`, type: 'DirectoryOrCreate' } },
      ];
      const one = (name: string, more: object = {}): object => ({
        name,
        image: 'localhost/busybox:1',
        command: ['sh', '-c', says, name],
        volumeMounts: [{ name: 'v', mountPath: '/v' }],
        ...more,
      });
      const restartPolicy = 'Always';
      await create('order', {
        terminationGracePeriodSeconds: 20,
        volumes,
        initContainers: [one('first', { restartPolicy }), one('second', { restartPolicy })],
        containers: [one('main')],
      });
      await wait('all to run', async () => (await of('order', 'main'))?.state.running);
      await kubectl(['delete', 'pod', 'order', '--timeout=40s']);
      assert.equal(readFileSync(`${folder}/${node}-order/order`, 'utf8'), 'main\nsecond\nfirst\n');
    });
  });
}
