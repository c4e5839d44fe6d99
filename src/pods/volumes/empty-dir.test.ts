import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { emptyDirOps, memorySize } from './empty-dir.ts';

const MiB = 1024 * 1024;
const limited = (...limits: (string | undefined)[]): Pod['spec']['containers'] =>
  limits.map((memory, index) => ({
    name: `c${index}`,
    resources: memory === undefined ? {} : { limits: { memory } },
  }));
const asking = (...sizes: string[]): Pod =>
  pod({
    spec: {
      containers: sizes.map((size, index) => ({
        name: `c${index}`,
        resources: { requests: { [`hugepages-${size}`]: '4Mi', cpu: '1' } },
      })),
    },
  });
const ops = (subject: Pod, medium: string, sizeLimit?: string): unknown[] =>
  emptyDirOps({ pod: subject, path: '/v', medium, sizeLimit, nodeMemoryBytes: 1024 * MiB });

describe('emptyDir', () => {
  const sizes: [name: string, spec: Partial<Pod['spec']>, sizeLimit: string | undefined, mib: number][] = [
    ['the node has no more', {}, undefined, 1024],
    ['the volume is limited', {}, '10Mi', 10],
    ['the pod is limited', { containers: limited('64Mi', '32Mi') }, '1Gi', 96],
    ['one container is not limited', { containers: limited('64Mi', undefined) }, undefined, 1024],
    [
      'an init container is not limited',
      { containers: limited('64Mi'), initContainers: limited(undefined) },
      undefined,
      1024,
    ],
    [
      'the pod as a whole is limited',
      { containers: limited(undefined), resources: { limits: { memory: '20Mi' } } },
      undefined,
      20,
    ],
    ['overhead comes on top', { containers: limited('64Mi'), overhead: { memory: '6Mi' } }, undefined, 70],
    ['the pod may have more than the node', { containers: limited('2Gi') }, undefined, 1024],
  ];
  for (const [name, spec, sizeLimit, mib] of sizes)
    it(`is as large as can be in memory: ${name}`, () => {
      assert.equal(memorySize(pod({ spec }), sizeLimit, 1024 * MiB), mib * MiB);
    });

  it('is a folder for all, kept as it is found', () => {
    assert.deepEqual(ops(pod(), ''), [{ op: 'mkdir', path: '/v', mode: 0o777, keep: true }]);
  });

  it('belongs to the group of the pod', () => {
    const grouped = pod({ spec: { securityContext: { fsGroup: 7 } } });
    assert.deepEqual(ops(grouped, 'Memory', '1Mi'), [
      { op: 'mkdir', path: '/v', mode: 0o2777, keep: true, uid: 0, gid: 7 },
      { op: 'mount-tmpfs', path: '/v', mode: 0o3777, sizeBytes: MiB, gid: 7 },
    ]);
  });

  const pages: [medium: string, of: Pod, expected: string | RegExp][] = [
    ['HugePages', asking('2Mi'), 'pagesize=2Mi'],
    ['HugePages', asking('2Mi', '2Mi'), 'pagesize=2Mi'],
    ['HugePages-1Gi', asking('2Mi', '1Gi'), 'pagesize=1Gi'],
    [
      'HugePages',
      asking('2Mi', '1Gi'),
      /^medium: HugePages can't be used if container requests multiple huge page sizes$/,
    ],
    [
      'HugePages-1Gi',
      asking('2Mi'),
      /^medium HugePages-1Gi: hugePages storage requested, but there is no resource request for huge pages$/,
    ],
    ['HugePages', pod(), /^medium HugePages: hugePages storage requested, but there is no resource request/],
    ['Disk', pod(), /^unknown storage medium "Disk"$/],
  ];
  for (const [medium, subject, expected] of pages)
    it(`on ${medium} is ${String(expected)}`, () => {
      if (typeof expected !== 'string') assert.throws(() => ops(subject, medium), { message: expected });
      else
        assert.deepEqual(ops(subject, medium)[1], {
          op: 'mount',
          type: 'hugetlbfs',
          source: 'nodev',
          path: '/v',
          options: [expected],
        });
    });
});
