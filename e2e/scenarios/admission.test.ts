/**
 * Which pods a node takes, with a kubelet's reasons, on both containerds, here (`make test`) or over ssh or
 * tcp (`make test-remote`).
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { linkHosts } from '../harness/link-hosts.ts';
import { useNamespace, type PodJson } from '../harness/namespace.ts';
import { IMAGE, shell, SLEEP } from '../harness/pods.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld({
  hosts: linkHosts,
  farlet: { config: { kubeReserved: { cpu: '500m' }, allowedUnsafeSysctls: ['net.core.*'] } },
});

for (const { name: node, version } of linkHosts) {
  describe(`on ${node}`, () => {
    const pods = useNamespace(world, { name: `admission-${node}`, node });
    const { createPod, deletePods, pod: getPod, sh } = pods;
    const waitReady = (name: string): Promise<void> => pods.waitReady(name, 40_000);
    const container = (more: object = {}): object => shell(SLEEP, more);
    const rejected = async (name: string): Promise<PodJson['status']> =>
      pods.wait(
        `${name} to be refused`,
        async () => {
          const { status } = await getPod(name);
          return status.phase === 'Failed' && status;
        },
        40_000,
      );

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
        await createPod(name, spec, metadata);
        const status = await rejected(name);
        assert.equal(status.reason, reason, name);
        assert.match(status.message ?? '', message, name);
      }
    });

    it('takes what is allowed by configuration', async () => {
      await createPod('allowed', {
        securityContext: { sysctls: [{ name: 'net.core.somaxconn', value: '99' }] },
      });
      await waitReady('allowed');
      const value = await sh('allowed', 'cat /proc/sys/net/core/somaxconn');
      assert.equal(value.trim(), '99');
      await deletePods('allowed');
    });

    it('reads the node again before it refuses for its labels', async () => {
      await world.plane.kubectl(['label', 'node', node, 'fresh=yes']);
      await createPod('fresh', { nodeSelector: { fresh: 'yes' } });
      await waitReady('fresh');
      await deletePods('fresh');
    });

    it('refuses a host port that is taken', async () => {
      const ports = [{ containerPort: 80, hostPort: version === '2' ? 38_081 : 38_080 }];
      await createPod('first', { containers: [container({ ports })] });
      await waitReady('first');
      await createPod('second', { containers: [container({ ports })] });
      assert.equal((await rejected('second')).reason, 'NodePorts');
      await deletePods('first', 'second');
    });

    it('makes room for a critical pod', async () => {
      const { status } = JSON.parse(await world.plane.kubectl(['get', 'node', node, '-o', 'json'])) as {
        status: { allocatable: { cpu: string } };
      };
      const { cpu } = status.allocatable;
      const whole = [container({ resources: { requests: { cpu } } })];
      await createPod('victim', { containers: whole });
      await waitReady('victim');
      await createPod('critical', { containers: whole, priorityClassName: 'system-node-critical' });
      await waitReady('critical');
      const victim = (await getPod('victim')).status;
      assert.equal(victim.phase, 'Failed');
      assert.equal(victim.reason, 'Preempting');
      assert.equal(victim.message, 'Preempted in order to admit critical pod');
      assert.deepEqual(
        victim.conditions?.filter(({ type }) => type === 'DisruptionTarget').map(({ reason }) => reason),
        ['TerminationByKubelet'],
      );
      await deletePods('victim', 'critical');
    });

    it('reads variables from a file that an init container wrote', async () => {
      await createPod('file', {
        volumes: [{ name: 'v', emptyDir: {} }],
        initContainers: [
          {
            name: 'writes',
            image: IMAGE,
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
      await waitReady('file');
      assert.equal((await sh('file', 'echo $X')).trim(), 'from a file');
      await deletePods('file');
    });
  });
}
