/**
 * What nodes, pods and containers use, as the kubelet API tells it, held against the kernel's own figures and
 * against what a real kubelet was recorded to tell: here (`make test`) or over ssh or tcp
 * (`make test-remote`).
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { askKubelet } from '../harness/kubelet-client.ts';
import { linkHosts } from '../harness/link-hosts.ts';
import { useNamespace } from '../harness/namespace.ts';
import { shell } from '../harness/pods.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld({ hosts: linkHosts });
const unified = existsSync('/sys/fs/cgroup/cgroup.controllers');
const MIB = 2 ** 20;

/** Half a processor, 40 MiB of memory held, 8 MiB on the disk, and who asks its port is answered 1 MiB. */
const BURN = `
dd if=/dev/zero of=/dev/shm/held bs=1M count=40 2>/dev/null
dd if=/dev/zero of=/written bs=1M count=8 2>/dev/null
dd if=/dev/zero of=/scratch/kept bs=1M count=5 2>/dev/null
i=0; while [ $i -lt 2000 ]; do echo "a line of the log that takes some room $i"; i=$((i+1)); done
dd if=/dev/zero of=/tmp/served bs=1M count=1 2>/dev/null
while true; do nc -l -p 8080 </tmp/served >/dev/null; done &
while true; do :; done`;

interface Stats {
  readonly time: string;
}
interface Use {
  readonly cpu?: Stats & { readonly usageNanoCores?: number; readonly usageCoreNanoSeconds: number };
  readonly memory?: Stats & Readonly<Record<string, number>>;
  readonly swap?: Readonly<Record<string, number>>;
}
interface Fs {
  readonly usedBytes?: number;
  readonly capacityBytes?: number;
  readonly availableBytes?: number;
}
interface Summary {
  readonly node: Use & {
    readonly nodeName: string;
    readonly startTime: string;
    readonly systemContainers?: readonly unknown[];
    readonly fs?: Fs;
    readonly network?: { readonly interfaces: readonly unknown[] };
    readonly rlimit?: { readonly maxpid: number; readonly curproc: number };
    readonly runtime?: { readonly imageFs?: Fs };
  };
  readonly pods: readonly (Use & {
    readonly podRef: { readonly name: string; readonly namespace: string; readonly uid: string };
    readonly containers: readonly (Use & {
      readonly name: string;
      readonly rootfs?: Fs;
      readonly logs?: Fs;
    })[];
    readonly network?: { readonly name: string; readonly txBytes: number; readonly rxBytes: number };
    readonly volume?: readonly (Fs & {
      readonly name: string;
      readonly pvcRef?: { readonly name: string; readonly namespace: string };
    })[];
    readonly 'ephemeral-storage'?: Fs;
    readonly process_stats?: { readonly process_count: number };
  })[];
}

