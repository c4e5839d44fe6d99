/**
 * What keeps a host in order beside its pods: logs, images, pull credentials, evictions; on both containerds,
 * here (`make test`) or over ssh or tcp (`make test-remote`).
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { emptied } from '../harness/emptied.ts';
import { writeFillerImage } from '../harness/filler-image.ts';
import type { TestHost } from '../harness/host.ts';
import { link, linkHosts } from '../harness/link-hosts.ts';
import { useNamespace } from '../harness/namespace.ts';
import { shell, SLEEP } from '../harness/pods.ts';
import { eventually } from '../harness/processes.ts';
import { startRegistry, type Registry } from '../harness/registry.ts';
import { useWorld } from '../harness/world.ts';

const registryUser = { user: 'farlet', password: 'right' };
/** by node: each host has its own address for this machine */
const registries = new Map<string, Registry>();

const world = useWorld({
  hosts: linkHosts.map((host) => ({ ...host, disks: { farlet: '64m', containerd: '400m' } })),
  farlet: {
    config: {
      containerLogMaxSize: '20Ki',
      containerLogMaxFiles: 3,
      containerLogMonitorInterval: '3s',
      evictionHard: { 'nodefs.available': '40%' },
      evictionPressureTransitionPeriod: '5s',
      imageGCHighThresholdPercent: 100,
    },
  },
  onUp: async (up) => {
    for (const node of up.nodes) {
      const ip = up.host(node).outside;
      const registry = await startRegistry({ ...registryUser, folder: `${up.folder}/registry-${node}`, ip });
      up.onEnd(() => registry.stop());
      registries.set(node, registry);
      // what is on loopback is trusted anyway
      if (link !== 'unix') await up.remote(node).trustRegistry(registry.address);
    }
  },
});

async function reconfigure(changes: Record<string, unknown>): Promise<void> {
  const { farlet } = world;
  const config = JSON.parse(readFileSync(farlet.configFile, 'utf8')) as object;
  await farlet.stop();
  writeFileSync(farlet.configFile, JSON.stringify({ ...config, ...changes }));
  farlet.start();
  await eventually('farlet to be healthy', async () => (await fetch(farlet.healthUrl)).ok, {
    timeoutMs: 60_000,
    describe: () => Promise.resolve(farlet.log()),
  });
}

