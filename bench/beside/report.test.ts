import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AgentTurn, FloorTurn } from './measure-pods.ts';
import { isMet, rowsOf, text, type Row } from './report.ts';
import type { PodsRound, Results, Watched } from './results.ts';
import type { Use } from './use.ts';

const use = (cpuMs: number, seconds = 60): Use => ({
  seconds,
  cpuMs,
  sentBytes: 51_200,
  receivedBytes: 51_200,
  calls: { 'patch pods/status': 100 },
});
const nothing: Use = { seconds: 60, cpuMs: 0, sentBytes: 0, receivedBytes: 0, calls: {} };

function turn({ readyMs = 300, rate = 5, cpuMs = 2_000 }): AgentTurn & Watched {
  return {
    starts: [readyMs - 10, readyMs, readyMs + 10],
    deletes: [400],
    podsPerSecond: rate,
    deletesPerSecond: 6,
    pods: 50,
    use: use(cpuMs),
    stages: { singles: nothing, burst: use(cpuMs), deletes: nothing, leftovers: nothing },
    othersShare: 0.01,
  };
}

const burst = (podsPerSecond: number): FloorTurn['bursts'][number]['burst'] => ({
  podsPerSecond,
  deletesPerSecond: 10,
  idleShare: 0,
  wholeCpuMsPerPod: 100,
});
const floor: FloorTurn & Watched = {
  starts: [150],
  deletes: [200],
  bursts: [
    { width: 4, burst: burst(8) },
    { width: 8, burst: burst(10) },
  ],
  othersShare: 0.03,
};

const rounds: PodsRound[] = [
  { floor, farlet: turn({ readyMs: 270, rate: 6 }), kubelet: turn({}) },
  { floor, farlet: turn({ readyMs: 240, rate: 5 }), kubelet: turn({}) },
  { floor, farlet: turn({ readyMs: 330, rate: 5.5 }), kubelet: turn({}) },
];
const memory = (rssMiB: number): Results['memory']['farlet'] => ({
  rssMiB,
  peakMiB: rssMiB + 20,
  pssMiB: rssMiB,
});
const results: Results = {
  rest: { farlet: use(60), kubelet: { ...use(600), calls: { 'update leases': 6 } } },
  pods: { bare: [], plain: rounds, usual: rounds.map(({ farlet, kubelet }) => ({ farlet, kubelet })) },
  idle: [
    {
      farlet: { use: use(120), memory: memory(131) },
      kubelet: { use: use(1_800), memory: memory(98) },
      othersShare: 0.2,
    },
  ],
  probing: [
    {
      farlet: { use: use(120), memory: memory(131) },
      kubelet: { use: use(1_800), memory: memory(98) },
      othersShare: 0,
    },
  ],
  churn: [
    {
      farlet: { pods: 50, seconds: 10, use: use(3_120), othersShare: 0 },
      kubelet: { pods: 50, seconds: 12, use: use(4_800), othersShare: 0 },
    },
  ],
  memory: { farlet: memory(140), kubelet: memory(110) },
};

const none: Results['pods'] = { bare: [], plain: [], usual: [] };

function rowOf(what: string, of = results): Row {
  const row = rowsOf(of).find((each) => each.what === what);
  assert.ok(
    row,
    `no row ${what}: ${rowsOf(of)
      .map((each) => each.what)
      .join('; ')}`,
  );
  return row;
}

describe('the rows', () => {
  it('have medians, and ratios of the same round with their spread', () => {
    const row = rowOf('plain: create→Ready, one at a time, ms');
    assert.deepEqual([row.kubelet, row.farlet], [300, 270]);
    assert.deepEqual([row.ratio.median, row.ratio.min, row.ratio.max], [0.9, 0.8, 1.1]);
    assert.equal(isMet(row), true);
  });

  it('are compared with the floor at its best width', () => {
    assert.deepEqual(rowOf('plain: burst start, pods/s').floor, { value: 10, farlet: 0.55, kubelet: 0.5 });
  });

  it('of what the floor does not do have none', () => {
    assert.equal(rowOf('usual: burst start, pods/s').floor, undefined);
  });

  it('count CPU beyond what the agent uses anyway, and with it', () => {
    const net = rowOf('plain: agent CPU a pod, ms');
    assert.deepEqual([net.kubelet, net.farlet], [28, 38.8]);
    assert.equal(isMet(net), false);
    const gross = rowOf('plain: the same, idle time included, ms');
    assert.deepEqual([gross.kubelet, gross.farlet, isMet(gross)], [40, 40, undefined]);
    const churn = rowOf('churn: agent CPU a pod, ms');
    assert.deepEqual([churn.kubelet, churn.farlet], [60, 60]);
  });

  it('judge by the ratio, or by what farlet has', () => {
    const idle = rowOf('idle: agent CPU, % of a core');
    assert.deepEqual([idle.kubelet, idle.farlet, isMet(idle)], [3, 0.2, true]);
    assert.equal(isMet(rowOf('idle: resident, MiB')), false);
    assert.equal(isMet(rowOf('churn: pods replaced/s')), true);
  });

  it('are none for what was not measured', () => {
    assert.deepEqual(rowsOf({ ...results, pods: none, idle: [], probing: [], churn: [] }), []);
    assert.equal(
      rowsOf({ ...results, pods: none, churn: [] }).every(({ what }) =>
        /^(?:idle:|the same|most)/.test(what),
      ),
      true,
    );
  });
});

describe('the table', () => {
  const shown = text(results);

  it('says what is met', () => {
    assert.match(
      shown,
      /plain: create→Ready.* 300 +270 +0\.90 +0\.80–1\.10 +≤ 0\.9 +met +150 +1\.80 +2\.00$/m,
    );
    assert.match(shown, /idle: resident, MiB +98 +131 +1\.34 +1\.34–1\.34 +≤ 130 +NOT MET$/m);
  });

  it('says who asks the API server for what', () => {
    // farlet's idle node patches as much in as long: nothing of that is the pods'
    assert.match(shown, /^API calls a pod, plain +kubelet +farlet\n.*\npatch pods\/status +2\.00\n/m);
    assert.doesNotMatch(shown, /update leases/);
  });

  it('says how much others had of the machine', () => {
    assert.match(shown, /1\.0 % of all cores in the median turn, 20\.0 % in the worst$/);
  });
});
