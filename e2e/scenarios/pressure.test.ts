/**
 * A node that runs out of memory or of process ids: its conditions and taints, who goes, who may come, and
 * the way back.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { onContainerds } from '../harness/containerds.ts';
import { useNamespace } from '../harness/namespace.ts';
import { shell } from '../harness/pods.ts';
import { useWatched } from '../harness/watched.ts';
import { useWorld } from '../harness/world.ts';

// hosts with mounts of their own: what they say of their memory and processes can be set without filling this
// machine
const world = useWorld({
  hosts: onContainerds([
    { name: 'pressed-1-6', version: '1.6', link: 'ssh' },
    { name: 'pressed-2', version: '2', link: 'ssh' },
  ]),
  farlet: {
    config: {
      evictionHard: { 'memory.available': '100Mi', 'pid.available': '1k' },
      evictionPressureTransitionPeriod: '2s',
    },
  },
});

interface NodeJson {
  readonly spec: { readonly taints?: readonly { readonly key: string; readonly effect: string }[] };
  readonly status: {
    readonly conditions: readonly { type: string; status: string; reason: string; message: string }[];
  };
}

const critical = { priorityClassName: 'system-node-critical' };
/** 20 MiB left of it */
const LITTLE_MEMORY = `sed -E 's/^(MemFree|Inactive\\(file\\)):.*/\\1: 10240 kB/' /proc/meminfo > /run/meminfo && mount --bind /run/meminfo /proc/meminfo`;
/** five left of them */
const FEW_PIDS = `cd /proc/sys/kernel; max=$(cat pid_max); [ $(cat threads-max) -lt $max ] && max=$(cat threads-max)
  echo "0.00 0.00 0.00 1/$((max - 5)) 1" > /run/loadavg && mount --bind /run/loadavg /proc/loadavg`;

