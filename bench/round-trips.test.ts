import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RoundTrips } from './round-trips.ts';

describe('sequential round trips', () => {
  /** A link on which whatever is sent takes one unit of time, and an answer leaves when a request arrives. */
  function link(): { readonly ask: (at: number) => void; readonly run: () => number } {
    const trips = new RoundTrips();
    const due: { readonly at: number; readonly arrive: () => void }[] = [];
    const later = (at: number, arrive: () => void): void => {
      due.push({ at, arrive });
    };
    return {
      ask: (at) => {
        later(at, () => {
          const arrivesThere = trips.sendThere();
          later(at + 1, () => {
            arrivesThere();
            const arrivesBack = trips.sendBack();
            later(at + 2, arrivesBack);
          });
        });
      },
      run: () => {
        for (let next = due.shift(); next !== undefined; next = due.shift()) {
          next.arrive();
          due.sort((a, b) => a.at - b.at);
        }
        return trips.count;
      },
    };
  }

  const rows: { readonly name: string; readonly asked: readonly number[]; readonly count: number }[] = [
    { name: 'nothing', asked: [], count: 0 },
    { name: 'a question', asked: [0], count: 1 },
    { name: 'questions that go together', asked: [0, 0, 0.5, 1.9], count: 1 },
    { name: 'each after the answer to the last', asked: [0, 2.1, 4.2], count: 3 },
    { name: 'two chains side by side', asked: [0, 1, 2.1, 3.1, 4.2, 5.2], count: 3 },
  ];
  for (const { name, asked, count } of rows)
    it(name, () => {
      const { ask, run } = link();
      for (const at of asked) ask(at);
      assert.equal(run(), count);
    });

  it('are not made by what goes one way alone', () => {
    const trips = new RoundTrips();
    for (let at = 0; at < 3; at += 1) trips.sendBack()();
    for (let at = 0; at < 3; at += 1) trips.sendThere()();
    assert.equal(trips.count, 0);
  });
});
