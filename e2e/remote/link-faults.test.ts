/**
 * What may happen to a far host and the way to it, side by side on hosts of their own. In all: the node says
 * why it is not ready, nothing is killed or made twice, the other hosts don't notice, and everything goes on
 * by itself.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { ContainerdVersion } from '../harness/containerds.ts';
import { paths } from '../../src/kube/paths.ts';
import type { KubeNode } from '../../src/model/kube.ts';
import { kubernetes } from '../harness/cache.ts';
import { farNode, pause, type FarNode } from '../harness/far-node.ts';
import type { HostDisks } from '../harness/host.ts';
import { useNamespace, type Namespace } from '../harness/namespace.ts';
import { deployment, shell } from '../harness/pods.ts';
import { start, tail } from '../harness/processes.ts';
import type { RemoteHost } from '../harness/remote-host.ts';
import { startSkewedRuntime } from '../harness/skewed-runtime.ts';
import { startSlowRegistry, type SlowRegistry } from '../harness/slow-registry.ts';
import { useWorld, type WorldHost } from '../harness/world.ts';

const link = process.env.FARLET_E2E_LINK === 'tcp' ? 'tcp' : 'ssh';
const far = (name: string, version: ContainerdVersion, more: { disks?: HostDisks } = {}): WorldHost => ({
  name,
  version,
  link,
  ...more,
});
const world = useWorld({
  hosts: [
    far('calm', '2'),
    far('cut-10', '2'),
    far('cut-120', '1.6'),
    far('cut-600', '2'),
    far('boots', '2'),
    far('hangs', '1.6'),
    far('fills', '2', { disks: { farlet: '16m' } }),
    far('skewed', '2'),
  ],
  farlet: false,
});

const MINUTE = 60_000;
const HOUR_S = 3_600;
const COUNT = 'i=0; while :; do echo $i; i=$((i + 1)); sleep 0.5; done';
/** Ignores being asked to stop, and notes when it was last alive. */
const STUBBORN = 'trap "" TERM; while :; do date +%s >/b/beat; sleep 1; done';
/** is not evicted when its node is not ready for long */
const tolerant = { tolerations: [{ operator: 'Exists' }] };
/** ms after the fault ended, or of what is told */
const measured: string[] = [];
const told = (t: TestContext, text: string): void => {
  measured.push(text);
  t.diagnostic(text);
};
const seconds = (since: number): string => `${((Date.now() - since) / 1000).toFixed(1)} s`;

/** nothing begins before it is known how fast pods start on a host that nothing happens to */
const calmKnown = Promise.withResolvers<undefined>();
const underWay = new Set<string>();

let registry: SlowRegistry;
let skewed: { stop(): void } | undefined;

/** When the host booted is by its clock, and by it farlet tells how far that is from its own. */
async function setClock(host: RemoteHost): Promise<void> {
  const script = `b=$(awk '$1 == "btime" { print $2 }' /proc/stat); sed "s/^btime.*/btime $((b + ${HOUR_S}))/" /proc/stat >/run/stat && mount --bind /run/stat /proc/stat`;
  assert.equal((await host.inside(['sh', '-c', script])).code, 0);
}

/** A suite on a host of its own, which begins when the calm host is known. */
function suite(node: string, what: string, tests: (e2e: Namespace, node: FarNode) => void): void {
  underWay.add(node);
  // its own tests come one after the other
  describe(what, { concurrency: 1 }, () => {
    const e2e = useNamespace(world, { name: `faults-${node}`, node });
    before(() => calmKnown.promise);
    tests(e2e, farNode(world, e2e));
    after(() => underWay.delete(node));
  });
}

interface Cut {
  readonly node: string;
  readonly seconds: number;
  readonly graceSeconds: number;
  readonly how: 'cutLink' | 'dropPackets';
}

/** Waits until the node is not ready, with the true reason, and until its pods are marked. */
async function tellsWhy(
  t: TestContext,
  { e2e, node, since, message }: { e2e: Namespace; node: FarNode; since: number; message: RegExp },
): Promise<void> {
  const lost = await node.waitReady('False', 40_000 - (Date.now() - since));
  told(t, `${e2e.node}: not ready after ${seconds(since)}: ${lost.message}`);
  assert.match(lost.message, message);
  await e2e.wait('the node controller to mark its pods', async () => !(await e2e.isReady('stays')), 20_000);
  const { phase, containerStatuses } = (await e2e.pod('stays')).status;
  assert.deepEqual([phase, containerStatuses?.[0]?.restartCount], ['Running', 0]);
}

