import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { report, type Found } from './report.ts';

const good: Found = {
  relists: {
    seconds: 300,
    utilization: 0.31,
    delayP99: 0.02,
    cpu: 0.3,
    rssMiB: 300,
    leaseGap: 11,
    machineIdle: 0.4,
  },
  restart: {
    syncedAfter: 60,
    leaseGap: 12,
    leaseGapOf: 'sim-001',
    delayP99: 0.2,
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

  const rows: [what: string, change: { relists?: object; restart?: object }, line: RegExp][] = [
    ['a busy loop', { relists: { utilization: 0.5 } }, /event loop busy.*FAIL$/m],
    ['a late loop', { relists: { delayP99: 0.1 } }, /delay, p99 +100 ms.*FAIL$/m],
    ['much CPU', { relists: { cpu: 0.7 } }, /CPU seconds a second.*FAIL$/m],
    ['a late heartbeat', { restart: { leaseGap: 21 } }, /without a heartbeat \(sim-001\) +21\.0 s.*FAIL$/m],
    ['pods that are started again', { restart: { containers: 1 } }, /containers made anew.*FAIL$/m],
    ['what was not measured', { relists: { delayP99: NaN } }, /delay, p99.*FAIL$/m],
  ];
  for (const [what, { relists, restart }, line] of rows)
    it(`fails for ${what}`, () => {
      const { text, passed } = report({
        relists: { ...good.relists, ...relists },
        restart: { ...good.restart, ...restart },
      });
      assert.equal(passed, false);
      assert.match(text, line);
    });
});
