import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../model/kube.ts';
import type { PodHandler } from '../../model/runtime-handler.ts';
import { pod } from '../../testing/fixtures.ts';
import { refusedHandler } from './admit-host.ts';

const handlers: readonly PodHandler[] = [
  { name: '', ownKernel: false },
  { name: 'runc', ownKernel: false },
  { name: 'kata', ownKernel: true },
];
const classes: Readonly<Record<string, string>> = { vm: 'kata', gone: 'kata-fc', plain: 'runc' };

interface Case {
  readonly what: string;
  readonly spec: Partial<Pod['spec']>;
  readonly status?: Pod['status'];
  readonly handlers?: readonly PodHandler[];
  /** reason and what the message begins with; undefined: taken */
  readonly expect: string | undefined;
}

const container = (more: object): Partial<Pod['spec']> => ({
  runtimeClassName: 'vm',
  containers: [{ name: 'c', image: 'i', ...more }],
});
const volume = (type: string): Partial<Pod['spec']> => ({
  runtimeClassName: 'vm',
  volumes: [{ name: 'v', hostPath: { path: '/run/x', type } }],
});
const unsupported = 'RuntimeHandlerUnsupported: ';

const cases: Case[] = [
  { what: 'no class', spec: {}, expect: undefined },
  { what: 'a class whose handler is there', spec: { runtimeClassName: 'plain' }, expect: undefined },
  { what: 'a class that is not known (yet)', spec: { runtimeClassName: 'nobody' }, expect: undefined },
  {
    what: 'a handler that is not there',
    spec: { runtimeClassName: 'gone' },
    expect:
      'RuntimeHandlerNotFound: host box-1 has no runtime handler "kata-fc" (RuntimeClass gone), only: runc, kata.',
  },
  { what: 'a runtime that lists none', spec: { runtimeClassName: 'gone' }, handlers: [], expect: undefined },
  {
    what: 'a pod that has begun',
    spec: { runtimeClassName: 'gone' },
    status: { phase: 'Running' },
    expect: undefined,
  },
  { what: 'an ordinary pod in a VM', spec: { runtimeClassName: 'vm' }, expect: undefined },
  { what: 'hostNetwork beside a VM', spec: { hostNetwork: true }, expect: undefined },
  {
    what: 'hostNetwork in a VM',
    spec: { runtimeClassName: 'vm', hostNetwork: true },
    expect: `${unsupported}hostNetwork can not be had with runtime handler "kata" of host box-1: its pods have a kernel`,
  },
  { what: 'hostPID', spec: { runtimeClassName: 'vm', hostPID: true }, expect: `${unsupported}hostPID` },
  { what: 'hostIPC', spec: { runtimeClassName: 'vm', hostIPC: true }, expect: `${unsupported}hostIPC` },
  {
    what: 'hostNetwork where the default handler is a VM',
    spec: { hostNetwork: true },
    handlers: [{ name: '', ownKernel: true }],
    expect: `${unsupported}hostNetwork can not be had with the default runtime handler of host box-1`,
  },
  { what: 'a folder of the host', spec: volume('Directory'), expect: undefined },
  {
    what: 'a socket of the host',
    spec: volume('Socket'),
    expect: `${unsupported}hostPath of type Socket (volume v)`,
  },
  {
    what: 'a device of the host',
    spec: volume('CharDevice'),
    expect: `${unsupported}hostPath of type CharDevice`,
  },
  {
    what: 'a disk of the host',
    spec: volume('BlockDevice'),
    expect: `${unsupported}hostPath of type BlockDevice`,
  },
  {
    what: 'mounts that are to reach the host',
    spec: container({ volumeMounts: [{ name: 'v', mountPath: '/v', mountPropagation: 'Bidirectional' }] }),
    expect: `${unsupported}mountPropagation Bidirectional (container c)`,
  },
  {
    what: 'mounts of the host that come later',
    spec: container({ volumeMounts: [{ name: 'v', mountPath: '/v', mountPropagation: 'HostToContainer' }] }),
    expect: undefined,
  },
  {
    what: "a profile of the host's AppArmor for a container",
    spec: container({ securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }),
    expect: `${unsupported}an appArmorProfile`,
  },
  {
    what: 'the same for the pod',
    spec: {
      runtimeClassName: 'vm',
      securityContext: { appArmorProfile: { type: 'Localhost', localhostProfile: 'p' } },
    },
    expect: `${unsupported}an appArmorProfile`,
  },
  {
    what: 'none of it',
    spec: container({ securityContext: { privileged: true, appArmorProfile: { type: 'Unconfined' } } }),
    expect: undefined,
  },
];

describe('admission by runtime handler', () => {
  for (const { what, spec, status, expect, ...rest } of cases)
    it(what, () => {
      const refusal = refusedHandler(pod({ spec, ...(status === undefined ? {} : { status }) }), {
        host: {
          appArmor: true,
          supplementalGroupsPolicy: true,
          name: 'box-1',
          handlers: rest.handlers ?? handlers,
        },
        runtimeClass: (name) => {
          const handler = classes[name];
          return handler === undefined ? undefined : { handler };
        },
      });
      if (expect === undefined || refusal === undefined) assert.equal(refusal, expect);
      else assert.ok(`${refusal.reason}: ${refusal.message}`.startsWith(expect), refusal.message);
    });
});
