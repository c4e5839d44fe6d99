import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodSandboxStatus__Output } from '../../hosts/cri/generated/runtime/v1/PodSandboxStatus.ts';
import { sandboxStatus } from '../../testing/fake-host.ts';
import { observedSandbox } from './observe.ts';

describe('the addresses of a sandbox', () => {
  const rows: { name: string; change: object; ips: string[]; lacksAddress: boolean }[] = [
    { name: 'are the first and the others', change: {}, ips: ['10.0.0.2', 'fd00::2'], lacksAddress: false },
    {
      name: 'lack if the first is empty',
      change: { network: { ip: '', additional_ips: [] } },
      ips: [],
      lacksAddress: true,
    },
    {
      name: 'are doubtful if one is none, but do not lack',
      change: { network: { ip: '10.0.0.2', additional_ips: [{ ip: 'x' }] } },
      ips: [],
      lacksAddress: false,
    },
    {
      name: 'are not told if there is no word of its network, but do not lack',
      change: { network: null },
      ips: [],
      lacksAddress: false,
    },
    {
      name: "are not its own on the host's network",
      change: { linux: { namespaces: { options: { network: 'NODE' } } } },
      ips: [],
      lacksAddress: false,
    },
  ];
  for (const { name, change, ips, lacksAddress } of rows)
    it(name, () => {
      const status = { ...sandboxStatus(['10.0.0.2', 'fd00::2']), ...change } as PodSandboxStatus__Output;
      const seen = observedSandbox(status);
      assert.deepEqual([seen.ips, seen.lacksAddress], [ips, lacksAddress]);
    });
});
