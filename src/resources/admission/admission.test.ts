import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod, Taint } from '../../model/kube.ts';
import { annotations } from '../../model/labels.ts';
import type { NodeInfo } from '../../model/node-info.ts';
import { pod } from '../../testing/fixtures.ts';
import { admitPod, type AdmissionInput } from './admission.ts';

const node: NodeInfo = {
  name: 'edge-1',
  ips: ['198.51.100.7'],
  labels: { 'kubernetes.io/hostname': 'edge-1', zone: 'a', size: '5' },
  capacity: {},
  allocatable: {
    cpu: '2',
    memory: '1Gi',
    'ephemeral-storage': '10Gi',
    pods: '3',
    'hugepages-2Mi': '4Mi',
    'example.com/gpu': '1',
  },
  hugePageSizes: [],
  kernelVersion: '6.1.0-18-amd64',
};

function asking(requests: Record<string, string>, change: Parameters<typeof pod>[0] = {}): Pod {
  const c: Container = { name: 'c', image: 'i', resources: { requests, limits: requests } };
  return pod({ ...change, spec: { containers: [c], ...change.spec } });
}

function withPort(port: Record<string, unknown>, list: 'containers' | 'initContainers' = 'containers'): Pod {
  const ports = [{ containerPort: 80, ...port }];
  const c = {
    name: 'c',
    image: 'i',
    ports,
    ...(list === 'initContainers' ? { restartPolicy: 'Always' } : {}),
  };
  return pod({ metadata: { uid: 'p2' }, spec: { [list]: [c] } });
}

function affinity(...terms: object[]): Partial<Pod['spec']> {
  return {
    affinity: {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } },
    },
  };
}

const expression = (key: string, operator: string, ...values: string[]): object => ({
  matchExpressions: [{ key, operator, values }],
});
const sysctls = (...names: string[]): Partial<Pod['spec']> => ({
  securityContext: { sysctls: names.map((name) => ({ name, value: '1' })) },
});
const critical = { spec: { priority: 2_000_000_000 } };
const taint = (effect: string): Taint => ({ key: 'k', value: 'v', effect });
const noAffinity =
  "NodeAffinity: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
const noPorts =
  "NodePorts: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
const noTaint =
  "TaintToleration: Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate";

interface Case {
  readonly what: string;
  readonly pod: Pod;
  readonly change?: Partial<AdmissionInput>;
  readonly expect: string;
}

