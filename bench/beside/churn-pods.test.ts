import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../src/model/kube.ts';
import { CHURN, ChurnPods, TURN } from './churn-pods.ts';

const pod = (
  uid: string,
  turn: number,
  isReady: boolean,
  labels: Record<string, string> = { [CHURN]: 'a' },
): Pod => ({
  metadata: { name: uid, namespace: 'default', uid, labels, annotations: { [TURN]: String(turn) } },
  spec: { containers: [] },
  status: { conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
});

describe('a rollover', () => {
  it('is over when all pods are new and Ready, and the old ones are gone', () => {
    const pods = new ChurnPods();
    pods.take({ type: 'reset', items: [pod('old', 0, true), pod('other', 0, true, {})] });
    assert.equal(pods.isAt(0, 1), true);
    pods.take({ type: 'upsert', object: pod('new', 1, false) });
    assert.equal(pods.isAt(1, 1), false);
    pods.take({ type: 'upsert', object: pod('new', 1, true) });
    assert.equal(pods.isAt(1, 1), false, 'the old one is still there');
    pods.take({ type: 'delete', object: pod('old', 0, true) });
    assert.equal(pods.isAt(1, 1), true);
    assert.equal(pods.isAt(1, 2), false);
  });

  it('is waited for, but not for ever', async () => {
    const pods = new ChurnPods();
    const waiting = pods.at(1, { count: 1, withinMs: 10_000 });
    pods.take({ type: 'upsert', object: pod('new', 1, true) });
    assert.ok((await waiting) <= performance.now());
    await assert.rejects(pods.at(2, { count: 1, withinMs: 1 }), /there are 1 pods, not 1 Ready ones/);
  });
});