for (const node of world.nodes) {
  describe(`on ${node}`, () => {
    const pods = useNamespace(world, { name: `managers-${node}`, node });
    const { kubectl, pod: getPod, deletePods } = pods;
    const host = (): TestHost => world.host(node);
    /** a path on the host, as it is reached from here */
    const at = (path: string): string => `${host().root()}${path}`;
    const wait = <T>(what: string, check: () => Promise<T | undefined | false>): Promise<T> =>
      pods.wait(what, check, 60_000);
    const phase = (name: string, wanted: string): Promise<unknown> =>
      wait(`${name} to be ${wanted}`, async () => (await getPod(name)).status.phase === wanted);
    const create = (
      name: string,
      command: string,
      spec: object = {},
      container: object = {},
    ): Promise<void> =>
      pods.createPod(name, {
        restartPolicy: 'Never',
        tolerations: [{ operator: 'Exists' }],
        containers: [shell(command, container)],
        ...spec,
      });
    const scratch = (emptyDir: object): [Record<string, unknown>, Record<string, unknown>] => [
      { volumes: [{ name: 'scratch', emptyDir }] },
      { volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }] },
    ];
    const isUnderDiskPressure = async (): Promise<boolean> =>
      (
        await world.plane.kubectl([
          'get',
          'node',
          node,
          '-o',
          'jsonpath={.status.conditions[?(@.type=="DiskPressure")].status}',
        ])
      ).trim() === 'True';
    const metric = async (line: RegExp): Promise<boolean> =>
      line.test(await (await fetch(world.farlet.metricsUrl)).text());
    const imageIds = (): Promise<string> => host().ctr(['images', 'ls', '-q']);

    it('rotates logs, and whoever follows one gets every line once', async () => {
      await create(
        'talks',
        'until [ -e /tmp/go ]; do sleep 0.2; done; i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); [ $((i%100)) = 0 ] && sleep 0.5; done; sleep 8',
      );
      await phase('talks', 'Running');
      const followed = kubectl(['logs', '-f', 'talks']);
      await kubectl(['exec', 'talks', '--', 'touch', '/tmp/go']);
      const { uid } = (await getPod('talks')).metadata;
      const podLogs = at(`${world.farlet.folder}/logs/pods`);
      const files = await wait('a compressed log', () => {
        const names = readdirSync(`${podLogs}/${pods.name}_talks_${uid}/c`);
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
      await deletePods('talks');
      await wait('its logs to go', () =>
        Promise.resolve(!readdirSync(podLogs).some((name) => name.includes(uid))),
      );
    });

    it('evicts a pod whose volume outgrows its limit', async () => {
      await create(
        'outgrows',
        `dd if=/dev/zero of=/scratch/f bs=1M count=3; ${SLEEP}`,
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
      await create('modest', SLEEP);
      await phase('modest', 'Running');
      await create('fills', `dd if=/dev/zero of=/scratch/f bs=1M count=45; ${SLEEP}`, ...scratch({}));
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
      await create('late', SLEEP);
      await phase('late', 'Failed');
      const late = (await getPod('late')).status;
      assert.deepEqual(
        [late.reason, late.message],
        ['Evicted', 'Pod was rejected: The node had condition: [DiskPressure]. '],
      );
      await wait('the pressure to be over', async () => !(await isUnderDiskPressure()));
      await create('again', SLEEP);
      await phase('again', 'Running');
      assert.equal((await getPod('modest')).status.phase, 'Running');
    });

    it('removes unused images when their file system is full, and no others', async () => {
      const archive = `${host().folder}/filler.tar`;
      await writeFillerImage(at(archive), 'localhost/filler:1', 100 * 1024 * 1024);
      await host().ctr(['images', 'import', archive]);
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
        await create('anew', SLEEP);
        await phase('anew', 'Running');
      } finally {
        await reconfigure({
          imageGCHighThresholdPercent: 100,
          imageGCLowThresholdPercent: 80,
          imageMinimumGCAge: '2m',
        });
      }
    });

    it("gives pods their host's resolver file as it is when they start, and tells of what does not fit", async () => {
      const path = `${host().folder}/resolv.conf`;
      const write = (server: string, searches: number): void => {
        const search = Array.from({ length: searches }, (_, index) => `s${index}.test`).join(' ');
        writeFileSync(
          at(path),
          `search ${search}\nnameserver ${server}\noptions timeout:1\noptions attempts:2\n`,
        );
      };
      const resolver = async (name: string): Promise<string> => {
        await create(name, SLEEP, { dnsPolicy: 'Default' });
        await phase(name, 'Running');
        return kubectl(['exec', name, '--', 'cat', '/etc/resolv.conf']);
      };
      const told = (): Promise<string> =>
        world.plane.kubectl([
          'get',
          'events',
          '--namespace=default',
          `--field-selector=involvedObject.name=${node},reason=CheckLimitsForResolvConf`,
          '-o',
          'jsonpath={.items[*].message}',
        ]);
      write('192.0.2.53', 1);
      await reconfigure({ resolvConf: path });
      try {
        const early = await resolver('early');
        assert.match(early, /^nameserver 192\.0\.2\.53$/m);
        assert.match(early, /^options timeout:1 attempts:2$/m);
        assert.equal(await told(), '');
        write('192.0.2.54', 30);
        let tries = 0;
        await wait('a pod with the new server', async () =>
          (await resolver(`later-${(tries += 1)}`)).includes('192.0.2.54'),
        );
        await wait('the event', async () =>
          (await told()).includes(`'${path}' contains search line consisting of more than 29 domains!`),
        );
        await deletePods('early', ...Array.from({ length: tries }, (_, index) => `later-${index + 1}`));
      } finally {
        await reconfigure({ resolvConf: '/etc/resolv.conf' });
      }
    });

    // last: the pushed image has busybox's id, which from then on is one that was pulled with a Secret
    it('lets only pods with the right Secret use an image that was pulled with one', async () => {
      const registry = registries.get(node)?.address ?? assert.fail();
      const image = `${registry}/private/${node}:1`;
      const login = `${registryUser.user}:${registryUser.password}`;
      await host().ctr(['images', 'tag', 'localhost/busybox:1', image]);
      await host().ctr(['images', 'push', '--plain-http', '--user', login, image]);
      await host().ctr(['images', 'rm', image]);
      for (const [name, password] of [
        ['right', registryUser.password],
        ['wrong', 'wrong'],
      ] as const)
        await kubectl([
          'create',
          'secret',
          'docker-registry',
          name,
          `--docker-server=${registry}`,
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
      await create('wrong', SLEEP, withSecret('wrong'), { image });
      await refused('wrong');
      await create('right', SLEEP, withSecret('wrong', 'right'), { image });
      await phase('right', 'Running');
      await create('without', SLEEP, {}, { image });
      await refused('without');
      await create('never', SLEEP, {}, { image, imagePullPolicy: 'Never' });
      await wait(
        'never to be refused',
        async () =>
          (await getPod('never')).status.containerStatuses?.[0]?.state.waiting?.reason ===
          'ErrImageNeverPull',
      );
      await create('alike', SLEEP, withSecret('right'), { image, imagePullPolicy: 'Never' });
      await phase('alike', 'Running');
      await deletePods('wrong', 'without', 'never', 'right', 'alike');
    });

    it('leaves nothing behind when its pods are deleted', async () => {
      await world.plane.kubectl(['delete', 'namespace', pods.name, '--timeout=90s']);
      await emptied(host());
      assert.deepEqual(readdirSync(at(`${host().folder}/farlet/pods`)), []);
    });
  });
}
