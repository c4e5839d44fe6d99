import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { after, describe, it } from 'node:test';
import { triedHosts } from '../../testing/far-hosts.ts';
import { atOnce } from '../../testing/fixtures.ts';
import type { UsageQuery } from '../link/host-usage.ts';
import { parseUsageAnswer } from './parse-usage.ts';
import { usageColumns } from './usage-program.ts';

const { signal } = new AbortController();
const id = 'ab'.repeat(32);
const sandbox = 'cd'.repeat(32);

const psi = (micros: number): string =>
  `some avg10=1.50 avg60=0.25 avg300=0.00 total=${micros}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n`;
const v2: Readonly<Record<string, string>> = {
  'cgroup.controllers': 'cpu io memory pids\n',
  'cgroup.procs': '12\n13\n',
  'cpu.stat':
    'usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\nnr_periods 9\nnr_throttled 4\nthrottled_usec 66\n',
  'cpu.max': '20000 100000\n',
  'cpu.weight': '4\n',
  'memory.current': '9007199254740993\n',
  'memory.stat': `anon 100\nfile 50\nkernel 30\nsock 1\nfile_mapped 20\ninactive_file 9007199254740000\nactive_file 10\npgfault 8\npgmajfault 2\n`,
  'memory.swap.current': '11\n',
  'memory.events': 'low 0\nhigh 0\nmax 6\noom 1\noom_kill 1\n',
  'memory.max': '536870912\n',
  'memory.low': '0\n',
  'memory.swap.max': 'max\n',
  'pids.current': '3\n',
  'pids.max': 'max\n',
  'cpu.pressure': psi(1000),
  'io.stat': '8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n253:1 rbytes=5 wbytes=6 rios=7 wios=8\n',
};
const v1: Readonly<Record<string, string>> = {
  'memory/notify_on_release': '0\n',
  'cpuacct/cgroup.procs': '1\n',
  'cpuacct/cpuacct.usage': '7000\n',
  'cpu/cpu.stat': 'nr_periods 2\nnr_throttled 1\nthrottled_time 30\n',
  'cpu/cpu.cfs_quota_us': '-1\n',
  'cpu/cpu.cfs_period_us': '100000\n',
  'cpu/cpu.shares': '102\n',
  'memory/memory.usage_in_bytes': '1000\n',
  'memory/memory.stat':
    'cache 1\nrss 2\ntotal_cache 40\ntotal_rss 60\ntotal_inactive_file 25\ntotal_swap 5\n',
  'memory/memory.limit_in_bytes': '9223372036854771712\n',
  'memory/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n',
  'pids/pids.current': '2\n',
  'blkio/blkio.throttle.io_service_bytes_recursive':
    '254:0 Read 8192\n254:0 Write 4096\n254:0 Sync 1\n254:0 Async 1\n254:0 Discard 0\n254:0 Total 12288\nTotal 12288\n',
  'blkio/blkio.throttle.io_serviced_recursive': '254:0 Read 2\n254:0 Write 1\n254:0 Total 3\nTotal 3\n',
};

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

const top = mkdtempSync(`${tmpdir()}/farlet-usage-`);
const group = `${top}/2/kubepods/burstable/pod1`;
const inGroup = (folder: string, files: Readonly<Record<string, string>>): void => {
  write(Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text])));
};
write({ [`${top}/2/cgroup.controllers`]: 'cpu memory\n' });
inGroup(`${top}/2`, { 'cpu.stat': 'usage_usec 77\n' });
inGroup(group, { 'cgroup.controllers': '', 'cpu.stat': 'usage_usec 6000\n' });
inGroup(`${group}/cri-containerd-${id}.scope`, v2);
inGroup(`${group}/cri-containerd-${sandbox}.scope`, { ...v2, 'cgroup.procs': `${process.pid}\n` });
for (const [name, text] of Object.entries(v1)) {
  const [controller = '', file = ''] = name.split('/');
  write({ [`${top}/1/${controller}/k8s.io/${id}/${file}`]: text });
}

