/**
 * Whether a node takes a pod: the admit handlers in the kubelet's order (pkg/kubelet/kubelet.go), the
 * scheduler's checks among them (pkg/scheduler/eventhandlers.go AdmissionCheck,
 * pkg/kubelet/lifecycle/predicate.go). Pure.
 */
import { isCritical, isStaticPod } from '../../model/pod-source.ts';
import type { Pod, RuntimeClass, Taint } from '../../model/kube.ts';
import type { NodeInfo } from '../../model/node-info.ts';
import { matchesNode } from './admit-affinity.ts';
import {
  refusedAppArmor,
  refusedFeature,
  refusedHandler,
  refusedForSystem,
  refusedGroupsPolicy,
  type HostFeatures,
} from './admit-host.ts';
import { portsAreFree } from './admit-ports.ts';
import { shortageRefusal, shortages } from './admit-resources.ts';
import { refusedSysctl } from './admit-sysctls.ts';
import { toleratesTaints } from './admit-taints.ts';
import { podsToPreempt } from './preemption.ts';
import { failedPredicate, refused, type Refusal } from './refusal.ts';
import { admitted, type AdmissionVerdict } from './verdict.ts';

export interface AdmissionInput {
  readonly pod: Pod;
  readonly node: NodeInfo;
  readonly taints: readonly Taint[];
  /** the Node is being taken away */
  readonly isLeaving: boolean;
  /** pods that hold resources of the node */
  readonly active: readonly Pod[];
  readonly host: HostFeatures;
  readonly runtimeClass: (name: string) => Pick<RuntimeClass, 'handler'> | undefined;
  readonly allowedUnsafeSysctls: readonly string[];
  /** the node's labels were read just now: a pod that does not match them is refused for good */
  readonly nodeIsFresh: boolean;
  /**
   * takes what the pod needs exclusively (CPUs), or says why it can't; asked once all that comes before it
   * agrees
   */
  readonly allocate: (pod: Pod) => Refusal | undefined;
}

export function admitPod(input: AdmissionInput): AdmissionVerdict {
  const { pod, node, host, allowedUnsafeSysctls } = input;
  const { kernelVersion } = node;
  const before =
    // those of DaemonSets too, which come as long as there is a Node; one that runs is left to be deleted
    (input.isLeaving && pod.status?.startTime === undefined ? leaving : undefined) ??
    refusedSysctl(pod, { kernelVersion, allowedUnsafe: allowedUnsafeSysctls }) ??
    input.allocate(pod) ??
    refusedForSystem(pod) ??
    refusedGroupsPolicy(pod, host);
  if (before !== undefined) return refusal(before);
  const general = generalVerdict(input);
  if (general.kind !== 'admitted') return general;
  const after = refusedHandler(pod, input) ?? refusedAppArmor(pod, host) ?? refusedFeature(pod);
  return after === undefined ? general : refusal(after);
}

const leaving = refused('NodeLeaving', 'the node is being taken away');

/** Resources, affinity, name, ports, taints: the first that fails is told. */
function generalVerdict(input: AdmissionInput): AdmissionVerdict {
  const { pod, node, active, nodeIsFresh } = input;
  const short = shortages(pod, { allocatable: node.allocatable, others: active });
  const other = otherFailures(input);
  if (short.length > 0 && other.length === 0 && isCritical(pod)) {
    const plan = podsToPreempt(pod, active, short);
    if ('victims' in plan)
      return {
        kind: 'waits',
        waitsFor: 'victims',
        victims: plan.victims,
        shortOf: short[0]?.resource ?? '',
      };
    return refusal(
      refused(
        'UnexpectedAdmissionError',
        `Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: ${plan.short}`,
      ),
    );
  }
  const [first] = [...(isCritical(pod) ? [] : short.map(shortageRefusal)), ...other];
  if (first === undefined) return admitted;
  const onlyAffinity = short.length === 0 && other.length === 1 && first.reason === 'NodeAffinity';
  return onlyAffinity && !nodeIsFresh
    ? { kind: 'waits', waitsFor: 'node', otherwise: first }
    : refusal(first);
}

function otherFailures({ pod, node, taints, active }: AdmissionInput): Refusal[] {
  return [
    matchesNode(pod, node)
      ? undefined
      : failedPredicate('NodeAffinity', "node(s) didn't match Pod's node affinity/selector"),
    (pod.spec.nodeName ?? node.name) === node.name
      ? undefined
      : failedPredicate('NodeName', "node(s) didn't match the requested node name"),
    portsAreFree(pod, active)
      ? undefined
      : failedPredicate('NodePorts', "node(s) didn't have free ports for the requested pod ports"),
    isStaticPod(pod) || toleratesTaints(pod, taints)
      ? undefined
      : failedPredicate('TaintToleration', "node(s) had taints that the pod didn't tolerate"),
  ].filter((failure) => failure !== undefined);
}

function refusal(why: Refusal): AdmissionVerdict {
  return { kind: 'refused', ...why };
}