describe('under pressure', { concurrency: true }, () => {
  for (const node of world.nodes) {
    describe(`on ${node}`, { concurrency: 1 }, () => {
      const space = useNamespace(world, { name: `pressure-${node}`, node });
      const seen = useWatched(world, space);
      const inside = async (command: string): Promise<void> => {
        const { code, stderr } = await world.host(node).inside(['sh', '-c', command]);
        assert.equal(code, 0, stderr);
      };
      const read = async (): Promise<NodeJson> =>
        JSON.parse(await world.plane.kubectl(['get', 'node', node, '-o', 'json'])) as NodeJson;
      const condition = async (type: string): Promise<object | undefined> =>
        (await read()).status.conditions.find((each) => each.type === type);
      const isTainted = async (key: string): Promise<boolean> =>
        ((await read()).spec.taints ?? []).some(
          (taint) => taint.key === key && taint.effect === 'NoSchedule',
        );
      const pressed = (type: string, status: string): Promise<unknown> =>
        space.wait(
          `${type} to be ${status}`,
          async () => {
            const found = (await read()).status.conditions.find((each) => each.type === type);
            return found?.status === status;
          },
          60_000,
        );
      const nodeEvent = (reason: string): Promise<unknown> => {
        const fields = `involvedObject.name=${node},reason=${reason}`;
        const query = ['get', 'events', '-n', 'default', '--field-selector', fields, '-o', 'name'];
        return space.wait(
          `the event ${reason} of the node`,
          async () => (await world.plane.kubectl(query)) !== '',
        );
      };
      const running = (pod: string): Promise<unknown> =>
        seen.until(`${pod} to run`, () => seen.container(pod)?.state.running);
      const evicted = async (pod: string): Promise<string> => {
        await seen.until(`${pod} to be evicted`, () => seen.pod(pod).status.phase === 'Failed');
        const { reason, message = '' } = seen.pod(pod).status;
        assert.equal(reason, 'Evicted');
        return message;
      };
      const refused = async (pod: string, pressure: string): Promise<void> => {
        await space.createPod(pod);
        assert.equal(await evicted(pod), `Pod was rejected: The node had condition: [${pressure}]. `);
        await seen.untilEvent(pod, 'Evicted', `The node had condition: [${pressure}]. `);
      };

      it('of memory, who has more than asked for goes first, and who asks for nothing stays out', async () => {
        const memory = (amount: string): object => ({ resources: { requests: { memory: amount } } });
        await space.createPod('small', { containers: [shell(undefined, memory('200Mi'))] });
        await space.createPod('vital', critical);
        await space.createPod('big', {
          volumes: [{ name: 'v', emptyDir: { medium: 'Memory' } }],
          containers: [
            shell('head -c 40000000 /dev/zero > /v/f; trap "exit 0" TERM; sleep 10000 & wait', {
              volumeMounts: [{ name: 'v', mountPath: '/v' }],
            }),
          ],
        });
        for (const pod of ['small', 'vital', 'big']) await running(pod);
        await inside(LITTLE_MEMORY);
        await pressed('MemoryPressure', 'True');
        assert.partialDeepStrictEqual(await condition('MemoryPressure'), {
          reason: 'KubeletHasInsufficientMemory',
          message: 'kubelet has insufficient memory available',
        });
        await nodeEvent('NodeHasInsufficientMemory');
        const big = await seen.untilEvent('big', 'Evicted');
        const { offending_containers_usage: used, ...annotations } = big.metadata.annotations ?? {};
        assert.deepEqual(annotations, { offending_containers: 'c', starved_resource: 'memory' });
        assert.match(used ?? '', /^\d+(Ki|Mi)?$/);
        // while the pressure lasts others follow, ten seconds later
        const [after] = seen.events('small').filter(({ reason }) => reason === 'Evicted');
        assert.ok(
          after === undefined || (after.firstTimestamp ?? '') > (big.firstTimestamp ?? ''),
          'who stayed below what it asked for went no sooner',
        );
        assert.equal(
          await evicted('big'),
          `The node was low on resource: memory. Threshold quantity: 100Mi, available: 20Mi. Container c was using ${used ?? ''}, request is 0, has larger consumption of memory. `,
        );
        assert.partialDeepStrictEqual(seen.condition('big', 'DisruptionTarget'), {
          status: 'True',
          reason: 'TerminationByKubelet',
          message: seen.pod('big').status.message ?? '',
        });
        await space.wait('the taint', () => isTainted('node.kubernetes.io/memory-pressure'));
        await refused('late', 'MemoryPressure');
        // who asks for memory may come, and goes like others
        await space.createPod('asks', { containers: [shell(undefined, memory('10Mi'))] });
        assert.match(await evicted('asks'), /^The node was low on resource: memory\. /);
        assert.equal(seen.pod('vital').status.phase, 'Running');
        await inside('umount /proc/meminfo');
        await pressed('MemoryPressure', 'False');
        await space.wait('no taint', async () => !(await isTainted('node.kubernetes.io/memory-pressure')));
      });

      it('of process ids, somebody goes and nobody comes', async () => {
        await space.createPod('forks', {
          containers: [shell('for i in $(seq 30); do sleep 10000 & done; trap "exit 0" TERM; wait')],
        });
        await running('forks');
        await inside(FEW_PIDS);
        await pressed('PIDPressure', 'True');
        assert.partialDeepStrictEqual(await condition('PIDPressure'), {
          reason: 'KubeletHasInsufficientPID',
          message: 'kubelet has insufficient PID available',
        });
        assert.equal(
          await evicted('forks'),
          'The node was low on resource: pids. Threshold quantity: 1k, available: 5. ',
        );
        await space.wait('the taint', () => isTainted('node.kubernetes.io/pid-pressure'));
        await refused('later', 'PIDPressure');
        assert.equal(seen.pod('vital').status.phase, 'Running');
        await inside('umount /proc/loadavg');
        await pressed('PIDPressure', 'False');
        await space.wait('no taint', async () => !(await isTainted('node.kubernetes.io/pid-pressure')));
        await space.createPod('after');
        await running('after');
      });

      it('counts who went', async () => {
        const text = await (await fetch(world.farlet.metricsUrl)).text();
        for (const [signal, least] of [
          ['memory.available', 2],
          ['pid.available', 1],
        ] as const) {
          const line = text
            .split('\n')
            .find(
              (each) =>
                each.startsWith('kubelet_evictions{') &&
                each.includes(`"${node}"`) &&
                each.includes(`"${signal}"`),
            );
          assert.ok(Number(line?.split(' ').at(-1)) >= least, `${signal}: ${line ?? 'no such line'}`);
        }
      });
    });
  }
});
