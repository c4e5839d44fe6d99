/** What keeps a host in order beside its pods: logs, images, pull credentials, evictions; on both containerds (root, Linux). */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { startFarlet, type Farlet } from '../harness/farlet.ts';
import { writeFillerImage } from '../harness/filler-image.ts';
import { startHost, type TestHost } from '../harness/host.ts';
import { eventually, run } from '../harness/processes.ts';
import { startRegistry, type Registry } from '../harness/registry.ts';

const folder = mkdtempSync('/tmp/farlet-e2e-');
const registryUser = { user: 'farlet', password: 'right' };
let plane: ControlPlane;
let farlet: Farlet;
let registry: Registry;
const hosts = new Map<string, TestHost>();

/** Small file systems of their own: what fills up there is nobody else's. */
async function mountSmall(path: string, size: string): Promise<void> {
  mkdirSync(path, { recursive: true });
  await run(['mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
}

async function reconfigure(changes: Record<string, unknown>): Promise<void> {
  const file = `${folder}/farlet/farlet.yaml`;
  const config = JSON.parse(readFileSync(file, 'utf8')) as object;
  await farlet.stop();
  writeFileSync(file, JSON.stringify({ ...config, ...changes }));
  farlet.start();
  await eventually('farlet to be healthy', async () => (await fetch(farlet.healthUrl)).ok, {
    timeoutMs: 60_000,
    describe: () => Promise.resolve(farlet.log()),
  });
}

before(async () => {
  [plane, registry] = await Promise.all([
    startControlPlane({ folder: `${folder}/plane` }),
    startRegistry({ folder: `${folder}/registry`, ...registryUser }),
    ...(['1.6', '2'] as const).map(async (version) => {
      const name = `upkeep-${version.replace('.', '-')}`;
      await mountSmall(`${folder}/${name}/root`, '400m');
      await mountSmall(`${folder}/${name}/farlet`, '64m');
      hosts.set(name, await startHost({ name, version, folder: `${folder}/${name}` }));
    }),
  ]);
  farlet = await startFarlet({ folder: `${folder}/farlet`, plane, hosts: [...hosts.values()] });
  await reconfigure({
    containerLogMaxSize: '20Ki',
    containerLogMaxFiles: 3,
    containerLogMonitorInterval: '3s',
    evictionHard: { 'nodefs.available': '40%' },
    evictionPressureTransitionPeriod: '5s',
    imageGCHighThresholdPercent: 100,
  });
});
after(async () => {
  await farlet.stop();
  await Promise.all([...hosts.values()].map((host) => host.stop()));
  await registry.stop();
  await plane.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface PodJson {
  metadata: { uid: string };
  status: {
    phase: string;
    reason?: string;
    message?: string;
    conditions?: { type: string; status: string; reason?: string }[];
    containerStatuses?: { state: Record<string, { reason?: string; message?: string }> }[];
  };
}

for (const node of ['upkeep-1-6', 'upkeep-2']) {
  describe(`on ${node}`, () => {
    const namespace = `e2e-${node}`;
    const kubectl = (args: readonly string[], input?: string): Promise<string> =>
      plane.kubectl(['-n', namespace, ...args], input);
    const getPod = async (name: string): Promise<PodJson> =>
      JSON.parse(await kubectl(['get', 'pod', name, '-o', 'json'])) as PodJson;
    const report = async (): Promise<string> =>
      `${await kubectl(['get', 'pods,events'])}\n${await plane.kubectl(['describe', 'node', node])}\n${farlet.log()}`;
    const wait = <T>(
      what: string,
      check: () => Promise<T | undefined | false>,
      timeoutMs = 60_000,
    ): Promise<T> => eventually(what, check, { timeoutMs, everyMs: 500, describe: report });
    const phase = (name: string, wanted: string): Promise<unknown> =>
      wait(`${name} to be ${wanted}`, async () => (await getPod(name)).status.phase === wanted);
    const create = async (
      name: string,
      command: string,
      spec: Record<string, unknown> = {},
      container: Record<string, unknown> = {},
    ): Promise<void> => {
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name },
        spec: {
          nodeName: node,
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 2,
          tolerations: [{ operator: 'Exists' }],
          containers: [
            { name: 'c', image: 'localhost/busybox:1', command: ['sh', '-c', command], ...container },
          ],
          ...spec,
        },
      };
      await kubectl(['create', '-f', '-'], JSON.stringify(pod));
    };
    const stay = 'trap "exit 0" TERM; sleep 10000 & wait';
    const scratch = (emptyDir: object): [Record<string, unknown>, Record<string, unknown>] => [
      { volumes: [{ name: 'scratch', emptyDir }] },
      { volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }] },
    ];
    const isUnderDiskPressure = async (): Promise<boolean> =>
      (
        await plane.kubectl([
          'get',
          'node',
          node,
          '-o',
          'jsonpath={.status.conditions[?(@.type=="DiskPressure")].status}',
        ])
      ).trim() === 'True';
    const metric = async (line: RegExp): Promise<boolean> =>
      line.test(await (await fetch(farlet.metricsUrl)).text());
    const imageIds = async (): Promise<string> =>
      await (hosts.get(node) ?? assert.fail()).ctr(['images', 'ls', '-q']);

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

    it('rotates logs, and whoever follows one gets every line once', async () => {
      await create(
        'talks',
        'until [ -e /tmp/go ]; do sleep 0.2; done; i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); [ $((i%100)) = 0 ] && sleep 0.5; done; sleep 8',
      );
      await phase('talks', 'Running');
      const followed = kubectl(['logs', '-f', 'talks']);
      await kubectl(['exec', 'talks', '--', 'touch', '/tmp/go']);
      const { uid } = (await getPod('talks')).metadata;
      const logs = `${folder}/farlet/logs/pods/${namespace}_talks_${uid}/c`;
      const files = await wait('a compressed log', () => {
        const names = readdirSync(logs);
        return Promise.resolve(names.some((name) => name.endsWith('.gz')) ? names : undefined);
      });
      assert.ok(files.length <= 4, files.join());
      const lines = (await followed).trimEnd().split('\n');
      const first = Number(lines[0]?.slice('line '.length));
      // a rotation before the follower was there takes the lines before it out of sight
      assert.ok(first < 1000, `it began with line ${first}`);
      assert.deepEqual(
        lines,
        Array.from({ length: 3000 - first }, (_, index) => `line ${first + index}`),
      );
      await phase('talks', 'Succeeded');
      await kubectl(['delete', 'pod', 'talks']);
      await wait('its logs to go', () =>
        Promise.resolve(!readdirSync(`${folder}/farlet/logs/pods`).some((name) => name.includes(uid))),
      );
    });

    it('evicts a pod whose volume outgrows its limit', async () => {
      await create(
        'outgrows',
        `dd if=/dev/zero of=/scratch/f bs=1M count=3; ${stay}`,
        ...scratch({ sizeLimit: '1Mi' }),
      );
      await phase('outgrows', 'Failed');
      const { status } = await getPod('outgrows');
      assert.equal(status.reason, 'Evicted');
      assert.equal(status.message, 'Usage of EmptyDir volume "scratch" exceeds the limit "1Mi". ');
      assert.ok(!status.conditions?.some(({ type }) => type === 'DisruptionTarget'));
      assert.ok(await metric(/kubelet_evictions\{.*eviction_signal="emptydirfs\.limit".*\} [1-9]/));
    });

    it('reports disk pressure, evicts who fills the disk, and takes pods again afterwards', async () => {
      await create('modest', stay);
      await phase('modest', 'Running');
      await create('fills', `dd if=/dev/zero of=/scratch/f bs=1M count=45; ${stay}`, ...scratch({}));
      await wait('DiskPressure', isUnderDiskPressure);
      await phase('fills', 'Failed');
      const { status } = await getPod('fills');
      assert.equal(status.reason, 'Evicted');
      assert.match(
        status.message ?? '',
        /^The node was low on resource: ephemeral-storage\. Threshold quantity: \d+(Ki)?, available: \d+Ki\. /,
      );
      assert.deepEqual(
        status.conditions
          ?.filter(({ type }) => type === 'DisruptionTarget')
          .map(({ status: is, reason }) => [is, reason]),
        [['True', 'TerminationByKubelet']],
      );
      assert.ok(await metric(/kubelet_evictions\{.*eviction_signal="nodefs\.available".*\} [1-9]/));
      await create('late', stay);
      await phase('late', 'Failed');
      const late = (await getPod('late')).status;
      assert.deepEqual(
        [late.reason, late.message],
        ['Evicted', 'Pod was rejected: The node had condition: [DiskPressure]. '],
      );
      await wait('the pressure to be over', async () => !(await isUnderDiskPressure()));
      await create('again', stay);
      await phase('again', 'Running');
      assert.equal((await getPod('modest')).status.phase, 'Running');
    });

    it('removes unused images when their file system is full, and no others', async () => {
      const host = hosts.get(node) ?? assert.fail();
      await writeFillerImage(`${folder}/filler.tar`, 'localhost/filler:1', 100 * 1024 * 1024);
      await host.ctr(['images', 'import', `${folder}/filler.tar`]);
      assert.match(await imageIds(), /localhost\/filler:1/);
      await reconfigure({
        imageGCHighThresholdPercent: 50,
        imageGCLowThresholdPercent: 30,
        imageMinimumGCAge: '0s',
      });
      try {
        await wait('the unused image to go', async () => !(await imageIds()).includes('localhost/filler:1'));
        const left = await imageIds();
        assert.match(left, /localhost\/busybox:1/);
        assert.match(left, /localhost\/pause:1/);
        await wait('the count', () =>
          metric(/kubelet_image_garbage_collected_total\{.*reason="space".*\} [1-9]/),
        );
        await create('anew', stay);
        await phase('anew', 'Running');
      } finally {
        await reconfigure({
          imageGCHighThresholdPercent: 100,
          imageGCLowThresholdPercent: 80,
          imageMinimumGCAge: '2m',
        });
      }
    });

    // last: the pushed image has busybox's id, which from then on is one that was pulled with a Secret
    it('lets only pods with the right Secret use an image that was pulled with one', async () => {
      const host = hosts.get(node) ?? assert.fail();
      const image = `${registry.address}/private/${node}:1`;
      const login = `${registryUser.user}:${registryUser.password}`;
      await host.ctr(['images', 'tag', 'localhost/busybox:1', image]);
      await host.ctr(['images', 'push', '--plain-http', '--user', login, image]);
      await host.ctr(['images', 'rm', image]);
      for (const [name, password] of [
        ['right', registryUser.password],
        ['wrong', 'wrong'],
      ] as const)
        await kubectl([
          'create',
          'secret',
          'docker-registry',
          name,
          `--docker-server=${registry.address}`,
          `--docker-username=${registryUser.user}`,
          `--docker-password=${password}`,
        ]);
      const withSecret = (...names: string[]): Record<string, unknown> => ({
        imagePullSecrets: names.map((name) => ({ name })),
      });
      const refused = (name: string): Promise<unknown> =>
        wait(`${name} to be refused`, async () =>
          ['ErrImagePull', 'ImagePullBackOff'].includes(
            (await getPod(name)).status.containerStatuses?.[0]?.state.waiting?.reason ?? '',
          ),
        );
      await create('wrong', stay, withSecret('wrong'), { image });
      await refused('wrong');
      await create('right', stay, withSecret('wrong', 'right'), { image });
      await phase('right', 'Running');
      await create('without', stay, {}, { image });
      await refused('without');
      await create('never', stay, {}, { image, imagePullPolicy: 'Never' });
      await wait(
        'never to be refused',
        async () =>
          (await getPod('never')).status.containerStatuses?.[0]?.state.waiting?.reason ===
          'ErrImageNeverPull',
      );
      await create('alike', stay, withSecret('right'), { image, imagePullPolicy: 'Never' });
      await phase('alike', 'Running');
      await kubectl(['delete', 'pod', 'wrong', 'without', 'never', 'right', 'alike']);
    });

    it('leaves nothing behind when its pods are deleted', async () => {
      await plane.kubectl(['delete', 'namespace', namespace, '--timeout=90s'], undefined);
      const host = hosts.get(node) ?? assert.fail();
      assert.deepEqual(await host.containers(), []);
      assert.deepEqual(readdirSync(`${host.folder}/farlet/pods`), []);
    });
  });
}
