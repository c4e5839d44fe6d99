import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../model/kube.ts';
import { PodTable } from './pod-table.ts';

const pod = (uid: string, creationTimestamp?: string): Pod => ({
  metadata: {
    name: 'web',
    namespace: 'default',
    uid,
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
  },
  spec: { containers: [{ name: 'c' }] },
});

describe('PodTable.find: of two pods of one name', () => {
  for (const { name, pods, expect } of [
    {
      name: 'the newer one, whichever came first',
      pods: [pod('new', '2026-01-01T00:00:02Z'), pod('old', '2026-01-01T00:00:01Z')],
      expect: 'new',
    },
    {
      name: 'the one that came later, if both are of one second',
      pods: [pod('first', '2026-01-01T00:00:01Z'), pod('second', '2026-01-01T00:00:01Z')],
      expect: 'second',
    },
    {
      name: 'the one that came later, if neither has a time',
      pods: [pod('first'), pod('second')],
      expect: 'second',
    },
  ])
    it(name, () => {
      const table = new PodTable();
      for (const each of pods) table.set(each);
      assert.equal(table.find('default', 'web')?.metadata.uid, expect);
    });

  it('is not misled by a later update of the older one', () => {
    const table = new PodTable();
    const old = pod('old', '2026-01-01T00:00:01Z');
    table.set(old);
    table.set(pod('new', '2026-01-01T00:00:01Z'));
    table.set(old);
    assert.equal(table.find('default', 'web')?.metadata.uid, 'new');
  });
});
