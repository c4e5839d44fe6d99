/** The events of a kubelet on its Node (pkg/kubelet/nodestatus/setters.go, kubelet_node_status.go). Pure. */
import type { NodeStatus } from '../model/kube.ts';
import type { NodeEventReason } from '../model/node-event-reasons.ts';

/** By condition: the reason where it came to be True, and where it came to be False. */
const transitions: readonly (readonly [type: string, isTrue: NodeEventReason, isFalse: NodeEventReason])[] = [
  ['MemoryPressure', 'NodeHasInsufficientMemory', 'NodeHasSufficientMemory'],
  ['DiskPressure', 'NodeHasDiskPressure', 'NodeHasNoDiskPressure'],
  ['PIDPressure', 'NodeHasInsufficientPID', 'NodeHasSufficientPID'],
  ['Ready', 'NodeReady', 'NodeNotReady'],
];

/** What a status that follows another is told with, in the order of the conditions. */
export function conditionEvents(
  before: NodeStatus,
  after: NodeStatus,
): { type: string; reason: NodeEventReason }[] {
  const of = ({ conditions = [] }: NodeStatus, type: string): string | undefined =>
    conditions.find((each) => each.type === type)?.status;
  return transitions.flatMap(([type, isTrue, isFalse]) => {
    const [was, is] = [of(before, type), of(after, type)];
    if (is === undefined || was === is) return [];
    return [{ type, reason: is === 'True' ? isTrue : isFalse }];
  });
}

export function schedulableEvent(isUnschedulable: boolean): NodeEventReason {
  return isUnschedulable ? 'NodeNotSchedulable' : 'NodeSchedulable';
}