async function makeStays(e2e: Namespace, node: FarNode): Promise<string> {
  await e2e.createPod('stays', { ...tolerant, containers: [shell(COUNT)] });
  await e2e.waitReady('stays', MINUTE);
  return node.identity('stays');
}

function cut({ node: name, seconds: length, graceSeconds, how }: Cut): void {
  const isLost = length >= 60;
  const evicts = length > 400;
  suite(name, `a link that is cut for ${length} s`, (e2e, node) => {
    it('loses, kills and doubles nothing', async (t) => {
      const host = node.host();
      await e2e.createPod('leaves', {});
      await e2e.createPod('stubborn', {
        ...tolerant,
        terminationGracePeriodSeconds: graceSeconds,
        volumes: [{ name: 'b', hostPath: { path: '/var/lib/beats', type: 'DirectoryOrCreate' } }],
        containers: [shell(STUBBORN, { volumeMounts: [{ name: 'b', mountPath: '/b' }] })],
      });
      const before = await makeStays(e2e, node);
      await e2e.waitReady('leaves', MINUTE);
      await e2e.waitReady('stubborn', MINUTE);
      const leaves = await node.identity('leaves');
      const kubectl = [...kubernetes('kubectl'), `--kubeconfig=${world.plane.kubeconfig}`, '-n', e2e.name];
      const logFile = `${world.folder}/follow-${name}.log`;
      const follow = start('follow', [...kubectl, 'logs', '-f', 'stays'], { logFile });
      const sleeper = e2e.tryKubectl(['exec', 'stays', '--', 'sh', '-c', 'sleep 15; echo woke']);

      await e2e.kubectl(['delete', 'pod', 'stubborn', '--wait=false']);
      const deletedAt = Date.now();
      await pause(2_000);
      const image = `${host.outside}:${registry.port}/slow-${name}:1`;
      await e2e.createPod('pulls', { ...tolerant, containers: [shell(undefined, { image })] });
      await e2e.create(deployment('crowd', { node: name, replicas: 3 }));
      await pause(700);
      await host[how]();
      const since = Date.now();
      if (isLost) {
        const message =
          link === 'ssh'
            ? /^container runtime is down: box: ssh root@10\.214\..*:22: .*(UNREACH|answer)/
            : /^container runtime is down: box: .*(UNREACH|answer|reset|Unavailable|Deadline)/i;
        await tellsWhy(t, { e2e, node, since, message });
        const { code, stdout } = await sleeper;
        assert.ok(code !== null && !stdout.includes('woke'), 'an exec that was cut ends by itself');
        told(t, `${name}: an exec that was cut ends after ${seconds(since)} at most, with ${code}`);
      }
      if (evicts)
        await e2e.wait(
          'the pod that tolerates no such node to be deleted',
          async () => (await e2e.pod('leaves')).metadata.deletionTimestamp !== undefined,
          length * 1000 - (Date.now() - since),
        );
      await pause(length * 1000 - (Date.now() - since));

      await host.mendLink();
      const mended = Date.now();
      await node.waitReady('True', 40_000);
      told(t, `${name}: node ready ${seconds(mended)} after the link`);
      await e2e.waitReady('stays', 40_000);
      told(t, `${name}: pods ready again ${seconds(mended)} after the link`);
      await e2e.kubectl(['wait', '--for=condition=Available', 'deployment/crowd', '--timeout=60s']);
      told(t, `${name}: starts done ${seconds(mended)} after the link`);
      await e2e.waitReady('pulls', 4 * MINUTE);
      told(t, `${name}: pull done ${seconds(mended)} after the link`);
      if (!isLost) assert.equal((await sleeper).stdout, 'woke\n');

      const due = deletedAt + graceSeconds * 1000;
      await node.gone('stubborn', due + MINUTE - Date.now());
      const died = Number((await host.inside(['cat', '/var/lib/beats/beat'])).stdout) * 1000;
      told(
        t,
        `${name}: a stop with ${graceSeconds} s of grace ended ${((died - due) / 1000).toFixed(0)} s after they were over`,
      );
      assert.ok(died >= due - 5_000 && died <= due + 15_000);
      if (evicts) await node.gone('leaves');
      else assert.equal(await node.identity('leaves'), leaves);
      assert.equal(await node.identity('stays'), before);

      const logged = await e2e.kubectl(['logs', 'stays']);
      assertCounts(logged);
      const followed = (): string => `${tail(logFile, 100_000)}\n`;
      if (!isLost) {
        const lines = followed().length;
        await e2e.wait('the log to be followed on', () => Promise.resolve(followed().length > lines));
      }
      await follow.stop();
      // what ended it is told in its last line, as a kubelet does
      assertCounts(followed().replace(/^.*[^\d\n].*\n/gm, ''));
      const pods = evicts ? 5 : 6;
      await e2e.wait(
        'a container and a sandbox for each pod',
        async () => (await node.running()) === 2 * pods,
      );
    });
  });
}