const hosts = triedHosts();
after(() => {
  hosts.close();
  rmSync(top, { recursive: true });
});

const query = (of: Partial<UsageQuery>): UsageQuery => ({
  detail: 'full',
  limits: true,
  parents: [],
  groups: [],
  sandboxes: [],
  fileSystems: [],
  ...of,
});

for (const [name, files] of hosts.all) {
  describe(`what ${name} uses`, { skip: process.getuid?.() !== 0 && name !== 'this machine' }, () => {
    it('is read of cgroups v2, a pod and all that is in it', async () => {
      const read = await files.readUsage(
        query({
          cgroupMount: `${top}/2`,
          parents: [
            { path: '/kubepods/burstable/pod1', ids: [id, 'ef'.repeat(32), sandbox] },
            { path: '/kubepods/burstable/gone', ids: [id] },
          ],
          sandboxes: [sandbox],
          fileSystems: [top, '/nowhere'],
        }),
        { signal },
      );
      assert.equal(read.cgroupVersion, 2);
      assert.equal(read.isCut, false);
      const at = '/kubepods/burstable/pod1';
      assert.deepEqual(
        [...read.groups.keys()].sort(),
        ['', at, `${at}/cri-containerd-${id}.scope`, `${at}/cri-containerd-${sandbox}.scope`].sort(),
      );
      assert.equal(read.groups.get('')?.cpuNanos, 77_000);
      assert.equal(read.groups.get(at)?.cpuNanos, 6_000_000);
      assert.equal(read.groups.get(at)?.memoryBytes, undefined, 'what is not there is not 0');
      const container = read.groups.get(`${at}/cri-containerd-${id}.scope`);
      assert.deepEqual(
        { ...container, cpuPressure: container?.cpuPressure?.some, disks: container?.disks?.length },
        {
          processes: 2,
          cpuNanos: 5_000_000,
          userNanos: 3_000_000,
          systemNanos: 2_000_000,
          periods: 9,
          throttledPeriods: 4,
          throttledNanos: 66_000,
          cpuQuotaMicros: 20_000,
          cpuPeriodMicros: 100_000,
          cpuShares: 80,
          memoryBytes: 9007199254740992,
          workingSetBytes: 992,
          rssBytes: 100,
          cacheBytes: 50,
          mappedFileBytes: 20,
          inactiveFileBytes: 9007199254740000,
          activeFileBytes: 10,
          pageFaults: 8,
          majorPageFaults: 2,
          kernelBytes: 30,
          swapBytes: 11,
          peakMemoryBytes: undefined,
          limitHits: 6,
          oomKills: 1,
          memoryLimitBytes: 536870912,
          memoryReservationBytes: 0,
          swapLimitBytes: undefined,
          threads: 3,
          maxThreads: undefined,
          cpuPressure: { avg10: 1.5, avg60: 0.25, avg300: 0, totalMicros: 1000 },
          memoryPressure: undefined,
          ioPressure: undefined,
          disks: 2,
        },
      );
      assert.deepEqual(container?.disks?.[1], {
        device: '253:1',
        readBytes: 5,
        writeBytes: 6,
        reads: 7,
        writes: 8,
      });
      const paused = read.groups.get(`${at}/cri-containerd-${sandbox}.scope`);
      assert.equal(paused?.cpuNanos, 5_000_000);
      assert.equal(paused.threads, undefined, 'of a sandbox only the brief');
      assert.deepEqual([...read.networks.keys()], [`${at}/cri-containerd-${sandbox}.scope`]);
      const [network = []] = [...read.networks.values()];
      assert.ok(network.some((each) => each.name === 'lo'));
      assert.ok((read.fileSystems[0]?.capacityBytes ?? 0) > 0);
      assert.equal(read.fileSystems[1], undefined);
    });

    it('is read of cgroups v1', async () => {
      const read = await files.readUsage(
        query({ cgroupMount: `${top}/1`, groups: [`/k8s.io/${id}`, `/${id}`] }),
        { signal },
      );
      assert.equal(read.cgroupVersion, 1);
      const container = read.groups.get(`/k8s.io/${id}`);
      assert.equal(read.groups.has(`/${id}`), false);
      assert.deepEqual(
        JSON.parse(JSON.stringify(container)) as unknown,
        {
          processes: 1,
          cpuNanos: 7000,
          periods: 2,
          throttledPeriods: 1,
          throttledNanos: 30,
          cpuPeriodMicros: 100_000,
          cpuShares: 102,
          memoryBytes: 1000,
          workingSetBytes: 975,
          rssBytes: 60,
          cacheBytes: 40,
          inactiveFileBytes: 25,
          swapBytes: 5,
          oomKills: 3,
          threads: 2,
          disks: [{ device: '254:0', readBytes: 8192, writeBytes: 4096, reads: 2, writes: 1 }],
        },
        'a quota of -1 and a limit without end are none',
      );
    });

    it('is read of the machine', async () => {
      const { machine, uptime } = await files.readUsage(query({ detail: 'full' }), { signal });
      assert.ok(uptime > 0);
      assert.ok((machine.cpuNanos ?? 0) > 1e9);
      assert.ok((machine.memoryTotalBytes ?? 0) > 2 ** 28);
      assert.ok((machine.bootTime ?? 0) > 1e9);
      assert.ok((machine.processes ?? 0) > 1 && (machine.maxProcesses ?? 0) > 1000);
      assert.ok(machine.interfaces.some((each) => each.name === 'lo'));
    });

    it('is read of brief questions without what is only in full', async () => {
      const read = await files.readUsage(
        query({
          detail: 'brief',
          limits: false,
          cgroupMount: `${top}/2`,
          parents: [{ path: '/kubepods/burstable/pod1', ids: [id, sandbox] }],
          sandboxes: [sandbox],
        }),
        { signal },
      );
      const container = read.groups.get(`/kubepods/burstable/pod1/cri-containerd-${id}.scope`);
      assert.equal(container?.workingSetBytes, 992);
      assert.deepEqual(
        [container.threads, container.memoryLimitBytes, container.disks],
        [, , ,].fill(undefined),
      );
      assert.equal(read.networks.size, 0);
      assert.equal(read.machine.interfaces.length, 0);
    });
  });
}

