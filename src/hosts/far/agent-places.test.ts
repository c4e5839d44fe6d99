import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pace } from '../link/host-request.ts';
import { placeFor, type Worker } from './agent-places.ts';

const NOW = 10_000;
/** `brief:3` has three requests, `brief:3:2500` no answer for so many milliseconds; `idle` has none. */
function worker(text: string): Worker & { text: string } {
  const [pace = '', load = '0', still = '0'] = text.split(':');
  return {
    text,
    pace: pace === 'idle' ? 'quick' : (pace as Pace),
    load: Number(load),
    movedAt: NOW - Number(still),
  };
}

const full = 'brief:1 slow:1 slow:1 risky:1 hangs:1';
/** pace; agents; where it goes (– waits); + if another agent would be of use */
const cases: [pace: Pace, agents: string, place: string][] = [
  ['quick', '', '–+'],
  ['quick', 'idle', 'idle'],
  ['quick', 'idle quick:3', 'quick:3'],
  ['quick', 'quick:4 quick:3', 'quick:3'],
  ['quick', 'quick:32', '–+'],
  ['quick', 'slow:1', '–+'],
  ['bulk', 'idle', 'idle'],
  ['bulk', 'idle bulk:1', 'idle'],
  ['bulk', 'bulk:1', 'bulk:1+'],
  ['bulk', 'bulk:2 bulk:1 idle', 'bulk:1+'],
  ['bulk', 'quick:1', '–+'],
  ['brief', '', '–+'],
  ['brief', 'idle brief:1', 'idle'],
  ['brief', 'brief:2 brief:1 quick:1', 'brief:1+'],
  ['brief', 'quick:1 slow:1', '–+'],
  ['brief', 'brief:8', '–+'],
  ['brief', 'brief:1:2500 brief:3:500', 'brief:3:500+'],
  ['brief', 'brief:1:2500', '–+'],
  ['brief', full, 'brief:1'],
  ['brief', `${full} idle`, 'brief:1'],
  ['slow', 'slow:1 idle', 'idle'],
  ['slow', 'slow:1 brief:1', '–+'],
  ['slow', `${full} idle`, '–'],
  ['risky', 'idle risky:1', 'idle'],
  ['risky', 'idle risky:1 risky:1', '–'],
  ['hangs', 'idle risky:1 risky:1 hangs:1', 'idle'],
];

describe('a request that is', () => {
  for (const [pace, agents, expected] of cases)
    it(`${pace} with ${agents === '' ? 'no agent' : agents}: ${expected}`, () => {
      const workers = agents === '' ? [] : agents.split(' ').map(worker);
      const crew = { workers, opening: 0, mayOpen: workers.length < 6, now: NOW };
      const place = placeFor(pace, crew, { mayShare: true });
      assert.equal(`${place.worker?.text ?? '–'}${place.wantsMore ? '+' : ''}`, expected);
    });

  it('brief goes behind no other while something else waits for an agent', () => {
    const crew = { workers: [worker('brief:1')], opening: 0, mayOpen: false, now: NOW };
    assert.equal(placeFor('brief', crew, { mayShare: false }).worker, undefined);
    assert.equal(placeFor('brief', crew, { mayShare: true }).worker?.text, 'brief:1');
  });

  it('risky or hangs and waits for its like is no reason to wait for others', () => {
    const crew = { workers: ['risky:1', 'idle'].map(worker), opening: 0, mayOpen: false, now: NOW };
    assert.equal(placeFor('risky', crew, { mayShare: true }).isEnough, true);
    assert.equal(placeFor('slow', crew, { mayShare: true }).isEnough, false);
  });

  for (const pace of ['quick', 'bulk', 'brief', 'slow', 'risky', 'hangs'] as const)
    it(`${pace} has the only agent that a host lets be`, () => {
      const crew = { workers: [worker('idle')], opening: 0, mayOpen: false, now: NOW };
      assert.equal(placeFor(pace, crew, { mayShare: true }).worker?.text, 'idle');
    });
});
