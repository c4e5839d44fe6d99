/**
 * Cgroups, resizes and CPUs of pods, seen in the host's own cgroups, on both containerds, here (`make test`)
 * or over ssh or tcp (`make test-remote`).
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { linkHosts } from '../harness/link-hosts.ts';
import type { TestHost } from '../harness/host.ts';
import { useNamespace, type PodJson } from '../harness/namespace.ts';
import { shell, SLEEP } from '../harness/pods.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld({
  hosts: linkHosts,
  farlet: {
    config: { systemReserved: { cpu: '1', memory: '64Mi' }, cpuManagerPolicy: 'static', podPidsLimit: 200 },
  },
});
const unified = existsSync('/sys/fs/cgroup/cgroup.controllers');

type Resources = Readonly<Record<string, Readonly<Record<string, string>>>>;

for (const node of world.nodes) {
  describe(`on ${node}`, () => {
    const pods = useNamespace(world, { name: `resources-${node}`, node });
    const { kubectl, createPod, pod: getPod, waitReady, isReady } = pods;
    const wait = <T>(what: string, check: () => Promise<T | undefined | false>): Promise<T> =>
      pods.wait(what, check, 40_000);
    const container = (resources: Resources, more: object = {}): object =>
      shell(SLEEP, { resources, ...more });
    const run = async (name: string, resources: Resources, more: object = {}): Promise<string> => {
      await createPod(name, { containers: [container(resources, more)] });
      await waitReady(name, 40_000);
      return (await getPod(name)).metadata.uid;
    };
    const resize = (name: string, patch: object): Promise<string> =>
      kubectl(['patch', 'pod', name, '--subresource', 'resize', '-p', JSON.stringify(patch)]);
    const event = (name: string, reason: string): Promise<{ message: string }> =>
      pods.waitEvent(name, reason, '', 40_000);
    const condition = async (
      name: string,
      type: string,
    ): Promise<{ status: string; reason?: string; message?: string } | undefined> =>
      (await getPod(name)).status.conditions?.find((each) => each.type === type);
    const host = (): TestHost => world.host(node);
    const groupOf = (path: string, controller: string): string =>
      `${host().root()}/sys/fs/cgroup${unified ? '' : `/${controller}`}${host().cgroupRoot}/kubepods${path}`;
    const value = (path: string, controller: string, file: { v1: string; v2: string }): string =>
      readFileSync(`${groupOf(path, controller)}/${unified ? file.v2 : file.v1}`, 'utf8').trim();
    const memoryMax = (path: string): string =>
      value(path, 'memory', { v1: 'memory.limit_in_bytes', v2: 'memory.max' });
    const shares = (path: string): string => value(path, 'cpu', { v1: 'cpu.shares', v2: 'cpu.weight' });
    const quota = (path: string): string => value(path, 'cpu', { v1: 'cpu.cfs_quota_us', v2: 'cpu.max' });
    /** 1024 a CPU, as the host's version of cgroups counts */
    const asShares = (count: number): string =>
      String(unified ? 1 + Math.floor(((count - 2) * 9999) / 262_142) : count);
    const asQuota = (micros: number): string => (unified ? `${micros} 100000` : String(micros));
    const ownId = (pod: PodJson): string =>
      pod.status.containerStatuses?.[0]?.containerID?.split('//')[1] ?? '';

    afterEach(async () => {
      await kubectl(['delete', 'pods', '--all', '--grace-period=1', '--wait=true']);
    });

    it('holds pods in cgroups by class of service, limited as they ask', async () => {
      const guaranteed = { cpu: '250m', memory: '64Mi' };
      const uids = {
        guaranteed: await run('guaranteed', { requests: guaranteed, limits: guaranteed }),
        burstable: await run('burstable', { requests: { cpu: '100m' }, limits: { memory: '32Mi' } }),
        bestEffort: await run('besteffort', {}),
      };
      assert.equal(memoryMax(`/pod${uids.guaranteed}`), String(64 * 2 ** 20));
      assert.equal(shares(`/pod${uids.guaranteed}`), asShares(256));
      assert.equal(quota(`/pod${uids.guaranteed}`), asQuota(25_000));
      assert.equal(shares(`/burstable/pod${uids.burstable}`), asShares(102));
      assert.equal(memoryMax(`/burstable/pod${uids.burstable}`), String(32 * 2 ** 20));
      assert.equal(shares(`/besteffort/pod${uids.bestEffort}`), asShares(2));
      assert.equal(shares('/besteffort'), asShares(2));
      assert.equal(shares('/burstable'), asShares(102));
      assert.equal(
        value(`/besteffort/pod${uids.bestEffort}`, 'pids', { v1: 'pids.max', v2: 'pids.max' }),
        '200',
      );
      const id = ownId(await getPod('guaranteed'));
      assert.ok(existsSync(`${groupOf(`/pod${uids.guaranteed}`, 'memory')}/${id}`), 'the container is in it');
      await pods.deletePods('guaranteed', 'burstable', 'besteffort');
      await wait('the cgroups to be gone', async () =>
        Promise.resolve(
          !existsSync(groupOf(`/pod${uids.guaranteed}`, 'memory')) &&
            !existsSync(groupOf(`/burstable/pod${uids.burstable}`, 'cpu')) &&
            !existsSync(groupOf(`/besteffort/pod${uids.bestEffort}`, 'pids')),
        ),
      );
    });

    it('resizes a running container and its pod without a restart', async () => {
      const uid = await run('resize', {
        requests: { cpu: '100m', memory: '32Mi' },
        limits: { cpu: '200m', memory: '64Mi' },
      });
      const was = ownId(await getPod('resize'));
      await resize('resize', {
        spec: {
          containers: [
            {
              name: 'c',
              resources: {
                requests: { cpu: '150m', memory: '48Mi' },
                limits: { cpu: '300m', memory: '96Mi' },
              },
            },
          ],
        },
      });
      const done = await event('resize', 'ResizeCompleted');
      assert.equal(
        done.message,
        'Pod resize completed: {"containers":[{"name":"c","resources":{"limits":{"cpu":"300m","memory":"96Mi"},"requests":{"cpu":"150m","memory":"48Mi"}}}],"generation":2}',
      );
      const started = await event('resize', 'ResizeStarted');
      assert.match(started.message, /^Pod resize started: \{.*"generation":2\}$/);
      const wanted = {
        limits: { cpu: '300m', memory: '96Mi' },
        requests: { cpu: '150m', memory: '48Mi' },
      };
      const pod = await wait('the status to tell it', async () => {
        const found = await getPod('resize');
        const inProgress = found.status.conditions?.some(({ type }) => type === 'PodResizeInProgress');
        const told = found.status.containerStatuses?.[0]?.resources;
        return inProgress !== true && isDeepStrictEqual(told, wanted) && found;
      });
      const [status] = pod.status.containerStatuses ?? [];
      assert.equal(ownId(pod), was, 'the same container');
      assert.equal(status?.restartCount, 0);
      assert.deepEqual(status.allocatedResources, wanted.requests);
      for (const path of [`/burstable/pod${uid}`, `/burstable/pod${uid}/${was}`]) {
        assert.equal(memoryMax(path), String(96 * 2 ** 20), path);
        assert.equal(quota(path), asQuota(30_000), path);
        assert.equal(shares(path), asShares(153), path);
      }
      await pods.deletePods('resize');
    });

    it('restarts a container whose resize policy asks for it', async () => {
      const uid = await run(
        'restarted',
        { requests: { memory: '32Mi' }, limits: { memory: '64Mi' } },
        { resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] },
      );
      await resize('restarted', {
        spec: { containers: [{ name: 'c', resources: { limits: { memory: '80Mi' } } }] },
      });
      await wait('the container to be restarted', async () => {
        const [status] = (await getPod('restarted')).status.containerStatuses ?? [];
        return status?.restartCount === 1 && (await isReady('restarted'));
      });
      assert.equal(memoryMax(`/burstable/pod${uid}`), String(80 * 2 ** 20));
      assert.equal((await event('restarted', 'Killing')).message, 'Container c resize requires restart');
      await pods.deletePods('restarted');
    });

    it('defers a resize for which there is no room, and grants it once there is, across a restart', async () => {
      await run('small', { requests: { cpu: '300m' } });
      await run('other', { requests: { cpu: '400m' } });
      await resize('small', {
        spec: { containers: [{ name: 'c', resources: { requests: { cpu: '800m' } } }] },
      });
      const waiting = await wait('the resize to be deferred', () => condition('small', 'PodResizePending'));
      assert.equal(waiting.reason, 'Deferred');
      assert.equal(
        waiting.message,
        "Node didn't have enough resource: cpu, requested: 800, used: 400, capacity: 1000",
      );
      assert.match((await event('small', 'ResizeDeferred')).message, /^Pod resize OutOfcpu: \{/);
      const before = await getPod('small');
      await world.farlet.stop();
      world.farlet.start();
      await wait(
        'the node to be looked after again',
        async () =>
          (await world.plane.tryKubectl(['get', '--raw', '/api/v1/nodes'])).code === 0 &&
          (await isReady('small')),
      );
      const since = await getPod('small');
      assert.equal(ownId(since), ownId(before), 'the restart changed nothing');
      assert.equal(since.status.containerStatuses?.[0]?.restartCount, 0);
      assert.deepEqual(since.status.containerStatuses[0].allocatedResources, { cpu: '300m' });
      assert.equal((await condition('small', 'PodResizePending'))?.reason, 'Deferred');
      await pods.deletePods('other');
      await event('small', 'ResizeCompleted');
      assert.deepEqual((await getPod('small')).status.containerStatuses?.[0]?.allocatedResources, {
        cpu: '800m',
      });
      await pods.deletePods('small');
    });

    it('does not shrink memory below what is used', async () => {
      await createPod('hungry', {
        volumes: [{ name: 'm', emptyDir: { medium: 'Memory' } }],
        containers: [
          container(
            { requests: { memory: '16Mi' }, limits: { memory: '128Mi' } },
            {
              command: [
                'sh',
                '-c',
                'dd if=/dev/zero of=/m/x bs=1M count=40; trap "exit 0" TERM; touch /tmp/done; sleep 10000 & wait',
              ],
              volumeMounts: [{ name: 'm', mountPath: '/m' }],
              readinessProbe: { exec: { command: ['cat', '/tmp/done'] }, periodSeconds: 1 },
            },
          ),
        ],
      });
      await waitReady('hungry', 40_000);
      await resize('hungry', {
        spec: { containers: [{ name: 'c', resources: { limits: { memory: '24Mi' } } }] },
      });
      const failed = await wait('the resize to fail', async () => {
        const found = await condition('hungry', 'PodResizeInProgress');
        return found?.reason === 'Error' ? found : undefined;
      });
      assert.match(failed.message ?? '', /^cannot decrease memory limits: .*below current usage/);
      assert.match((await event('hungry', 'ResizeError')).message, /^Pod resize error: /);
      await pods.deletePods('hungry');
    });

    it('gives a guaranteed pod CPUs of its own and leaves the rest to the others', async () => {
      const cpus = async (name: string): Promise<string> =>
        (await kubectl(['exec', name, '--', 'grep', 'Cpus_allowed_list', '/proc/self/status']))
          .split(':')[1]
          ?.trim() ?? '';
      await run('shared', {});
      const whole = { cpu: '1', memory: '32Mi' };
      const shared = await cpus('shared');
      assert.match(shared, /^0-\d+$/);
      const uid = await run('exclusive', { requests: whole, limits: whole });
      const own = await cpus('exclusive');
      assert.match(own, /^\d+$/);
      await wait(
        'the others to be moved away',
        async () => !(await cpus('shared')).split(/[-,]/).includes(own),
      );
      assert.equal(quota(`/pod${uid}`), unified ? 'max 100000' : '-1');
      await createPod('second', { containers: [container({ requests: whole, limits: whole })] });
      await wait('the second to be refused', async () => (await getPod('second')).status.phase === 'Failed');
      await world.farlet.stop();
      world.farlet.start();
      await run('later', {});
      assert.ok(!(await cpus('later')).split(/[-,]/).includes(own), 'known after a restart');
      assert.equal(await cpus('exclusive'), own);
      await pods.deletePods('exclusive');
      await wait('the CPU to be shared again', async () => (await cpus('shared')) === shared);
      await pods.deletePods('shared', 'second', 'later');
    });
  });
}
