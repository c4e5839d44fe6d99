import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, PodSpec } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import {
  type ContainerSecurityInput,
  containerSecurityContext,
  namespaceOptions,
  sandboxSecurityContext,
  verifyRunAsNonRoot,
} from './security-context.ts';

const input: ContainerSecurityInput = {
  user: { uid: 0 },
  targetId: undefined,
  host: { thermalThrottleCpus: [0, 3] },
  settings: {
    seccompDefault: false,
    paths: { rootDir: '/r', podLogsDir: '/l', containerLogsDir: '/c' },
  },
};

function made(
  spec: Partial<PodSpec>,
  own: Container['securityContext'],
  change: Partial<ContainerSecurityInput> = {},
) {
  const container = { name: 'c', ...(own && { securityContext: own }) };
  return containerSecurityContext(pod({ spec }), container, { ...input, ...change });
}

describe('security context of a container', () => {
  const rows: [name: string, spec: Partial<PodSpec>, own: Container['securityContext'], expected: object][] =
    [
      ['the image decides the user', {}, undefined, { run_as_user: { value: 0 }, privileged: false }],
      [
        'the pod before the image',
        { securityContext: { runAsUser: 5 } },
        undefined,
        { run_as_user: { value: 5 } },
      ],
      [
        'the container before the pod',
        { securityContext: { runAsUser: 5, runAsGroup: 6, seLinuxOptions: { level: 'p' } } },
        { runAsUser: 7, seLinuxOptions: { level: 'c' } },
        { run_as_user: { value: 7 }, run_as_group: { value: 6 }, selinux_options: { level: 'c' } },
      ],
      [
        'groups in order',
        { securityContext: { fsGroup: 2, supplementalGroups: [3, 4], supplementalGroupsPolicy: 'Strict' } },
        undefined,
        { supplemental_groups: [2, 3, 4], supplemental_groups_policy: 'Strict' },
      ],
      [
        'capabilities',
        {},
        { capabilities: { add: ['NET_ADMIN'] } },
        { capabilities: { add_capabilities: ['NET_ADMIN'], drop_capabilities: [] } },
      ],
      ['escalation', {}, { allowPrivilegeEscalation: false }, { no_new_privs: true }],
      ['unmasked', {}, { procMount: 'Unmasked' }, { masked_paths: [], readonly_paths: [] }],
      [
        'seccomp of the pod',
        { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } },
        undefined,
        { seccomp: { profile_type: 'RuntimeDefault' } },
      ],
      [
        'seccomp of the container',
        { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } },
        { seccompProfile: { type: 'Localhost', localhostProfile: 'a/b.json' } },
        { seccomp: { profile_type: 'Localhost', localhost_ref: '/r/seccomp/a/b.json' } },
      ],
      [
        'AppArmor',
        { securityContext: { appArmorProfile: { type: 'Localhost', localhostProfile: 'x' } } },
        undefined,
        { apparmor: { profile_type: 'Localhost', localhost_ref: 'x' }, apparmor_profile: 'localhost/x' },
      ],
    ];
  for (const [name, spec, own, expected] of rows)
    it(name, () => {
      assert.partialDeepStrictEqual(made(spec, own), expected);
    });

  it('a name is passed on as a name, and masks the CPUs the host has', () => {
    const context = made({}, undefined, { user: { username: 'app' } });
    assert.equal(context.run_as_username, 'app');
    assert.equal(context.run_as_user, undefined);
    assert.deepEqual(context.masked_paths?.slice(-2), [
      '/sys/devices/system/cpu/cpu0/thermal_throttle',
      '/sys/devices/system/cpu/cpu3/thermal_throttle',
    ]);
  });

  it('seccompDefault', () => {
    const settings = { ...input.settings, seccompDefault: true };
    assert.deepEqual(made({}, undefined, { settings }).seccomp, { profile_type: 'RuntimeDefault' });
  });

  const refused: [name: string, spec: Partial<PodSpec>, message: RegExp][] = [
    ['a user namespace', { hostUsers: false }, /hostUsers: false.* has no user namespace/],
    [
      'a profile without name',
      { securityContext: { seccompProfile: { type: 'Localhost' } } },
      /localhostProfile must be set/,
    ],
    [
      'an unknown profile',
      { securityContext: { appArmorProfile: { type: 'Other' } } },
      /unknown apparmor profile type: "Other"/,
    ],
    [
      'an unknown policy',
      { securityContext: { supplementalGroupsPolicy: 'Most' } },
      /unsupported supplementalGroupsPolicy: Most/,
    ],
  ];
  for (const [name, spec, message] of refused)
    it(`refuses ${name}`, () => {
      assert.throws(() => made(spec, undefined), message);
    });
});

describe('runAsNonRoot', () => {
  const where = '(pod: "web_default(uid-web)", container: c)';
  const rows: [
    name: string,
    own: Container['securityContext'],
    user: ContainerSecurityInput['user'],
    message: string | undefined,
  ][] = [
    ['not asked for', {}, { uid: 0 }, undefined],
    ['a number', { runAsNonRoot: true }, { uid: 1 }, undefined],
    ['own number', { runAsNonRoot: true, runAsUser: 1 }, { uid: 0 }, undefined],
    [
      'root image',
      { runAsNonRoot: true },
      { uid: 0 },
      `container has runAsNonRoot and image will run as root ${where}`,
    ],
    [
      'root asked for',
      { runAsNonRoot: true, runAsUser: 0 },
      { uid: 1 },
      `container's runAsUser breaks non-root policy ${where}`,
    ],
    [
      'a name',
      { runAsNonRoot: true },
      { username: 'app' },
      `container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root ${where}`,
    ],
  ];
  for (const [name, securityContext, user, message] of rows)
    it(name, () => {
      const check = (): void => {
        verifyRunAsNonRoot(pod(), { name: 'c', ...(securityContext && { securityContext }) }, user);
      };
      if (message === undefined) check();
      else assert.throws(check, { message });
    });
});

describe('namespaces', () => {
  const rows: [name: string, spec: Partial<PodSpec>, target: string | undefined, expected: object][] = [
    ['own', {}, undefined, { network: 'POD', ipc: 'POD', pid: 'CONTAINER' }],
    ['shared', { shareProcessNamespace: true }, 'x', { pid: 'POD' }],
    [
      'host',
      { hostNetwork: true, hostIPC: true, hostPID: true },
      'x',
      { network: 'NODE', ipc: 'NODE', pid: 'NODE' },
    ],
    ['target', {}, 'x', { pid: 'TARGET', target_id: 'x' }],
  ];
  for (const [name, spec, target, expected] of rows)
    it(name, () => {
      assert.partialDeepStrictEqual(namespaceOptions(pod({ spec }), { targetId: target }), expected);
    });
});

describe('security context of a sandbox', () => {
  it('is privileged as soon as one container is, init containers included', () => {
    const privileged = { name: 'i', securityContext: { privileged: true } };
    assert.equal(sandboxSecurityContext(pod({ spec: { initContainers: [privileged] } })).privileged, true);
    assert.equal(sandboxSecurityContext(pod()).privileged, false);
  });
});
