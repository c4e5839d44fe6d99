import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { linesWith, mountinfoPath, mountsAtOrBelow, parseMountinfo } from './mountinfo.ts';

const table = `27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
48 27 254:0 /srv/a\\040b /pods/u/v rw shared:7 - ext4 /dev/vda ro
49 48 0:51 / /pods/u/v/deep rw - nfs4 10.0.0.1:/x rw,vers=4.2
50 27 0:52 / /pods/u2 rw - tmpfs tmpfs rw
`;

describe('mountinfo', () => {
  it('reads paths, devices, roots and types', () => {
    assert.deepEqual(parseMountinfo(table), [
      { path: '/', device: '254:0', root: '/', type: 'ext4' },
      { path: '/pods/u/v', device: '254:0', root: '/srv/a b', type: 'ext4' },
      { path: '/pods/u/v/deep', device: '0:51', root: '/', type: 'nfs4' },
      { path: '/pods/u2', device: '0:52', root: '/', type: 'tmpfs' },
    ]);
  });

  it('finds what lies below a path, deepest first', () => {
    assert.deepEqual(mountsAtOrBelow(parseMountinfo(table), '/pods/u'), ['/pods/u/v/deep', '/pods/u/v']);
    assert.deepEqual(mountsAtOrBelow(parseMountinfo(table), '/pods/u/v'), ['/pods/u/v/deep', '/pods/u/v']);
    assert.deepEqual(mountsAtOrBelow(parseMountinfo(table), '/elsewhere'), []);
  });

  it('knows how the kernel writes mount points', () => {
    assert.equal(mountinfoPath('/a b\\c\td\n'), '/a\\040b\\134c\\011d\\012');
  });

  const lines = table.trimEnd().split('\n');
  for (const [word, found] of [
    [' /pods/u/v', [1, 2]],
    [' /pods/u', [1, 2, 3]],
    [' / /', [0, 2, 3]],
    ['27', [0, 1, 3]],
    ['rw', [0, 1, 2, 3]],
    [' /elsewhere', []],
    ['4.2', [2]],
  ] as const)
    it(`has the lines ${found.join()} with "${word}"`, () => {
      const expected = found.map((at) => lines[at]).join('\n');
      assert.equal(linesWith(Buffer.from(table), word), expected);
      assert.equal(linesWith(Buffer.from(table.trimEnd()), word), expected);
    });
});
