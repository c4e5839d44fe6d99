import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pod } from '../../testing/fixtures.ts';
import { nestedMountPoints } from './nested-mounts.ts';

const points = (...mounts: [name: string, mountPath: string][]): string[] =>
  nestedMountPoints(
    pod({
      spec: {
        containers: [{ name: 'c', volumeMounts: mounts.map(([name, mountPath]) => ({ name, mountPath })) }],
      },
    }),
    'v',
  );

describe('mount points in a volume', () => {
  const rows: [name: string, mounts: [string, string][], expected: string[]][] = [
    [
      'none',
      [
        ['v', '/a'],
        ['x', '/b'],
      ],
      [],
    ],
    [
      'one below',
      [
        ['v', '/a/'],
        ['x', '/a/b/c'],
      ],
      ['b/c'],
    ],
    [
      'only the outer of two',
      [
        ['v', '/a'],
        ['x', '/a/b'],
        ['y', '/a/b/c'],
      ],
      ['b'],
    ],
    [
      'names that begin alike',
      [
        ['v', '/a'],
        ['x', '/a/n'],
        ['y', '/a/n-vol'],
        ['z', '/a/n/d'],
        ['w', '/ab'],
      ],
      ['n', 'n-vol'],
    ],
    [
      'the same volume in itself',
      [
        ['v', '/a'],
        ['v', '/a/./s//t'],
      ],
      ['s/t'],
    ],
  ];
  for (const [name, mounts, expected] of rows)
    it(`are ${name}`, () => {
      assert.deepEqual(points(...mounts), expected);
    });

  it('do not lead out of a container', () => {
    assert.throws(() => points(['v', '../x']), { message: 'invalid container mount point ../x' });
  });
});