describe('an answer of what a host uses', () => {
  const uptime = 'T\t/proc/uptime\t12.5 3.0\n';

  for (const [what, text] of [
    ['without an end', `V2\n${uptime}`],
    ['without a version', `${uptime}E\n`],
    ['without the uptime', 'V2\nE\n'],
    ['that is empty', ''],
  ] as const)
    it(`is refused ${what}`, () => {
      assert.throws(() => atOnce(parseUsageAnswer(Buffer.from(text))), /whole|uptime/);
    });

  it('is believed only as far as it makes sense', () => {
    const width = usageColumns[2].length;
    const columns = (of: string): string => Array.from({ length: width }, () => of).join('\t');
    const { usage, rest } = atOnce(
      parseUsageAnswer(
        Buffer.from(
          [
            'V2',
            uptime.trim(),
            `G\t/short\t1\t2`,
            `G\t/odd\t${columns('-1 x 99999999999999999999999 ;; \u0000')}`,
            'N\t/odd\t a b: 1 2; x: 1 2 3 4 5 6 7 8 9 10 11 12;evil: -1 2',
            '??',
            'X',
            'E',
            'rest',
          ].join('\n'),
        ),
      ),
    );
    assert.deepEqual([...usage.groups.keys()], ['/odd']);
    const odd = Object.entries(usage.groups.get('/odd') ?? {}).filter(([, value]) => value !== undefined);
    assert.deepEqual(odd, [['disks', []]]);
    assert.deepEqual(
      usage.networks.get('/odd')?.map((each) => [each.name, each.rxBytes, each.txDropped]),
      [['x', 1, 12]],
    );
    assert.equal(usage.isCut, true);
    assert.equal(rest.toString(), 'rest');
  });
});
