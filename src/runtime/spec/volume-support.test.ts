import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { VolumeMount } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { blockDevices } from './devices.ts';
import { canMountImages, checkImageVolumes } from './image-volume-support.ts';
import type { VolumeSource } from './mounts.ts';
import { volumeGroups } from './volume-groups.ts';

describe('image volumes', () => {
  const rows: [name: string, version: string, part: Partial<VolumeMount>, refused: RegExp | undefined][] = [
    [
      'containerd',
      '1.6.20~ds1',
      {},
      /^volume "v" is an image, which needs containerd 2.1 or later: the host has 1.6.20~ds1$/,
    ],
    ['containerd', 'v2.0.5', {}, /needs containerd 2.1/],
    ['containerd', 'v2.1.9', {}, undefined],
    [
      'containerd',
      'v2.1.9',
      { subPath: 'a' },
      /^volume "v" is an image mounted with subPath, which needs containerd 2.2/,
    ],
    ['containerd', 'v2.1.9', { subPathExpr: '$(A)' }, /needs containerd 2.2/],
    ['containerd', '2.2.0', { subPath: 'a' }, undefined],
    ['containerd', '10.0.0', {}, undefined],
    ['containerd', 'devel', {}, /needs containerd 2.1/],
    ['cri-o', '1.30.1', {}, /needs cri-o 1.31/],
    ['cri-o', '1.33.0', { subPath: 'a' }, undefined],
    ['other', '0.1', { subPath: 'a' }, undefined],
  ];
  for (const [name, version, part, refused] of rows)
    it(`on ${name} ${version}${Object.keys(part).join()} are ${refused === undefined ? 'mounted' : 'refused'}`, () => {
      const volumes = [{ name: 'v', image: { reference: 'i' } }];
      const container = { name: 'c', volumeMounts: [{ name: 'v', mountPath: '/v', ...part }] };
      const check = (): void => {
        checkImageVolumes(pod({ spec: { volumes } }), container, { name, version });
      };
      if (refused === undefined) assert.doesNotThrow(check);
      else assert.throws(check, { kind: 'unimplemented', message: refused });
    });

  it('are pulled only for runtimes that mount them', () => {
    assert.equal(canMountImages({ name: 'containerd', version: '1.7.2' }), false);
    assert.equal(canMountImages({ name: 'containerd', version: '2.1.0' }), true);
    assert.equal(canMountImages(undefined), true);
    checkImageVolumes(
      pod(),
      { name: 'c', volumeMounts: [{ name: 'e', mountPath: '/e', subPath: 'a' }] },
      { name: 'containerd', version: '1.6' },
    );
  });
});

describe('block volumes', () => {
  const volumes = new Map<string, VolumeSource>([
    ['d', { hostPath: '/l', readOnly: false, isDevice: true }],
    ['r', { hostPath: '/r', readOnly: true, isDevice: true }],
    ['f', { hostPath: '/f', readOnly: false }],
  ]);
  const devices = (name: string, devicePath: string): object[] =>
    blockDevices({ name: 'c', volumeDevices: [{ name, devicePath }] }, volumes);

  it('are devices of the container', () => {
    assert.deepEqual(devices('d', '/dev/x'), [
      { container_path: '/dev/x', host_path: '/l', permissions: 'mrw' },
    ]);
    assert.deepEqual(devices('r', '/dev/x'), [
      { container_path: '/dev/x', host_path: '/r', permissions: 'r' },
    ]);
    assert.throws(() => devices('d', 'x'), { message: 'error DevicePath `x` must be an absolute path' });
    for (const name of ['f', 'gone'])
      assert.throws(() => devices(name, '/dev/x'), {
        message: `cannot find volume "${name}" to pass into container "c"`,
      });
  });
});

describe('groups of volumes', () => {
  it('come once, and not if the pod has them', () => {
    const volumes = new Map<string, VolumeSource>(
      [7, 5, 7, undefined, 9].map((gid, index) => [`v${index}`, { hostPath: '', readOnly: false, gid }]),
    );
    assert.deepEqual(
      volumeGroups(pod({ spec: { securityContext: { supplementalGroups: [9] } } }), volumes),
      [5, 7],
    );
  });
});
