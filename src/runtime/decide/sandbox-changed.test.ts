import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ObservedSandbox } from '../../model/runtime-state.ts';
import { pod, sandbox } from '../../testing/fixtures.ts';
import { holding } from '../../testing/pod-records.ts';
import { sandboxVerdict } from './sandbox-changed.ts';

const older = sandbox({ id: 's0', attempt: 0 });
const newest = (change: Partial<ObservedSandbox> = {}): ObservedSandbox =>
  sandbox({ id: 's1', attempt: 1, ...change });

describe('a sandbox', () => {
  const rows: {
    name: string;
    hostNetwork?: true;
    sandboxes: ObservedSandbox[];
    expect: [verdict: 'serves' | 'another is needed', attempt: number, id?: string];
  }[] = [
    { name: 'is needed where there is none', sandboxes: [], expect: ['another is needed', 0] },
    { name: 'that is ready serves', sandboxes: [newest()], expect: ['serves', 1, 's1'] },
    {
      name: 'that is not ready is replaced',
      sandboxes: [newest({ ready: false })],
      expect: ['another is needed', 2, 's1'],
    },
    {
      name: 'that is ready serves beside older ones that are not',
      sandboxes: [newest(), sandbox({ ...older, ready: false })],
      expect: ['serves', 1, 's1'],
    },
    {
      name: 'is replaced with the other one where two are ready',
      sandboxes: [newest(), older],
      expect: ['another is needed', 2, 's1'],
    },
    {
      name: 'that is older does not serve in place of the newest',
      sandboxes: [newest({ ready: false }), older],
      expect: ['another is needed', 2, 's1'],
    },
    {
      name: 'has the next attempt after the newest, however many there are',
      sandboxes: [newest({ attempt: 7, ready: false })],
      expect: ['another is needed', 8, 's1'],
    },
    {
      name: 'with a network of its own is not used again by a pod on the host network',
      hostNetwork: true,
      sandboxes: [newest()],
      expect: ['another is needed', 2],
    },
    {
      name: 'on the host network is not used again by a pod with a network of its own',
      sandboxes: [newest({ hostNetwork: true })],
      expect: ['another is needed', 2],
    },
    {
      name: 'that is not ready is named, even if its network is another too',
      hostNetwork: true,
      sandboxes: [newest({ ready: false })],
      expect: ['another is needed', 2, 's1'],
    },
    {
      name: 'without an address is replaced',
      sandboxes: [newest({ ips: [], lacksAddress: true })],
      expect: ['another is needed', 2, 's1'],
    },
    {
      name: 'of whose network the runtime tells nothing that can be used serves',
      sandboxes: [newest({ ips: [] })],
      expect: ['serves', 1, 's1'],
    },
    {
      name: 'on the host network needs no address',
      hostNetwork: true,
      sandboxes: [newest({ hostNetwork: true, ips: [], lacksAddress: true })],
      expect: ['serves', 1, 's1'],
    },
  ];
  for (const { name, hostNetwork, sandboxes, expect } of rows)
    it(name, () => {
      const subject = pod({ spec: hostNetwork === undefined ? {} : { hostNetwork } });
      const {
        changed,
        attempt,
        sandbox: used,
      } = sandboxVerdict(subject, holding(subject, {}, { sandboxes }));
      const [verdict, ...rest] = expect;
      assert.equal(changed ? 'another is needed' : 'serves', verdict);
      assert.deepEqual([attempt, ...(used === undefined ? [] : [used.id])], rest);
    });
});
