import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { isToBeDrained, isToBeReplaced, lostStatus } from './lost-pods.ts';

const daemon = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'd', uid: 'd', controller: true };
const tolerating = (toleration: object): Pod => pod({ spec: { containers: [], tolerations: [toleration] } });

describe('isToBeReplaced', () => {
  const rows: [string, Pod, number, boolean][] = [
    ['after the time', pod(), 300_000, true],
    ['not before', pod(), 299_999, false],
    ['not one that is over', pod({ status: { phase: 'Failed' } }), 300_000, false],
    ['not twice', pod({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }), 300_000, false],
    ['not one that stays on unreachable nodes', tolerating({ operator: 'Exists' }), 300_000, false],
    [
      'not a DaemonSet’s',
      tolerating({ key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' }),
      300_000,
      false,
    ],
    [
      'one that stays for a while, as most are made',
      tolerating({ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', tolerationSeconds: 300 }),
      300_000,
      true,
    ],
    ['one that tolerates something else', tolerating({ key: 'gpu', operator: 'Exists' }), 300_000, true],
  ];
  for (const [name, subject, lostMs, expect] of rows)
    it(name, () => {
      assert.equal(isToBeReplaced(subject, { lostMs, timeoutMs: 300_000 }), expect);
    });
});

describe('isToBeDrained', () => {
  const rows: [string, Pod, boolean][] = [
    ['a plain pod', pod(), true],
    ['not a DaemonSet’s', pod({ metadata: { ownerReferences: [daemon] } }), false],
    ['not one that is over', pod({ status: { phase: 'Succeeded' } }), false],
    ['not one that leaves', pod({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }), false],
  ];
  for (const [name, subject, expect] of rows)
    it(name, () => {
      assert.equal(isToBeDrained(subject), expect);
    });
});

describe('lostStatus', () => {
  it('says only that the pod is not ready', () => {
    const status = {
      phase: 'Running',
      conditions: [
        { type: 'Initialized', status: 'True' },
        { type: 'Ready', status: 'True', lastTransitionTime: 'before' },
      ],
    };
    assert.deepEqual(lostStatus(status, { message: 'gone', now: 'now' }), {
      phase: 'Running',
      conditions: [
        { type: 'Initialized', status: 'True' },
        { type: 'Ready', status: 'False', reason: 'HostLost', message: 'gone', lastTransitionTime: 'now' },
      ],
    });
  });
});
