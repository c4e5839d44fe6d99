/** Which pods a node takes, with a kubelet's reasons, on both containerds (root, Linux). */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { startFarlet, type Farlet } from '../harness/farlet.ts';
import { startHost, type TestHost } from '../harness/host.ts';
import { eventually } from '../harness/processes.ts';

const folder = mkdtempSync('/tmp/farlet-e2e-');
let plane: ControlPlane;
let farlet: Farlet;
const hosts = new Map<string, TestHost>();

before(async () => {
  [plane] = await Promise.all([
    startControlPlane({ folder: `${folder}/plane` }),
    ...(['1.6', '2'] as const).map(async (version) => {
      const name = `node-${version.replace('.', '-')}`;
      hosts.set(name, await startHost({ name, version, folder: `${folder}/${name}` }));
    }),
  ]);
  farlet = await startFarlet({
    folder: `${folder}/farlet`,
    plane,
    hosts: [...hosts.values()],
    config: { kubeReserved: { cpu: '500m' }, allowedUnsafeSysctls: ['net.core.*'] },
  });
});

after(async () => {
  await farlet.stop();
  await Promise.all([...hosts.values()].map((host) => host.stop()));
  await plane.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface PodJson {
  status: {
    phase: string;
    reason?: string;
    message?: string;
    conditions?: { type: string; status: string; reason?: string }[];
  };
}

for (const node of ['node-1-6', 'node-2']) {
  describe(`on ${node}`, () => {
    const namespace = `admission-${node}`;
    const kubectl = (args: readonly string[], input?: string): Promise<string> =>
      plane.kubectl(['-n', namespace, ...args], input);
    const getPod = async (name: string): Promise<PodJson> =>
      JSON.parse(await kubectl(['get', 'pod', name, '-o', 'json'])) as PodJson;
    const report = async (): Promise<string> =>
      `${await kubectl(['get', 'pods,events', '-o', 'wide'])}\n${farlet.log()}`;
    const wait = <T>(what: string, check: () => Promise<T | undefined | false>): Promise<T> =>
      eventually(what, check, { timeoutMs: 40_000, describe: report });
    const isReady = async (name: string): Promise<boolean> =>
      (await getPod(name)).status.conditions?.some(
        ({ type, status }) => type === 'Ready' && status === 'True',
      ) === true;
    const container = (more: object = {}): object => ({
      name: 'c',
      image: 'localhost/busybox:1',
      command: ['sh', '-c', 'trap "exit 0" TERM; sleep 10000 & wait'],
      ...more,
    });
    const create = (name: string, spec: object, metadata: object = {}): Promise<string> =>
      kubectl(
        ['create', '-f', '-'],
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name, ...metadata },
          spec: { nodeName: node, terminationGracePeriodSeconds: 1, containers: [container()], ...spec },
        }),
      );
    const rejected = async (name: string): Promise<PodJson['status']> =>
      wait(`${name} to be refused`, async () => {
        const { status } = await getPod(name);
        return status.phase === 'Failed' && status;
      });

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

    it('refuses with the reason and the words of a kubelet', async () => {
      const cases: [string, object, string, RegExp, object?][] = [
        [
          'cpu',
          { containers: [container({ resources: { requests: { cpu: '100' } } })] },
          'OutOfcpu',
          /^Pod was rejected: Node didn't have enough resource: cpu, requested: 100000, used: \d+, capacity: \d+500$/,
        ],
        [
          'selector',
          { nodeSelector: { no: 'such' } },
          'NodeAffinity',
          /didn't match Pod's node affinity\/selector$/,
        ],
        [
          'sysctl',
          { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } },
          'SysctlForbidden',
          /forbidden sysctl: "kernel.msgmax" not allowlisted$/,
        ],
        [
          'os',
          {},
          'PodOSSelectorNodeLabelDoesNotMatch',
          /label doesn't match node label$/,
          { labels: { 'kubernetes.io/os': 'windows' } },
        ],
      ];
      for (const [name, spec, reason, message, metadata] of cases) {
        await create(name, spec, metadata);
        const status = await rejected(name);
        assert.equal(status.reason, reason, name);
        assert.match(status.message ?? '', message, name);
      }
    });

    it('takes what is allowed by configuration', async () => {
      await create('allowed', {
        securityContext: { sysctls: [{ name: 'net.core.somaxconn', value: '99' }] },
      });
      await wait('allowed to be Ready', () => isReady('allowed'));
      const value = await kubectl(['exec', 'allowed', '--', 'cat', '/proc/sys/net/core/somaxconn']);
      assert.equal(value.trim(), '99');
      await kubectl(['delete', 'pod', 'allowed', '--wait=true']);
    });

    it('reads the node again before it refuses for its labels', async () => {
      await plane.kubectl(['label', 'node', node, 'fresh=yes']);
      await create('fresh', { nodeSelector: { fresh: 'yes' } });
      await wait('fresh to be Ready', () => isReady('fresh'));
      await kubectl(['delete', 'pod', 'fresh', '--wait=true']);
    });

    it('refuses a host port that is taken', async () => {
      const ports = [{ containerPort: 80, hostPort: node === 'node-2' ? 38_081 : 38_080 }];
      await create('first', { containers: [container({ ports })] });
      await wait('first to be Ready', () => isReady('first'));
      await create('second', { containers: [container({ ports })] });
      assert.equal((await rejected('second')).reason, 'NodePorts');
      await kubectl(['delete', 'pod', 'first', 'second', '--wait=true']);
    });

    it('makes room for a critical pod', async () => {
      const { status } = JSON.parse(await plane.kubectl(['get', 'node', node, '-o', 'json'])) as {
        status: { allocatable: { cpu: string } };
      };
      const { cpu } = status.allocatable;
      const whole = [container({ resources: { requests: { cpu } } })];
      await create('victim', { containers: whole });
      await wait('victim to be Ready', () => isReady('victim'));
      await create('critical', { containers: whole, priorityClassName: 'system-node-critical' });
      await wait('critical to be Ready', () => isReady('critical'));
      const victim = (await getPod('victim')).status;
      assert.equal(victim.phase, 'Failed');
      assert.equal(victim.reason, 'Preempting');
      assert.equal(victim.message, 'Preempted in order to admit critical pod');
      assert.deepEqual(
        victim.conditions?.filter(({ type }) => type === 'DisruptionTarget').map(({ reason }) => reason),
        ['TerminationByKubelet'],
      );
      await kubectl(['delete', 'pod', 'victim', 'critical', '--wait=true']);
    });

    it('reads variables from a file that an init container wrote', async () => {
      await create('file', {
        volumes: [{ name: 'v', emptyDir: {} }],
        initContainers: [
          {
            name: 'writes',
            image: 'localhost/busybox:1',
            command: ['sh', '-c', `echo "WORD='from a file'" > /v/env`],
            volumeMounts: [{ name: 'v', mountPath: '/v' }],
          },
        ],
        containers: [
          container({
            env: [{ name: 'X', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'env', key: 'WORD' } } }],
          }),
        ],
      });
      await wait('file to be Ready', () => isReady('file'));
      assert.equal((await kubectl(['exec', 'file', '--', 'sh', '-c', 'echo $X'])).trim(), 'from a file');
      await kubectl(['delete', 'pod', 'file', '--wait=true']);
    });
  });
}
