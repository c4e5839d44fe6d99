import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Found, Span } from './found.ts';
import { compared, eachFurtherNode, report } from './report.ts';

const span: Span = {
  seconds: 300,
  utilization: 0.31,
  delayP99: 0.02,
  blocked: 0.03,
  collected: 0.01,
  cpu: 0.3,
  rssMiB: 300,
  heapMiB: 200,
  outsideMiB: 10,
  watches: 203,
  leaseGap: 11,
  machineIdle: 0.4,
};
const good: Found = {
  hosts: 100,
  pods: 50,
  idle: span,
  full: span,
  scrape: { loop: 0.04, blocked: 0.01, bytes: 2 ** 20 },
  start: { amongFew: 0.1, amongAll: 0.11 },
  restart: {
    syncedAfter: 59,
    leaseGap: 12,
    leaseGapOf: 'sim-001',
    delayP99: 0.2,
    blocked: 0.04,
    cpuSeconds: 40,
    rssMiB: 320,
    containers: 0,
    machineIdle: 0.1,
  },
};

describe('the report of a simulation', () => {
  it('passes when all is within its limits', () => {
    const { text, passed } = report(good);
    assert.equal(passed, true);
    assert.match(text, /event loop busy +31\.0 % +< 50 % +pass$/m);
    assert.doesNotMatch(text, /FAIL/);
  });

  const rows: [what: string, change: Partial<{ [key in keyof Found]: object }>, line: RegExp][] = [
    ['a blocked loop without pods', { idle: { blocked: 0.05 } }, /no pods: longest blocked +50 ms.*FAIL$/m],
    ['a busy loop', { full: { utilization: 0.5 } }, /event loop busy.*FAIL$/m],
    ['a late loop', { full: { delayP99: 0.1 } }, /delay, p99 +100 ms.*FAIL$/m],
    ['a blocked loop', { full: { blocked: 0.05 } }, /all pods: longest blocked +50 ms.*FAIL$/m],
    ['much CPU', { full: { cpu: 0.7 } }, /all pods: CPU of a core +70\.0 %.*FAIL$/m],
    ['watches for each node', { full: { watches: 211 } }, /all pods: open watches +211.*FAIL$/m],
    ['much memory', { full: { rssMiB: 501 } }, /all pods: resident memory +501 MiB.*FAIL$/m],
    ['a page of metrics that costs', { scrape: { loop: 0.06 } }, /scrape: the loop works +60 ms.*FAIL$/m],
    ['slow starts', { start: { amongAll: 0.13 } }, /one start: ratio +1\.30 .*FAIL$/m],
    ['a slow return', { restart: { syncedAfter: 60 } }, /all pods synced after +60\.0 s.*FAIL$/m],
    ['a late heartbeat', { restart: { leaseGap: 21 } }, /without a heartbeat \(sim-001\) +21\.0 s.*FAIL$/m],
    ['pods that are started again', { restart: { containers: 1 } }, /containers made anew.*FAIL$/m],
    ['what was not measured', { full: { delayP99: NaN } }, /delay, p99.*FAIL$/m],
  ];
  for (const [what, change, line] of rows)
    it(`fails for ${what}`, () => {
      const { text, passed } = report(changed(good, change));
      assert.equal(passed, false);
      assert.match(text, line);
      assert.equal(text.match(/FAIL/g)?.length, 1);
    });
});

describe('simulations of several sizes', () => {
  const one = changed(good, { idle: { cpu: 0.004, rssMiB: 100 } });
  const ten = (cpu: number, rssMiB: number): Found => ({
    ...changed(good, { idle: { cpu, rssMiB } }),
    hosts: 11,
  });
  const first: Found = { ...one, hosts: 1 };

  it('tell what each node costs beyond the first', () => {
    const [further, ...others] = eachFurtherNode([ten(0.008, 150), first]);
    assert.deepEqual(others, []);
    assert.equal(further?.hosts, 11);
    assert.equal(further.mib, 5);
    assert.equal(further.cpu.toFixed(6), '0.000400');
  });

  it('are judged by that, and shown beside each other', () => {
    const { text, passed } = compared([ten(0.008, 150), first]);
    assert.equal(passed, true);
    assert.match(text, /^hosts +1 +11$/m);
    assert.match(text, /^no pods: resident memory +100 MiB +150 MiB$/m);
    assert.match(text, /^started again: longest without a heartbeat +12\.0 s +12\.0 s$/m);
    assert.match(text, /memory, a further node +5\.00 MiB +≤ 5 MiB +pass$/m);
    assert.equal(compared([first, ten(0.008, 160)]).passed, false);
    assert.equal(compared([first, ten(0.0091, 150)]).passed, false);
  });
});

function changed(found: Found, change: Partial<{ [key in keyof Found]: object }>): Found {
  const { idle, full, scrape, start, restart } = found;
  return {
    ...found,
    idle: { ...idle, ...change.idle },
    full: { ...full, ...change.full },
    scrape: { ...scrape, ...change.scrape },
    start: { ...start, ...change.start },
    restart: { ...restart, ...change.restart },
  };
}