for (const node of world.nodes) {
  describe(`what is used on ${node}`, () => {
    const pods = useNamespace(world, { name: `usage-${node}`, node });
    const host = () => world.host(node);
    const get = async (path: string): Promise<string> => {
      const { code, body } = await askKubelet({
        url: world.farlet.kubeletUrl(node),
        path,
        as: world.plane.kubeletClient,
      });
      assert.equal(code, 200, `${path}: ${body.slice(0, 300)}`);
      return body;
    };
    const summary = async (query = ''): Promise<Summary> =>
      JSON.parse(await get(`/stats/summary${query}`)) as Summary;
    const podOf = (of: Summary, name = 'burner') => {
      const found = of.pods.find(({ podRef }) => podRef.name === name && podRef.namespace === pods.name);
      assert.ok(found, `${name} is told of`);
      return found;
    };
    /** A claim `kept` that is bound to a folder of the host. */
    const claimOf = async (path: string): Promise<void> => {
      const common = { accessModes: ['ReadWriteOnce'], storageClassName: '' };
      const terms = [
        { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] },
      ];
      const name = `kept-${node}`;
      await pods.create({
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name },
        spec: {
          ...common,
          capacity: { storage: '1Gi' },
          local: { path },
          nodeAffinity: { required: { nodeSelectorTerms: terms } },
        },
      });
      await pods.create({
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'kept' },
        spec: { ...common, volumeName: name, resources: { requests: { storage: '1Gi' } } },
      });
    };
    let uid = '';
    let id = '';
    const kernel = (controller: string, file: string, of = `/${id}`): string =>
      readFileSync(
        `${host().root()}/sys/fs/cgroup${unified ? '' : `/${controller}`}${host().cgroupRoot}/kubepods/burstable/pod${uid}${of}/${file}`,
        'utf8',
      );
    const cpuNanos = (): number => {
      if (!unified) return Number(kernel('cpuacct', 'cpuacct.usage'));
      return Number(/^usage_usec (\d+)/.exec(kernel('', 'cpu.stat'))?.[1]) * 1000;
    };
    const inTime = <T>(what: string, check: () => Promise<T | undefined | false>): Promise<T> =>
      pods.wait(what, check, 90_000);

    const kept = `/tmp/farlet-usage-${node}`;
    after(() => host().inside(['rm', '-rf', kept]));
    before(async () => {
      await host().inside(['mkdir', '-p', kept]);
      await claimOf(kept);
      await pods.createPod('burner', {
        terminationGracePeriodSeconds: 0,
        volumes: [
          { name: 'scratch', emptyDir: {} },
          { name: 'ram', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } },
          { name: 'kept', persistentVolumeClaim: { claimName: 'kept' } },
        ],
        containers: [
          shell(BURN, {
            resources: { requests: { cpu: '100m' }, limits: { cpu: '500m', memory: '128Mi' } },
            volumeMounts: [
              { name: 'scratch', mountPath: '/scratch' },
              { name: 'ram', mountPath: '/dev/shm' },
              { name: 'kept', mountPath: '/kept' },
            ],
            readinessProbe: { exec: { command: ['test', '-s', '/tmp/served'] }, periodSeconds: 1 },
          }),
        ],
      });
      await pods.waitReady('burner', 60_000);
      const pod = await pods.pod('burner');
      ({ uid } = pod.metadata);
      id = pod.status.containerStatuses?.[0]?.containerID?.split('//')[1] ?? '';
    });

    it('is what the kernel counts of processor and memory', async () => {
      const [least, told, most] = [cpuNanos(), podOf(await summary()).containers[0], cpuNanos()];
      const nanos = told?.cpu?.usageCoreNanoSeconds ?? 0;
      // a reading is at most five seconds old
      assert.ok(nanos <= most && nanos >= least - 5e9, `${least} ${nanos} ${most}`);
      const held = told?.memory?.workingSetBytes ?? 0;
      assert.ok(held > 40 * MIB && held < 128 * MIB, `${held} bytes held`);
      assert.equal((told?.memory?.availableBytes ?? 0) + held, 128 * MIB);
      assert.ok((told?.memory?.usageBytes ?? 0) >= held);
    });

    it('is half a processor for a container that may have no more', async () => {
      await summary();
      const began = { at: Date.now(), nanos: cpuNanos() };
      const cores = await inTime(
        'a rate',
        async () => podOf(await summary()).containers[0]?.cpu?.usageNanoCores,
      );
      // a busy machine gives it less
      const counted = ((cpuNanos() - began.nanos) * 1000) / (Date.now() - began.at);
      assert.ok(cores > counted / 2 && cores < counted * 2 && cores < 0.6e9, `${cores} of ${counted}`);
      const pod = podOf(await summary());
      assert.ok((pod.cpu?.usageNanoCores ?? 0) >= cores * 0.5);
      assert.ok((pod.cpu?.usageCoreNanoSeconds ?? 0) >= (pod.containers[0]?.cpu?.usageCoreNanoSeconds ?? 0));
    });

    it('is what was written to disk, layer, logs and volumes', async () => {
      const pod = await inTime('disks to be measured', async () => {
        const found = podOf(await summary());
        return (found.containers[0]?.rootfs?.usedBytes ?? 0) >= 8 * MIB && found;
      });
      const [c] = pod.containers;
      assert.ok((c?.rootfs?.usedBytes ?? 0) < 12 * MIB, JSON.stringify(c?.rootfs));
      const logs = c?.logs?.usedBytes ?? 0;
      assert.ok(logs > 2000 * 60 && logs < 2000 * 150, `${logs} bytes of logs`);
      const volume = (name: string): Fs | undefined => pod.volume?.find((each) => each.name === name);
      assert.ok(Math.abs((volume('scratch')?.usedBytes ?? 0) - 5 * MIB) < 64 * 1024);
      assert.equal(volume('ram')?.capacityBytes, 64 * MIB);
      assert.equal(volume('ram')?.usedBytes, 40 * MIB);
      const all = pod['ephemeral-storage']?.usedBytes ?? 0;
      assert.equal(all, (c?.rootfs?.usedBytes ?? 0) + logs + (volume('scratch')?.usedBytes ?? 0));
    });

    it('is what the file system of a claimed volume has', async () => {
      const volume = await inTime('the volume', async () =>
        podOf(await summary()).volume?.find(({ name }) => name === 'kept'),
      );
      assert.deepEqual(volume.pvcRef, { name: 'kept', namespace: pods.name });
      const blocks = await host().inside(['stat', '-fc', '%b %S', kept]);
      const [count = NaN, size = NaN] = blocks.stdout.trim().split(' ').map(Number);
      assert.equal(volume.capacityBytes, count * size);
      assert.ok((volume.usedBytes ?? 0) > 0 && (volume.availableBytes ?? 0) > 0);
    });

    it('is what went over the network', async () => {
      const before = podOf(await summary()).network;
      assert.equal(before?.name, 'eth0');
      const { podIP } = (await pods.pod('burner')).status;
      const got = await host().inside(['sh', '-c', `sleep 3 | busybox nc ${podIP} 8080 | wc -c`]);
      assert.equal(got.stdout.trim(), String(MIB), got.stderr);
      const sent = await inTime('it to be told', async () => {
        const bytes = (podOf(await summary()).network?.txBytes ?? 0) - before.txBytes;
        return bytes >= MIB && bytes;
      });
      assert.ok(sent < 1.3 * MIB, `${sent} bytes`);
    });

    it('is told of the node, as a kubelet tells it', async () => {
      const { node: told } = await summary();
      assert.equal(told.nodeName, node);
      assert.ok(Date.parse(told.startTime) < Date.now());
      assert.ok((told.memory?.workingSetBytes ?? 0) > 40 * MIB);
      assert.ok((told.rlimit?.curproc ?? 0) > 5 && (told.rlimit?.maxpid ?? 0) > 1000);
      assert.ok((told.fs?.capacityBytes ?? 0) > (told.fs?.availableBytes ?? 0));
      assert.ok((told.runtime?.imageFs?.usedBytes ?? 0) > MIB);
      const recorded = JSON.parse(readFileSync('e2e/golden/api/stats-summary.json', 'utf8')) as Summary;
      // its pods had no group of their own: what it tells of them all is the machine's
      const { systemContainers: _, ...ofNode } = recorded.node;
      assert.deepEqual(lacking(ofNode, told), []);
      assert.deepEqual(lacking(recorded.pods[0], podOf(await summary())), []);
      const brief = await summary('?only_cpu_and_memory=true');
      assert.equal(brief.node.fs, undefined);
      assert.equal(podOf(brief).containers[0]?.rootfs, undefined);
      assert.ok((podOf(brief).cpu?.usageCoreNanoSeconds ?? 0) > 0);
    });

    it('is in /metrics/resource as metrics-server reads it', async () => {
      const text = await get('/metrics/resource');
      const container = `container="c",namespace="${pods.name}",pod="burner"`;
      const [seconds, at] = seriesOf(text, `container_cpu_usage_seconds_total{${container}}`);
      assert.ok((seconds ?? 0) <= cpuNanos() / 1e9);
      assert.ok(Math.abs(Date.now() - (at ?? 0)) < 10_000, 'a time stamp in ms');
      const [started, untold] = seriesOf(text, `container_start_time_seconds{${container}}`);
      assert.ok(Math.abs(Date.now() / 1000 - (started ?? 0)) < 600 && untold === undefined);
      assert.deepEqual(seriesOf(text, 'resource_scrape_error'), [0, undefined]);
      assert.deepEqual(missing(text, '/metrics/resource'), []);
    });

    it('is in /metrics/cadvisor by cAdvisor’s names', async () => {
      const text = await get('/metrics/cadvisor');
      const row = (name: string, of: string): readonly (number | undefined)[] => {
        const line = text.split('\n').find((each) => each.startsWith(`${name}{`) && each.includes(of));
        return line === undefined
          ? []
          : line
              .slice(line.lastIndexOf('}') + 2)
              .split(' ')
              .map(Number);
      };
      const of = `container="c",id="${host().cgroupRoot}/kubepods/burstable/pod${uid}/${id}"`;
      const named = `name="${id}",namespace="${pods.name}",pod="burner"`;
      const [seconds = 0, at = 0] = row('container_cpu_usage_seconds_total', of);
      assert.ok(seconds > 0 && seconds <= cpuNanos() / 1e9);
      assert.ok(Math.abs(Date.now() - at) < 10_000);
      assert.ok(row('container_cpu_usage_seconds_total', named).length > 0);
      assert.equal(row('container_spec_memory_limit_bytes', of)[0], 128 * MIB);
      assert.equal(row('container_spec_cpu_quota', of)[0], 50_000);
      const stat = kernel('cpu', 'cpu.stat');
      for (const [name, key] of [
        ['container_cpu_cfs_periods_total', 'nr_periods'],
        ['container_cpu_cfs_throttled_periods_total', 'nr_throttled'],
      ] as const) {
        const [told = NaN] = row(name, of);
        const counted = Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(stat)?.[1]);
        // a busy machine may give it less than where it is held
        assert.ok(told <= counted && (told > 0 || key === 'nr_throttled'), `${key}: ${told} of ${counted}`);
      }
      assert.ok((row('container_processes', of)[0] ?? 0) >= 2);
      const podRow = `container="",id="${host().cgroupRoot}/kubepods/burstable/pod${uid}"`;
      assert.ok((row('container_memory_working_set_bytes', podRow)[0] ?? 0) > 40 * MIB);
      const network = text
        .split('\n')
        .filter(
          (line) =>
            line.startsWith('container_network_transmit_bytes_total{') &&
            line.includes(`namespace="${pods.name}",pod="burner"`),
        );
      assert.deepEqual(
        network.map((line) => /interface="([^"]+)"/.exec(line)?.[1]),
        ['eth0'],
      );
      assert.ok((row('machine_memory_bytes', 'boot_id=')[0] ?? 0) > 2 ** 28);
      assert.deepEqual(seriesOf(text, 'container_scrape_error'), [0, undefined]);
      assert.deepEqual(missing(text, '/metrics/cadvisor'), []);
    });

    it('probes and health checks have pages of their own', async () => {
      const probes = await get('/metrics/probes');
      const of = `container="c",pod="burner",namespace="${pods.name}",result="successful"`;
      assert.ok(
        (seriesOf(probes, `prober_probe_total{probe_type="Readiness",${of},pod_uid="${uid}"}`)[0] ?? 0) > 0,
        probes,
      );
      assert.deepEqual(missing(probes, '/metrics/probes'), []);
      assert.ok(!(await get('/metrics')).includes('prober_probe_total'));
      await get('/healthz');
      const slis = await get('/metrics/slis');
      assert.deepEqual(seriesOf(slis, 'kubernetes_healthcheck{name="syncloop",type="healthz"}'), [
        1,
        undefined,
      ]);
      assert.ok(
        (seriesOf(slis, 'kubernetes_healthchecks_total{name="ping",type="healthz",status="success"}')[0] ??
          0) > 0,
      );
    });
  });
}

