import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Container, Pod } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { spec } from '../../testing/pod-records.ts';
import { stopPrerequisites } from './stop-order.ts';

const sidecar = (name: string): Container => spec(name, { restartPolicy: 'Always' });
const of = (initContainers: Container[] | undefined, ...containers: string[]): Pod =>
  pod({
    spec: {
      containers: containers.map((name) => spec(name)),
      ...(initContainers === undefined ? {} : { initContainers }),
    },
  });

describe('who is stopped after whom', () => {
  const rows: { name: string; of: Pod; expect: Record<string, string[]> }[] = [
    { name: 'regular containers wait for nobody', of: of(undefined, 'a', 'b'), expect: {} },
    { name: 'init containers wait for nobody', of: of([spec('i')], 'a'), expect: {} },
    {
      name: 'a sidecar waits for all regular containers',
      of: of([sidecar('s')], 'a', 'b'),
      expect: { s: ['a', 'b'] },
    },
    {
      name: 'a sidecar waits for the next one too',
      of: of([sidecar('s1'), sidecar('s2'), sidecar('s3')], 'a'),
      expect: { s1: ['a', 's2'], s2: ['a', 's3'], s3: ['a'] },
    },
    {
      name: 'a sidecar does not wait for init containers between it and the next',
      of: of([spec('i1'), sidecar('s1'), spec('i2'), sidecar('s2'), spec('i3')], 'a'),
      expect: { s1: ['a', 's2'], s2: ['a'] },
    },
    {
      name: 'nobody waits for ephemeral containers, nor they for others',
      of: pod({
        spec: {
          initContainers: [sidecar('s')],
          containers: [spec('a')],
          ephemeralContainers: [spec('d')],
        },
      }),
      expect: { s: ['a'] },
    },
  ];
  for (const row of rows)
    it(row.name, () => {
      assert.deepEqual(Object.fromEntries(stopPrerequisites(row.of)), row.expect);
    });

  it('is always such that each sidecar ends before the earlier ones, and after all regular containers', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { maxLength: 6 }),
        fc.integer({ min: 1, max: 3 }),
        (kinds, count) => {
          const regular = Array.from({ length: count }, (_, index) => `c${String(index)}`);
          const init = kinds.map((isSidecar, index) => (isSidecar ? sidecar : spec)(`i${String(index)}`));
          const before = stopPrerequisites(of(init, ...regular));
          const stopped = [...regular];
          const sidecars = init.filter(({ restartPolicy }) => restartPolicy === 'Always').reverse();
          for (const { name } of sidecars) {
            const waitsFor = before.get(name) ?? [];
            assert.deepEqual(
              waitsFor.filter((other) => !stopped.includes(other)),
              [],
            );
            assert.ok(regular.every((other) => waitsFor.includes(other)));
            assert.ok(stopped.length === count || waitsFor.includes(stopped.at(-1) ?? ''));
            stopped.push(name);
          }
          assert.equal(before.size, sidecars.length);
        },
      ),
    );
  });
});