/** Every number once, in order, from the first. */
function assertCounts(log: string): void {
  const lines = log.trimEnd().split('\n');
  assert.ok(lines.length > 1);
  assert.deepEqual(
    lines,
    lines.map((_, index) => String(index)),
  );
}

describe('a fault', { concurrency: 16 }, () => {
  before(async () => {
    registry = await startSlowRegistry(`${world.folder}/registry`, { layerMs: 20_000, address: '0.0.0.0' });
    const skewedSocket = '/var/lib/skewed.sock';
    const hosts = world.nodes.map((name) => world.remote(name));
    await Promise.all(hosts.map((host) => host.trustRegistry(`${host.outside}:${registry.port}`)));
    if (link === 'ssh') {
      skewed = await startSkewedRuntime({
        socket: `${world.folder}/skewed/disk${skewedSocket}`,
        upstream: `/proc/${world.remote('skewed').initPid()}/root${world.remote('skewed').socket}`,
        seconds: HOUR_S,
      });
      await setClock(world.remote('skewed'));
    }
    await world.startFarlet('farlet', {
      hosts: hosts.map((host) =>
        host.name === 'skewed' && link === 'ssh'
          ? { ...host, endpoint: host.endpoint.replace(/\/run\/.*$/, skewedSocket) }
          : host,
      ),
      // a disk that fills up is to be full, and not to be emptied by evictions
      config: { evictionHard: { 'memory.available': '100Mi' } },
    });
  });

  after(() => {
    skewed?.stop();
    registry.close();
  });

  describe('on other hosts', { concurrency: 1 }, () => {
    const e2e = useNamespace(world, { name: 'faults-calm', node: 'calm' });
    const startOne = async (name: string): Promise<number> => {
      const since = Date.now();
      await e2e.createPod(name, {});
      await e2e.waitReady(name);
      const took = Date.now() - since;
      await e2e.kubectl(['delete', 'pod', name, '--wait=false']);
      return took;
    };
    const median = (all: readonly number[]): number => all.toSorted((a, b) => a - b)[all.length >> 1] ?? 0;

    it('leaves a host alone that has none', async (t) => {
      const alone: number[] = [];
      const beside: number[] = [];
      try {
        await startOne('warm-up');
        for (let at = 0; at < 8; at += 1) alone.push(await startOne(`alone-${at}`));
      } finally {
        calmKnown.resolve(undefined);
      }
      for (let at = 0; underWay.size > 0; at += 1) {
        beside.push(await startOne(`beside-${at}`));
        await pause(5_000);
      }
      told(
        t,
        `calm: pods start in ${median(alone)} ms alone, ${median(beside)} ms beside faults (medians of ${alone.length}, ${beside.length})`,
      );
      assert.ok(median(beside) < median(alone) * 2 + 1_000);
      t.diagnostic(['all that was measured:', ...measured].join('\n'));
    });
  });

  cut({ node: 'cut-10', seconds: 10, graceSeconds: 40, how: 'dropPackets' });
  cut({ node: 'cut-120', seconds: 120, graceSeconds: 150, how: 'cutLink' });
  cut({ node: 'cut-600', seconds: 600, graceSeconds: 630, how: 'dropPackets' });

  suite('boots', 'a host that restarts', (e2e, node) => {
    let before = '';

    it('sshd, with all its sessions', { skip: link !== 'ssh' }, async (t) => {
      before = await makeStays(e2e, node);
      const sleeper = e2e.tryKubectl(['exec', 'stays', '--', 'sh', '-c', 'sleep 60; echo woke']);
      await e2e.create(deployment('crowd', { node: 'boots', replicas: 3 }));
      await pause(500);
      await node.host().stopSshd();
      await pause(3_000);
      await node.host().startSshd();
      const since = Date.now();
      await e2e.kubectl(['wait', '--for=condition=Available', 'deployment/crowd', '--timeout=60s']);
      told(t, `boots: starts done ${seconds(since)} after sshd`);
      assert.notEqual((await sleeper).code, null);
      assert.equal(await node.identity('stays'), before);
      assertCounts(await e2e.kubectl(['logs', 'stays']));
    });

    it('containerd, amid starts', async (t) => {
      if (link !== 'ssh') before = await makeStays(e2e, node);
      await e2e.create(deployment('others', { node: 'boots', replicas: 3 }));
      await pause(500);
      await node.host().kill();
      await pause(3_000);
      await node.host().start();
      const since = Date.now();
      await e2e.kubectl(['wait', '--for=condition=Available', 'deployment/others', '--timeout=60s']);
      told(t, `boots: starts done ${seconds(since)} after containerd`);
      assert.equal(await node.identity('stays'), before);
      const pods = link === 'ssh' ? 7 : 4;
      await e2e.wait(
        'a container and a sandbox for each pod',
        async () => (await node.running()) === 2 * pods,
      );
    });

    it('containerd, which stays away for a minute', async (t) => {
      const since = Date.now();
      await node.host().kill();
      await tellsWhy(t, { e2e, node, since, message: /^container runtime is down: box: / });
      await e2e.createPod('waits', tolerant);
      await pause(MINUTE - (Date.now() - since));
      await node.host().start();
      const back = Date.now();
      await node.waitReady('True', 30_000);
      told(t, `boots: node ready ${seconds(back)} after containerd`);
      await e2e.waitReady('waits');
      told(t, `boots: a pod that waited is ready ${seconds(back)} after containerd`);
      assert.equal(await node.identity('stays'), before);
    });

    it('as a whole', async (t) => {
      const { uid } = (await e2e.pod('stays')).metadata;
      await node.host().reboot();
      const since = Date.now();
      const ofNode = ['--field-selector', 'involvedObject.name=boots,reason=Rebooted', '-o', 'name'];
      await e2e.wait(
        'the event of its reboot',
        async () => (await world.plane.kubectl(['get', 'events', ...ofNode])) !== '',
        MINUTE,
      );
      told(t, `boots: the reboot is told ${seconds(since)} after the host was up`);
      await e2e.wait(
        'its containers to be restarted',
        async () => (await e2e.container('stays'))?.restartCount === 1,
        2 * MINUTE,
      );
      await e2e.waitReady('stays', MINUTE);
      told(t, `boots: pods ready ${seconds(since)} after the host was up`);
      assert.equal((await e2e.pod('stays')).metadata.uid, uid);
    });
  });

  suite('hangs', 'a containerd', (e2e, node) => {
    let before = '';
    const version = async (): Promise<string> =>
      (await world.client.get<KubeNode>(paths.node('hangs'))).status?.nodeInfo?.containerRuntimeVersion ?? '';

    it('that accepts and never answers is told of, and waited for', async (t) => {
      before = await makeStays(e2e, node);
      const since = Date.now();
      await node.host().freeze();
      await tellsWhy(t, {
        e2e,
        node,
        since,
        message: /^container runtime is down: box: the runtime .* nothing answers/,
      });
      await e2e.createPod('waits', tolerant);
      if (link === 'ssh') assert.match(await e2e.kubectl(['logs', '--tail=1', 'stays']), /^(\d+\n)+$/);
      await pause(90_000 - (Date.now() - since));
      await node.host().thaw();
      const thawed = Date.now();
      await node.waitReady('True', 30_000);
      told(t, `hangs: node ready ${seconds(thawed)} after containerd was thawed`);
      await e2e.waitReady('waits', MINUTE);
      told(t, `hangs: a pod that waited is ready ${seconds(thawed)} after containerd was thawed`);
      assert.equal(await node.identity('stays'), before);
      await e2e.wait('a container and a sandbox for each pod', async () => (await node.running()) === 4);
    });

    it('that becomes 2 in place of 1.6 keeps its pods', async (t) => {
      assert.match(await version(), /^containerd:\/\/1\.6\./);
      await node.host().upgrade();
      const since = Date.now();
      // one whose restart no call has met is asked for its version once a minute
      await e2e.wait(
        'the new version',
        async () => (await version()).startsWith('containerd://2.'),
        2 * MINUTE,
      );
      told(t, `hangs: containerd 2 is told ${seconds(since)} after it was up`);
      await e2e.createPod('new', {});
      await e2e.waitReady('new', MINUTE);
      assert.equal(await node.identity('stays'), before);
      assert.equal(await e2e.kubectl(['exec', 'stays', '--', 'echo', 'here']), 'here\n');
      assertCounts(await e2e.kubectl(['logs', 'stays']));
      await e2e.kubectl(['delete', 'pod', 'waits', '--timeout=60s']);
      await e2e.wait('a container and a sandbox for each pod', async () => (await node.running()) === 4);
    });
  });

  suite('fills', 'a disk', (e2e, node) => {
    it('that is full holds up what needs room, and nothing else', async (t) => {
      const before = await makeStays(e2e, node);
      const data = { text: 'x'.repeat(100_000) };
      await e2e.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'big' }, data });
      const fill = 'cat /dev/zero >/var/lib/farlet/filler 2>/dev/null; df -k /var/lib/farlet | tail -n 1';
      const { stdout } = await node.host().inside(['sh', '-c', fill]);
      assert.match(stdout, / 0 +100%/);
      await e2e.createPod('needs', {
        volumes: [{ name: 'v', configMap: { name: 'big' } }],
        containers: [shell(undefined, { volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
      });
      await e2e.waitEvent('needs', 'FailedMount', /no space left on device/, MINUTE);
      await pause(20_000);
      assert.equal((await node.ready()).status, 'True');
      assert.equal(await node.identity('stays'), before);
      await node.host().inside(['rm', '/var/lib/farlet/filler']);
      const since = Date.now();
      await e2e.waitReady('needs', 3 * MINUTE);
      told(t, `fills: the pod that needed room is ready ${seconds(since)} after there was`);
      assert.equal(await e2e.kubectl(['exec', 'needs', '--', 'sh', '-c', 'wc -c </v/text']), '100000\n');
      assert.equal(await node.identity('stays'), before);
    });
  });

  suite('skewed', 'a clock that is an hour ahead', (e2e) => {
    it('changes neither delays nor back-off', { skip: link !== 'ssh' }, async (t) => {
      const since = Date.now();
      await e2e.createPod('probed', {
        containers: [
          shell(undefined, {
            readinessProbe: { exec: { command: ['true'] }, initialDelaySeconds: 4, periodSeconds: 1 },
          }),
        ],
      });
      await e2e.createPod('crashes', { containers: [shell('sleep 1; exit 1')] });
      await e2e.waitReady('probed', 40_000);
      told(t, `skewed: a pod with an initial delay of 4 s is ready after ${seconds(since)}`);
      assert.ok(Date.now() - since >= 4_000);
      await e2e.waitWaiting('crashes', 'CrashLoopBackOff');
      // 0 s, 10 s and 20 s apart; the next comes after 40 s
      await e2e.wait(
        'restarts',
        async () => ((await e2e.container('crashes'))?.restartCount ?? 0) >= 3,
        MINUTE,
      );
      assert.ok(Date.now() - since > 30_000, 'restarts wait for their back-off');
      const { startedAt = '' } = (await e2e.container('probed'))?.state.running ?? {};
      assert.ok(Date.parse(startedAt) > Date.now() + 0.9 * HOUR_S * 1000, 'its clock is ahead indeed');
      assert.match(world.farlets[0]?.log(10_000) ?? '', /"aheadSeconds":3[56]\d\d,/);
    });
  });
});
