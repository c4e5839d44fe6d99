import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeError } from '../model/errors.ts';
import type { Pod } from '../model/kube.ts';
import { pod } from '../testing/fixtures.ts';
import { TOO_LARGE } from './body.ts';
import type { RequestOptions } from './client.ts';
import { listAll } from './list.ts';

const tooLarge = new KubeError('resource-exhausted', 'too long', { status: 0, reason: TOO_LARGE });
const named = (index: number): Pod => pod({ metadata: { name: `p${index}`, uid: `u${index}` } });

/** A server with so many pods, of which so many fit into an answer. */
function list(count: number, { fits = Infinity, fieldSelector = undefined as string | undefined } = {}) {
  const limits: number[] = [];
  const client = {
    get: <T>(_path: string, { query = {} }: RequestOptions = {}): Promise<T> => {
      const limit = Number(query.limit);
      limits.push(limit);
      const from = Number(query.continue ?? 0);
      const to = Math.min(count, from + limit);
      if (to - from > fits) return Promise.reject(tooLarge);
      const items = Array.from({ length: to - from }, (_, index) => named(from + index));
      const metadata = { resourceVersion: '7', continue: to < count ? String(to) : '' };
      return Promise.resolve({ metadata, items } as T);
    },
  };
  const { signal } = new AbortController();
  return { limits, listed: listAll<Pod>(client, { path: '/api/v1/pods', fieldSelector, signal }) };
}

describe('a list', () => {
  const rows: [name: string, count: number, fits: number, firstLimits: number[]][] = [
    ['of none', 0, Infinity, [200]],
    ['of one page', 200, Infinity, [200]],
    ['of several pages', 450, Infinity, [200, 200, 200]],
    // 1.5 MB each: no more than ten are an answer that may be
    ['of large objects', 500, 10, [200, 25, 3, 3]],
    ['of objects of which one fills an answer', 5, 1, [200, 25, 3, 1, 1]],
  ];
  for (const [name, count, fits, firstLimits] of rows)
    it(name, async () => {
      const { limits, listed } = list(count, { fits });
      const { items, version } = await listed;
      assert.deepEqual(
        items.map(({ metadata }) => metadata.uid),
        Array.from({ length: count }, (_, index) => `u${index}`),
      );
      assert.equal(version, '7');
      assert.deepEqual(limits.slice(0, firstLimits.length), firstLimits);
    });

  it('of which one object is more than an answer may be fails', async () => {
    await assert.rejects(list(5, { fits: 0 }).listed, tooLarge);
  });

  it('that has others than were asked for fails', async () => {
    await assert.rejects(
      list(5, { fieldSelector: 'spec.nodeName=other' }).listed,
      /not of spec.nodeName=other/,
    );
    assert.equal((await list(5, { fieldSelector: 'spec.nodeName=edge-1' }).listed).items.length, 5);
  });

  const endless: [name: string, metadata: object, items: Pod[]][] = [
    ['the same page for ever', { resourceVersion: '7', continue: 'x' }, [named(1)]],
    ['empty pages for ever', { resourceVersion: '7', continue: 'x' }, []],
    ['no version', {}, []],
  ];
  for (const [name, metadata, items] of endless)
    it(`with ${name} fails`, async () => {
      const client = { get: <T>(): Promise<T> => Promise.resolve({ metadata, items } as T) };
      const { signal } = new AbortController();
      await assert.rejects(listAll<Pod>(client, { path: '/api/v1/pods', fieldSelector: undefined, signal }), {
        kind: 'unavailable',
      });
    });
});
