import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nodeLimits } from './node-limits.ts';

const GIB = 2n ** 30n;
const capacity = { cpu: '4', memory: '8Gi', 'hugepages-2Mi': '64Mi' };

describe('what all pods together may use', () => {
  const rows: [name: string, reserved: [milliCpu: bigint, memory: bigint], expect: [number, number]][] = [
    ['is all there is, where nothing is reserved', [0n, 0n], [4096, Number(8n * GIB)]],
    ['is less what is reserved', [1500n, 3n * GIB], [2560, Number(5n * GIB)]],
    ['is never below nothing', [9000n, 9n * GIB], [2, 0]],
  ];
  for (const [name, [milliCpu, memoryBytes], [cpuShares, bytes]] of rows)
    it(name, () => {
      const limits = nodeLimits(capacity, { milliCpu, memoryBytes });
      assert.deepEqual([limits.cpuShares, limits.memoryBytes], [cpuShares, bytes]);
    });
});