const cases: Case[] = [
  { what: 'a pod that asks for nothing', pod: pod(), expect: 'admitted' },
  {
    what: 'a pod that tolerates everything, on a node that is taken away',
    pod: pod({ spec: { tolerations: [{ operator: 'Exists' }] } }),
    change: { isLeaving: true },
    expect: 'NodeLeaving: the node is being taken away',
  },
  {
    what: 'one that ran there before farlet was started',
    pod: pod({ status: { startTime: '2026-01-02T03:04:05Z' } }),
    change: { isLeaving: true },
    expect: 'admitted',
  },
  {
    what: 'more cpu than there is',
    pod: asking({ cpu: '3' }),
    expect: "OutOfcpu: Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000",
  },
  {
    what: 'more cpu than is left',
    pod: asking({ cpu: '1500m' }),
    change: { active: [asking({ cpu: '600m' })] },
    expect: "OutOfcpu: Node didn't have enough resource: cpu, requested: 1500, used: 600, capacity: 2000",
  },
  {
    what: 'what a resize holds until it is done counts',
    pod: asking({ cpu: '1500m' }),
    change: {
      active: [
        asking(
          { cpu: '100m' },
          {
            status: {
              containerStatuses: [
                {
                  name: 'c',
                  image: '',
                  imageID: '',
                  ready: true,
                  restartCount: 0,
                  resources: { requests: { cpu: '700m' } },
                },
              ],
            },
          },
        ),
      ],
    },
    expect: "OutOfcpu: Node didn't have enough resource: cpu, requested: 1500, used: 700, capacity: 2000",
  },
  {
    what: 'too much memory',
    pod: asking({ memory: '2Gi' }),
    expect:
      "OutOfmemory: Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824",
  },
  {
    what: 'too much ephemeral storage',
    pod: asking({ 'ephemeral-storage': '20Gi' }),
    expect:
      "OutOfephemeral-storage: Node didn't have enough resource: ephemeral-storage, requested: 21474836480, used: 0, capacity: 10737418240",
  },
  {
    what: 'too many huge pages',
    pod: asking({ 'hugepages-2Mi': '8Mi', memory: '1Mi' }),
    expect:
      "OutOfhugepages-2Mi: Node didn't have enough resource: hugepages-2Mi, requested: 8388608, used: 0, capacity: 4194304",
  },
  {
    what: 'huge pages of a size that the host has not',
    pod: asking({ 'hugepages-1Gi': '1Gi', memory: '1Mi' }),
    expect:
      "OutOfhugepages-1Gi: Node didn't have enough resource: hugepages-1Gi, requested: 1073741824, used: 0, capacity: 0",
  },
  {
    what: 'too many devices',
    pod: asking({ 'example.com/gpu': '2' }),
    expect:
      "OutOfexample.com/gpu: Node didn't have enough resource: example.com/gpu, requested: 2, used: 0, capacity: 1",
  },
  {
    what: 'an extended resource that the node does not know',
    pod: asking({ 'example.com/tpu': '2' }),
    expect: 'admitted',
  },
  {
    what: 'one pod too many',
    pod: pod(),
    change: { active: [pod(), pod(), pod()] },
    expect: "OutOfpods: Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3",
  },
  {
    what: 'another node selector',
    pod: pod({ spec: { nodeSelector: { zone: 'b' } } }),
    expect: `look again, else ${noAffinity}`,
  },
  {
    what: 'another node selector, on labels that were read just now',
    pod: pod({ spec: { nodeSelector: { zone: 'b' } } }),
    change: { nodeIsFresh: true },
    expect: noAffinity,
  },
  {
    what: 'another node selector and too little cpu',
    pod: asking({ cpu: '3' }, { spec: { nodeSelector: { zone: 'b' } } }),
    expect: "OutOfcpu: Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000",
  },
  {
    what: 'an affinity of which one term matches',
    pod: pod({ spec: affinity(expression('zone', 'In', 'x'), expression('size', 'Gt', '4')) }),
    expect: 'admitted',
  },
  {
    what: 'an affinity by field',
    pod: pod({
      spec: affinity({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['edge-1'] }] }),
    }),
    expect: 'admitted',
  },
  { what: 'an empty term', pod: pod({ spec: affinity({}) }), expect: `look again, else ${noAffinity}` },
  {
    what: 'Lt of what is not a number',
    pod: pod({ spec: affinity(expression('zone', 'Lt', '4')) }),
    expect: `look again, else ${noAffinity}`,
  },
  {
    what: 'DoesNotExist',
    pod: pod({ spec: affinity(expression('other', 'DoesNotExist'), {}) }),
    expect: 'admitted',
  },
  {
    what: 'a pod of another node',
    pod: pod({ spec: { nodeName: 'edge-2' } }),
    expect: "NodeName: Predicate NodeName failed: node(s) didn't match the requested node name",
  },
  {
    what: 'a port that is taken',
    pod: withPort({ hostPort: 80 }),
    change: { active: [withPort({ hostPort: 80 })] },
    expect: noPorts,
  },
  {
    what: 'the port of another protocol',
    pod: withPort({ hostPort: 80, protocol: 'UDP' }),
    change: { active: [withPort({ hostPort: 80 })] },
    expect: 'admitted',
  },
  {
    what: 'the port of another address',
    pod: withPort({ hostPort: 80, hostIP: '10.0.0.1' }),
    change: { active: [withPort({ hostPort: 80, hostIP: '10.0.0.2' })] },
    expect: 'admitted',
  },
  {
    what: 'the port of every address',
    pod: withPort({ hostPort: 80, hostIP: '10.0.0.1' }),
    change: { active: [withPort({ hostPort: 80 })] },
    expect: noPorts,
  },
  {
    what: "a sidecar's port",
    pod: withPort({ hostPort: 80 }),
    change: { active: [withPort({ hostPort: 80 }, 'initContainers')] },
    expect: noPorts,
  },
  {
    what: 'a taint of effect NoExecute',
    pod: pod(),
    change: { taints: [taint('NoExecute')] },
    expect: noTaint,
  },
  {
    what: 'a taint of effect NoSchedule',
    pod: pod(),
    change: { taints: [taint('NoSchedule')] },
    expect: 'admitted',
  },
  {
    what: 'a taint that is tolerated',
    pod: pod({ spec: { tolerations: [{ key: 'k', value: 'v', effect: 'NoExecute' }] } }),
    change: { taints: [taint('NoExecute')] },
    expect: 'admitted',
  },
  {
    what: 'a taint whose value is not tolerated',
    pod: pod({ spec: { tolerations: [{ key: 'k', operator: 'Equal', value: 'w' }] } }),
    change: { taints: [taint('NoExecute')] },
    expect: noTaint,
  },
  {
    what: 'a taint and a static pod',
    pod: pod({ metadata: { annotations: { [annotations.configSource]: 'file' } } }),
    change: { taints: [taint('NoExecute')] },
    expect: 'admitted',
  },
  {
    what: 'another system by label',
    pod: pod({ metadata: { labels: { 'kubernetes.io/os': 'windows' } } }),
    expect:
      "PodOSSelectorNodeLabelDoesNotMatch: Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
  },
  {
    what: 'another system by field',
    pod: pod({ spec: { os: { name: 'windows' } } }),
    expect: "PodOSNotSupported: Failed to admit pod as the OS field doesn't match node OS",
  },
  {
    what: 'a safe sysctl',
    pod: pod({ spec: sysctls('net.ipv4.tcp_rmem', 'kernel/shm_rmid_forced') }),
    expect: 'admitted',
  },
  {
    what: 'a sysctl that an old kernel shares',
    pod: pod({ spec: sysctls('net.ipv4.tcp_rmem') }),
    change: { node: { ...node, kernelVersion: '4.14.99' } },
    expect: 'SysctlForbidden: forbidden sysctl: "net.ipv4.tcp_rmem" not allowlisted',
  },
  {
    what: 'a sysctl that is a name of what every object has',
    pod: pod({ spec: sysctls('constructor') }),
    expect: 'SysctlForbidden: forbidden sysctl: "constructor" not allowlisted',
  },
  {
    what: 'an unsafe sysctl',
    pod: pod({ spec: sysctls('kernel.msgmax') }),
    expect: 'SysctlForbidden: forbidden sysctl: "kernel.msgmax" not allowlisted',
  },
  {
    what: 'an unsafe sysctl that is allowed',
    pod: pod({ spec: sysctls('kernel.msgmax', 'net.core.somaxconn') }),
    change: { allowedUnsafeSysctls: ['kernel.msg*', 'net.core.somaxconn'] },
    expect: 'admitted',
  },
  {
    what: 'an allowed sysctl and the host network',
    pod: pod({ spec: { ...sysctls('net.core.somaxconn'), hostNetwork: true } }),
    change: { allowedUnsafeSysctls: ['net.*'] },
    expect: 'SysctlForbidden: forbidden sysctl: "net.core.somaxconn" not allowed with host Net enabled',
  },
  {
    what: 'a safe sysctl and the host IPC',
    pod: pod({ spec: { ...sysctls('kernel.shm_rmid_forced'), hostIPC: true } }),
    expect: 'SysctlForbidden: forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host IPC enabled',
  },
  {
    what: 'strict groups on a runtime without them',
    pod: pod({ spec: { securityContext: { supplementalGroupsPolicy: 'Strict' } } }),
    expect:
      'SupplementalGroupsPolicyNotSupported: SupplementalGroupsPolicy=Strict is not supported in this node',
  },
  {
    what: 'an AppArmor profile on a host without it',
    pod: pod({ spec: { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } } }),
    expect: 'AppArmor: Cannot enforce AppArmor: AppArmor is not enabled on the host',
  },
  {
    what: 'an AppArmor profile of a pod that runs',
    pod: pod({
      spec: { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } },
      status: { phase: 'Running' },
    }),
    expect: 'admitted',
  },
  {
    what: 'no confinement on a host without AppArmor',
    pod: pod({ spec: { securityContext: { appArmorProfile: { type: 'Unconfined' } } } }),
    expect: 'admitted',
  },
  {
    what: 'resource claims',
    pod: pod({ spec: { resourceClaims: [{ name: 'x' }] } }),
    expect: 'PodFeatureUnsupported: farlet does not support resource claims',
  },
  {
    what: "the host's network in a user namespace",
    pod: pod({ spec: { hostNetwork: true, hostUsers: false } }),
    expect:
      'PodFeatureUnsupported: Pod requires node features that are not available: UserNamespacesHostNetworkSupport',
  },
  {
    what: 'CPUs that can not be had exclusively',
    pod: pod(),
    change: { allocate: () => ({ reason: 'UnexpectedAdmissionError', message: 'no CPUs' }) },
    expect: 'UnexpectedAdmissionError: no CPUs',
  },
  {
    what: 'a critical pod where nothing but a guaranteed pod is enough',
    pod: asking({ cpu: '1500m' }, critical),
    change: {
      active: [
        asking({ cpu: '600m', memory: '1Mi' }, { metadata: { name: 'guaranteed' } }),
        asking({ cpu: '500m' }, { metadata: { name: 'burstable' } }),
      ],
    },
    expect: 'in place of guaranteed for cpu',
  },
  {
    what: 'a critical pod where one of two is enough',
    pod: asking({ cpu: '1' }, critical),
    change: {
      active: [
        asking({ cpu: '600m' }, { metadata: { name: 'large' } }),
        asking({ cpu: '900m' }, { metadata: { name: 'larger' } }),
      ],
    },
    expect: 'in place of large for cpu',
  },
  {
    what: 'a critical pod that also does not match the node',
    pod: asking({ cpu: '3' }, { spec: { ...critical.spec, nodeSelector: { zone: 'b' } } }),
    expect: noAffinity,
  },
  {
    what: 'a critical pod for which there is never room',
    pod: asking({ cpu: '3' }, critical),
    expect:
      'UnexpectedAdmissionError: Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [(res: cpu, q: 1000), ]',
  },
];

function shown(change: Case): string {
  const verdict = admitPod({
    pod: change.pod,
    node,
    taints: [],
    isLeaving: false,
    active: [],
    host: { appArmor: false, supplementalGroupsPolicy: false, name: 'box-1', handlers: [] },
    runtimeClass: () => undefined,
    allowedUnsafeSysctls: [],
    nodeIsFresh: false,
    allocate: () => undefined,
    ...change.change,
  });
  if (verdict.kind === 'admitted') return 'admitted';
  if (verdict.kind === 'refused') return `${verdict.reason}: ${verdict.message}`;
  return verdict.waitsFor === 'node'
    ? `look again, else ${verdict.otherwise.reason}: ${verdict.otherwise.message}`
    : `in place of ${verdict.victims.map(({ metadata }) => metadata.name).join(' and ')} for ${verdict.shortOf}`;
}

describe('admission', () => {
  for (const each of cases)
    it(each.what, () => {
      assert.equal(shown(each), each.expect);
    });
});
