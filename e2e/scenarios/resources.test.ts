/** Cgroups, resizes and CPUs of pods, seen in the host's own cgroups, on both containerds (root, Linux). */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { after, afterEach, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { startFarlet, type Farlet } from '../harness/farlet.ts';
import { startHost, type TestHost } from '../harness/host.ts';
import { eventually } from '../harness/processes.ts';

const folder = mkdtempSync('/tmp/farlet-e2e-');
let plane: ControlPlane;
let farlet: Farlet;
const hosts = new Map<string, TestHost>();
const unified = existsSync('/sys/fs/cgroup/cgroup.controllers');

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
    config: { systemReserved: { cpu: '1', memory: '64Mi' }, cpuManagerPolicy: 'static', podPidsLimit: 200 },
  });
});

after(async () => {
  await farlet.stop();
  await Promise.all([...hosts.values()].map((host) => host.stop()));
  await plane.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface PodJson {
  metadata: { uid: string; generation: number };
  status: {
    phase: string;
    reason?: string;
    qosClass?: string;
    conditions?: {
      type: string;
      status: string;
      reason?: string;
      message?: string;
      observedGeneration?: number;
    }[];
    containerStatuses?: {
      containerID?: string;
      restartCount: number;
      resources?: object;
      allocatedResources?: object;
    }[];
  };
}

type Resources = Readonly<Record<string, Readonly<Record<string, string>>>>;

for (const node of ['node-1-6', 'node-2']) {
  describe(`on ${node}`, () => {
    const namespace = `resources-${node}`;
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
    const container = (resources: Resources, more: object = {}): object => ({
      name: 'c',
      image: 'localhost/busybox:1',
      command: ['sh', '-c', 'trap "exit 0" TERM; sleep 10000 & wait'],
      resources,
      ...more,
    });
    const create = (name: string, spec: Record<string, unknown>): Promise<string> =>
      kubectl(
        ['create', '-f', '-'],
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name },
          spec: { nodeName: node, terminationGracePeriodSeconds: 1, ...spec },
        }),
      );
    const run = async (name: string, resources: Resources, more: object = {}): Promise<string> => {
      await create(name, { containers: [container(resources, more)] });
      await wait(`${name} to be Ready`, () => isReady(name));
      return (await getPod(name)).metadata.uid;
    };
    const remove = (name: string): Promise<string> => kubectl(['delete', 'pod', name, '--wait=true']);
    const resize = (name: string, patch: object): Promise<string> =>
      kubectl(['patch', 'pod', name, '--subresource', 'resize', '-p', JSON.stringify(patch)]);
    const events = async (name: string): Promise<{ reason: string; message: string }[]> =>
      (
        JSON.parse(
          await kubectl(['get', 'events', '--field-selector', `involvedObject.name=${name}`, '-o', 'json']),
        ) as { items: { reason: string; message: string }[] }
      ).items;
    const event = (name: string, reason: string): Promise<{ message: string }> =>
      wait(`event ${reason} of ${name}`, async () =>
        (await events(name)).find((each) => each.reason === reason),
      );
    const condition = async (
      name: string,
      type: string,
    ): Promise<{ status: string; reason?: string; message?: string } | undefined> =>
      (await getPod(name)).status.conditions?.find((each) => each.type === type);
    const groupOf = (path: string, controller: string): string =>
      `/sys/fs/cgroup${unified ? '' : `/${controller}`}${hosts.get(node)?.cgroupRoot ?? ''}/kubepods${path}`;
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
      await Promise.all(['guaranteed', 'burstable', 'besteffort'].map(remove));
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
      await remove('resize');
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
      await remove('restarted');
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
      await farlet.stop();
      farlet.start();
      await wait(
        'the node to be looked after again',
        async () =>
          (await plane.tryKubectl(['get', '--raw', '/api/v1/nodes'])).code === 0 && (await isReady('small')),
      );
      const since = await getPod('small');
      assert.equal(ownId(since), ownId(before), 'the restart changed nothing');
      assert.equal(since.status.containerStatuses?.[0]?.restartCount, 0);
      assert.deepEqual(since.status.containerStatuses[0].allocatedResources, { cpu: '300m' });
      assert.equal((await condition('small', 'PodResizePending'))?.reason, 'Deferred');
      await remove('other');
      await event('small', 'ResizeCompleted');
      assert.deepEqual((await getPod('small')).status.containerStatuses?.[0]?.allocatedResources, {
        cpu: '800m',
      });
      await remove('small');
    });

    it('does not shrink memory below what is used', async () => {
      await create('hungry', {
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
      await wait('hungry to be Ready', () => isReady('hungry'));
      await resize('hungry', {
        spec: { containers: [{ name: 'c', resources: { limits: { memory: '24Mi' } } }] },
      });
      const failed = await wait('the resize to fail', async () => {
        const found = await condition('hungry', 'PodResizeInProgress');
        return found?.reason === 'Error' ? found : undefined;
      });
      assert.match(failed.message ?? '', /^cannot decrease memory limits: .*below current usage/);
      assert.match((await event('hungry', 'ResizeError')).message, /^Pod resize error: /);
      await remove('hungry');
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
      await create('second', { containers: [container({ requests: whole, limits: whole })] });
      await wait('the second to be refused', async () => (await getPod('second')).status.phase === 'Failed');
      await farlet.stop();
      farlet.start();
      await run('later', {});
      assert.ok(!(await cpus('later')).split(/[-,]/).includes(own), 'known after a restart');
      assert.equal(await cpus('exclusive'), own);
      await remove('exclusive');
      await wait('the CPU to be shared again', async () => (await cpus('shared')) === shared);
      await Promise.all(['shared', 'second', 'later'].map(remove));
    });
  });
}
