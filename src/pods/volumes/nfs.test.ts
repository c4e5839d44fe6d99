import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { joinMountOptions, persistentMountOptions } from './mount-options.ts';
import { nfsOps, type NfsInput } from './nfs.ts';

const base: NfsInput = {
  server: 'nfs.example',
  exportPath: '/e',
  readOnly: false,
  mountOptions: [],
  path: '/v',
};

describe('nfs', () => {
  const rows: [name: string, change: Partial<NfsInput>, source: string, options: string[]][] = [
    ['by name', {}, 'nfs.example:/e', []],
    ['by an IPv6 address', { server: 'fd00::1' }, '[fd00::1]:/e', []],
    ['read-only', { readOnly: true }, 'nfs.example:/e', ['ro']],
    [
      'with options, each once and sorted',
      { readOnly: true, mountOptions: ['soft', 'nfsvers=4.2', '', 'ro'] },
      'nfs.example:/e',
      ['nfsvers=4.2', 'ro', 'soft'],
    ],
  ];
  for (const [name, change, source, options] of rows)
    it(`is mounted ${name}`, () => {
      assert.deepEqual(nfsOps({ ...base, ...change }), [
        { op: 'mkdir', path: '/v', mode: 0o750, keep: true },
        { op: 'mount', type: 'nfs', source, path: '/v', options },
      ]);
    });
});

describe('mount options', () => {
  it('come from the annotation before the field', () => {
    const spec = { mountOptions: ['a', 'b'] };
    assert.deepEqual(persistentMountOptions({ spec }), ['a', 'b']);
    assert.deepEqual(persistentMountOptions({}), []);
    const annotations = { 'volume.beta.kubernetes.io/mount-options': 'x,y' };
    assert.deepEqual(persistentMountOptions({ metadata: { annotations }, spec }), ['x', 'y']);
    assert.deepEqual(joinMountOptions(['b', 'a', 'b', ''], ['a']), ['a', 'b']);
  });
});
