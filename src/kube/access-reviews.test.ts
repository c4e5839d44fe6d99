import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeError } from '../model/errors.ts';
import { settle } from '../testing/fixtures.ts';
import { AccessReviews, type ReviewKind } from './access-reviews.ts';

const GOOD = 'good';
const what = { verb: 'get', version: 'v1', resource: 'nodes', subresource: 'log', name: 'n' };

function setUp({ isHeld = false, denyTtlMs = 60_000 } = {}) {
  const asked: { spec: { token?: string; user?: string }; signal: AbortSignal | undefined }[] = [];
  const held = Promise.withResolvers<undefined>();
  const refused: ReviewKind[] = [];
  const reviews = new AccessReviews({
    client: {
      create: async <T>(
        _path: string,
        body: object,
        { signal }: { signal?: AbortSignal } = {},
      ): Promise<T> => {
        const { spec } = body as { spec: { token?: string; user?: string } };
        asked.push({ spec, signal });
        if (isHeld) await held.promise;
        const status =
          spec.token === undefined
            ? { allowed: spec.user === 'admin' }
            : spec.token.startsWith(GOOD)
              ? { authenticated: true, user: { username: spec.token, groups: ['g'] } }
              : { user: {} };
        return { status } as T;
      },
    },
    tokenTtlMs: 60_000,
    allowTtlMs: 60_000,
    denyTtlMs,
    onRefused: (kind) => refused.push(kind),
  });
  const { signal } = new AbortController();
  return {
    reviews,
    asked,
    refused,
    answer: () => {
      held.resolve(undefined);
    },
    signal,
  };
}

describe('who a token is', () => {
  it('is asked once for all who come with it at once, and remembered', async () => {
    const { reviews, asked, answer, signal } = setUp({ isHeld: true });
    const all = Array.from({ length: 50 }, () => reviews.identify(GOOD, { signal }));
    answer();
    assert.deepEqual(new Set((await Promise.all(all)).map((who) => who?.user)), new Set([GOOD]));
    await reviews.identify(GOOD, { signal });
    assert.equal(asked.length, 1);
  });

  it('is remembered however many unknown tokens come', async () => {
    const { reviews, asked, signal } = setUp();
    await reviews.identify(GOOD, { signal });
    for (let index = 0; index < 5_000; index += 1) await reviews.identify(`junk-${index}`, { signal });
    const before = asked.length;
    assert.equal((await reviews.identify(GOOD, { signal }))?.user, GOOD);
    assert.equal(asked.length, before);
  });

  it('is asked of few at a time, and refused when too many wait', async () => {
    const { reviews, asked, refused, answer, signal } = setUp({ isHeld: true });
    const all = Array.from({ length: 400 }, (_, index) =>
      reviews.identify(`junk-${index}`, { signal }).then(
        () => 'answered',
        (error: unknown) => `${(error as KubeError).kind} ${(error as KubeError).status}`,
      ),
    );
    await settle();
    assert.equal(asked.length, 4);
    assert.equal(reviews.waiting('token'), 128);
    // what known users may do waits behind none of them
    const verdict = reviews.isAllowed({ user: 'admin', groups: [] }, what, { signal });
    await settle();
    assert.equal(asked.length, 5);
    answer();
    assert.equal(await verdict, true);
    const outcomes = await Promise.all(all);
    assert.equal(outcomes.filter((outcome) => outcome === 'answered').length, 132);
    assert.equal(outcomes.filter((outcome) => outcome === 'resource-exhausted 429').length, 268);
    assert.equal(refused.length, 268);
  });

  it('is nobody for one that is longer than any', async () => {
    const { reviews, asked, signal } = setUp();
    assert.equal(await reviews.identify('x'.repeat(16 * 1024 + 1), { signal }), undefined);
    assert.equal(asked.length, 0);
  });

  it('is asked on while one of those who asked stays, and no longer', async () => {
    const { reviews, asked, answer, signal } = setUp({ isHeld: true });
    const leaves = new AbortController();
    const left = reviews.identify(GOOD, { signal: leaves.signal });
    const stays = reviews.identify(GOOD, { signal });
    leaves.abort(new Error('gone'));
    await assert.rejects(left, { message: 'gone' });
    assert.equal(asked[0]?.signal?.aborted, false);
    answer();
    assert.equal((await stays)?.user, GOOD);
    const alone = new AbortController();
    const other = setUp({ isHeld: true });
    const last = other.reviews.identify('other', { signal: alone.signal });
    await settle();
    alone.abort(new Error('gone'));
    await assert.rejects(last, { message: 'gone' });
    await settle();
    assert.equal(other.asked[0]?.signal?.aborted, true);
  });
});

describe('what someone may do', () => {
  it('is remembered, a no as well', async () => {
    const { reviews, asked, signal } = setUp();
    for (const user of ['admin', 'guest', 'admin', 'guest'])
      assert.equal(await reviews.isAllowed({ user, groups: [] }, what, { signal }), user === 'admin');
    assert.equal(asked.length, 2);
  });
});
