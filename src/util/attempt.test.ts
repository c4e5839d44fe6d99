import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../testing/fixtures.ts';
import { attempt, type Attempt, type EndAttempt } from './attempt.ts';

function begun(begin?: (attempt: Attempt<string>) => EndAttempt | undefined): {
  outcome: Promise<string>;
  given: Attempt<string>;
  abort: AbortController;
  clock: FakeClock;
  ends: boolean[];
} {
  const clock = new FakeClock();
  const abort = new AbortController();
  const ends: boolean[] = [];
  let given: Attempt<string> | undefined;
  const outcome = attempt<string>({ signal: abort.signal, limit: { clock, ms: 15_000 } }, (made) => {
    given = made;
    begin?.(made);
    return ({ isFailure }) => ends.push(isFailure);
  });
  assert.ok(given);
  return { outcome, given, abort, clock, ends };
}

describe('an attempt', () => {
  it('settles once, with what comes first', async () => {
    const { outcome, given, ends } = begun();
    assert.equal(given.succeed('first'), true);
    assert.deepEqual(ends, [false], 'what it listens to is let go of at that moment');
    given.fail(new Error('late'));
    assert.equal(given.succeed('second'), false);
    assert.equal(await outcome, 'first');
    assert.deepEqual(ends, [false]);
  });

  it('fails with the error it was given', async () => {
    const { outcome, given, ends } = begun();
    given.fail(new Error('refused'));
    assert.deepEqual(ends, [true]);
    await assert.rejects(outcome, /^Error: refused$/);
  });

  it('fails after its limit, and its timer ends with it', async () => {
    const slow = begun();
    await Promise.all([
      assert.rejects(slow.outcome, /^Error: no answer within 15s$/),
      slow.clock.advance(15_000),
    ]);
    assert.deepEqual(slow.ends, [true]);
    const quick = begun();
    quick.given.succeed('there');
    await quick.clock.advance(15_000);
    assert.deepEqual(quick.ends, [false]);
    assert.equal(await quick.outcome, 'there');
  });

  it("ends with the signal's reason, also where that has aborted before", async () => {
    const { outcome, abort, given, ends } = begun();
    abort.abort(new Error('closed'));
    await assert.rejects(outcome, /^Error: closed$/);
    assert.equal(given.succeed('late'), false);
    assert.deepEqual(ends, [true]);
    const before = attempt(
      { signal: abort.signal },
      () =>
        ({ isFailure }) =>
          ends.push(isFailure),
    );
    await assert.rejects(before, /^Error: closed$/);
    assert.deepEqual(ends, [true, true]);
  });

  it('may end while it begins', async () => {
    const { outcome, ends } = begun(({ succeed }) => {
      succeed('at once');
      return undefined;
    });
    assert.deepEqual(ends, [false]);
    assert.equal(await outcome, 'at once');
  });

  it('fails with what beginning it throws', async () => {
    const outcome = attempt({ signal: new AbortController().signal }, () => {
      throw new Error('not connected');
    });
    await assert.rejects(outcome, /^Error: not connected$/);
  });
});