/** Value and time stamp. */
function seriesOf(text: string, series: string): [number | undefined, number | undefined] {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  const [value, at] = line?.slice(series.length + 1).split(' ') ?? [];
  return [value === undefined ? undefined : Number(value), at === undefined ? undefined : Number(at)];
}

/** Paths of fields that `told` lacks of `recorded`; of lists the first entries are compared. */
function lacking(recorded: unknown, told: unknown, path = ''): string[] {
  if (Array.isArray(recorded)) {
    const [first] = recorded as unknown[];
    const [own] = Array.isArray(told) ? (told as unknown[]) : [];
    return first === undefined ? [] : lacking(first, own, `${path}[0]`);
  }
  if (typeof recorded !== 'object' || recorded === null) return told === undefined ? [path] : [];
  if (typeof told !== 'object' || told === null) return [path];
  return Object.entries(recorded).flatMap(([name, value]) =>
    lacking(value, (told as Record<string, unknown>)[name], `${path}.${name}`),
  );
}

interface RecordedFamily {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

/** What cAdvisor learns of every process, or of the machine's board. */
const notTold = new Set([
  ...['cpu_load_average_10s', 'cpu_load_d_average_10s', 'file_descriptors', 'health_state'].map(
    (name) => `container_${name}`,
  ),
  ...['sockets', 'tasks_state', 'ulimits_soft'].map((name) => `container_${name}`),
  ...['cpu_books', 'cpu_drawers', 'cpu_physical_cores', 'cpu_sockets'].map((name) => `machine_${name}`),
  ...['nvm_avg_power_budget_watts', 'nvm_capacity'].map((name) => `machine_${name}`),
]);

/** Families that a real kubelet told at this path and that are not there, or otherwise. */
function missing(text: string, path: string): string[] {
  const recorded = parse(readFileSync('e2e/golden/api/metrics.yaml', 'utf8')) as Record<
    string,
    RecordedFamily[]
  >;
  return (recorded[path] ?? [])
    .filter(({ name }) => !notTold.has(name))
    .flatMap(({ name, type, labels }) => {
      if (!text.includes(`# TYPE ${name} ${type}\n`)) return [`${name} ${type}`];
      const lines = text
        .split('\n')
        .filter((line) => new RegExp(`^${name}(_bucket|_sum|_count)?[{ ]`).test(line));
      const seen = new Set(
        lines.flatMap((line) => [...line.matchAll(/[{,](\w+)="/g)].map((match) => match[1])),
      );
      seen.delete('le');
      const lack = labels.filter((label) => !seen.has(label));
      const more = [...seen].filter((label) => label !== undefined && !labels.includes(label));
      return lack.length + more.length === 0 ? [] : [`${name}: lacks ${lack.join()} has ${more.join()}`];
    });
}
