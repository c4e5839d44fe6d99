import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RestartBackoff } from './restart-backoff.ts';

describe('restarts by a runtime whose clock is another', () => {
  for (const offset of [0, 3_600_000, -3_600_000])
    it(`wait as long at ${String(offset / 1000)} s`, () => {
      const backoff = new RestartBackoff({ maxMs: 300_000, localTime: (at) => at - offset });
      const start = 1_700_000_000_000;
      assert.equal(backoff.next('c', start + offset, start), undefined);
      const held = backoff.next('c', start + 1_000 + offset, start + 2_000);
      assert.deepEqual(held, { delayMs: 10_000, until: start + 11_000 });
      assert.equal(backoff.next('c', start + 1_000 + offset, start + 11_000), undefined);
      assert.equal(backoff.next('c', start + 12_000 + offset, start + 12_000)?.delayMs, 20_000);
    });
});

const start = 1_700_000_000_000;
const at = (seconds: number): number => start + seconds * 1_000;

describe('restarts of a container', () => {
  type Step = [finished: number, now: number, waits?: { delay: number; until: number }];
  /** six restarts, the last tried at 610: the next one waits as long as the cap */
  const capped: Step[] = [0, 10, 30, 70, 150, 310].map((second): Step => [second, second + 300]);
  const rows: { name: string; maxMs?: number; steps: Step[] }[] = [
    { name: 'are immediate after the first exit', steps: [[0, 0]] },
    {
      name: 'wait ten seconds after the second exit, counted from that',
      steps: [
        [0, 0],
        [5, 7, { delay: 10, until: 15 }],
        [5, 14, { delay: 10, until: 15 }],
        [5, 15],
      ],
    },
    {
      name: 'do not wait after an exit that is longer ago than that',
      steps: [
        [0, 0],
        [5, 60],
      ],
    },
    {
      name: 'wait twice as long after each further exit',
      steps: [
        [0, 0],
        [0, 10],
        [10, 11, { delay: 20, until: 30 }],
        [10, 30],
        [30, 31, { delay: 40, until: 70 }],
      ],
    },
    {
      name: 'wait no longer than the cap',
      steps: [
        ...capped,
        [700, 701, { delay: 300, until: 1000 }],
        [700, 1000],
        [1000, 1001, { delay: 300, until: 1300 }],
      ],
    },
    {
      name: 'wait no longer than a cap below ten seconds',
      maxMs: 1_000,
      steps: [
        [0, 0],
        [0, 0, { delay: 1, until: 1 }],
        [0, 1],
        [1, 1, { delay: 1, until: 2 }],
      ],
    },
    {
      name: 'begin again if it ran for more than ten minutes',
      steps: [...capped, [1211, 1211], [1211, 1212, { delay: 10, until: 1221 }]],
    },
    {
      name: 'go on if it ran for ten minutes at most',
      steps: [...capped, [1210, 1210, { delay: 300, until: 1510 }]],
    },
    {
      name: 'begin again if it ran and waited for more than ten minutes',
      steps: [
        ...capped,
        [1100, 1210, { delay: 300, until: 1400 }],
        [1100, 1211],
        [1211, 1212, { delay: 10, until: 1221 }],
      ],
    },
  ];
  for (const { name, maxMs = 300_000, steps } of rows)
    it(name, () => {
      const backoff = new RestartBackoff({ maxMs });
      for (const [finished, now, waits] of steps)
        assert.deepEqual(
          backoff.next('c', at(finished), at(now)),
          waits === undefined ? undefined : { delayMs: waits.delay * 1_000, until: at(waits.until) },
          `exited at ${String(finished)}, now ${String(now)}`,
        );
    });

  it('of one container do not hold up another', () => {
    const backoff = new RestartBackoff({ maxMs: 300_000 });
    assert.equal(backoff.next('c', at(0), at(0)), undefined);
    assert.equal(backoff.next('d', at(0), at(1)), undefined);
    assert.equal(backoff.next('c', at(0), at(1))?.delayMs, 10_000);
  });

  it('are held back until so long after the exit, never longer than the cap, and then let go', () => {
    const runs = fc.array(fc.nat({ max: 700 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(runs, fc.integer({ min: 1, max: 300 }), (seconds, cap) => {
        const backoff = new RestartBackoff({ maxMs: cap * 1_000 });
        let now = 0;
        for (const ran of seconds) {
          const finished = now + ran;
          now = finished;
          const held = backoff.next('c', at(finished), at(now));
          if (held === undefined) continue;
          assert.ok(held.delayMs <= cap * 1_000);
          assert.equal(held.until, at(finished) + held.delayMs);
          now = finished + held.delayMs / 1_000;
          assert.equal(backoff.next('c', at(finished), at(now)), undefined);
        }
      }),
    );
  });
});
