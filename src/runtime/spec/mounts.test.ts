import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { VolumeMount } from '../../model/kube.ts';
import { containerMounts, type MountsInput, subPathMounts } from './mounts.ts';

const input: MountsInput = {
  volumes: new Map([
    ['e', { hostPath: '/v/e', readOnly: false, managed: true }],
    ['cm', { hostPath: '/v/cm', readOnly: true }],
  ]),
  imageVolumes: new Map([['img', { image: 'sha256:aa' }]]),
  env: [
    { name: 'A', value: 'x' },
    { name: 'EMPTY', value: '' },
  ],
  subPaths: new Map(),
  hostsFile: '/p/etc-hosts',
  terminationLog: '/p/log',
  recursiveReadOnly: false,
  selinux: false,
};

function mounts(volumeMounts: VolumeMount[], change: Partial<MountsInput> = {}) {
  const container = { name: 'c', terminationMessagePath: '/dev/termination-log', volumeMounts };
  return containerMounts(container, { ...input, ...change });
}

describe('mounts', () => {
  it('come in the order of the spec, then hosts, then the termination log', () => {
    const made = mounts([
      { name: 'cm', mountPath: 'etc/cm' },
      { name: 'e', mountPath: '/e', readOnly: true, mountPropagation: 'Bidirectional' },
    ]);
    assert.deepEqual(
      made.map((mount) => [
        mount.container_path,
        mount.host_path,
        mount.readonly ?? false,
        mount.propagation,
      ]),
      [
        ['/etc/cm', '/v/cm', true, 'PROPAGATION_PRIVATE'],
        ['/e', '/v/e', true, 'PROPAGATION_BIDIRECTIONAL'],
        ['/etc/hosts', '/p/etc-hosts', false, undefined],
        ['/dev/termination-log', '/p/log', false, undefined],
      ],
    );
  });

  it('leave /etc/hosts to a pod that mounts its own', () => {
    const made = mounts([{ name: 'e', mountPath: '/etc/hosts' }]);
    assert.deepEqual(made.filter(({ container_path: path }) => path === '/etc/hosts').length, 1);
    assert.equal(mounts([], { hostsFile: undefined, terminationLog: undefined }).length, 0);
  });

  it('relabel only what farlet made, and only with SELinux', () => {
    const both: VolumeMount[] = [
      { name: 'e', mountPath: '/e' },
      { name: 'cm', mountPath: '/cm' },
    ];
    assert.deepEqual(
      mounts(both, { selinux: true }).map((mount) => mount.selinux_relabel),
      [true, false, true, true],
    );
    assert.ok(mounts(both).every((mount) => mount.selinux_relabel !== true));
  });

  it('show images through the runtime', () => {
    const [mount] = mounts([{ name: 'img', mountPath: '/i', subPath: 'a/b' }]);
    assert.partialDeepStrictEqual(mount, {
      image: { image: 'sha256:aa' },
      image_sub_path: 'a/b',
      readonly: true,
    });
    assert.equal(mount?.host_path, undefined);
  });

  it('show a part of a volume where it was prepared', () => {
    const volumeMounts = [{ name: 'e', mountPath: '/e', subPathExpr: '$(A)/y' }];
    const [part] = subPathMounts({ name: 'c', volumeMounts }, input);
    assert.deepEqual(part, { index: 0, volume: 'e', subPath: 'x/y' });
    assert.equal(mounts(volumeMounts, { subPaths: new Map([[0, '/s/0']]) })[0]?.host_path, '/s/0');
  });

  const refused: [name: string, mount: Partial<VolumeMount>, message: string][] = [
    ['no volume', { name: 'x' }, 'cannot find volume "x" to mount into container "c"'],
    ['absolute', { subPath: '/a' }, 'error SubPath `/a` must not be an absolute path'],
    ['a way out', { subPath: 'a/../..' }, "unable to provision SubPath `a/../..`: must not contain '..'"],
    ['a part that is not there', { subPath: 'a' }, 'subPath a of volume e was not prepared'],
    ['missing variables', { subPathExpr: '$(Z)$(EMPTY)' }, 'missing value for EMPTY, Z'],
    ['propagation', { mountPropagation: 'Odd' }, 'invalid MountPropagation mode: "Odd"'],
    [
      'recursive read-only that is writable',
      { recursiveReadOnly: 'Enabled' },
      'failed to resolve recursive read-only mode: volume "e" requested recursive read-only mode, but it is not read-only',
    ],
    [
      'recursive read-only on an old runtime',
      { recursiveReadOnly: 'Enabled', readOnly: true },
      'failed to resolve recursive read-only mode: volume "e" requested recursive read-only mode, but it is not supported by the runtime',
    ],
  ];
  for (const [name, change, message] of refused)
    it(`refuses ${name}`, () => {
      assert.throws(() => mounts([{ name: 'e', mountPath: '/e', ...change }]), { message });
    });

  it('recursive read-only where possible', () => {
    const mount: VolumeMount = {
      name: 'e',
      mountPath: '/e',
      readOnly: true,
      recursiveReadOnly: 'IfPossible',
    };
    assert.equal(mounts([mount])[0]?.recursive_read_only, false);
    assert.equal(mounts([mount], { recursiveReadOnly: true })[0]?.recursive_read_only, true);
  });
});
