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
  return transitions.flatMap(([type, isTrue, isFalse]) => {
    const [was, is] = [conditionStatus(before, type), conditionStatus(after, type)];
    if (is === undefined || was === is) return [];
    return [{ type, reason: is === 'True' ? isTrue : isFalse }];
  });
}

/** True, False or Unknown; undefined: there is no such condition. */
export function conditionStatus({ conditions = [] }: NodeStatus, type: string): string | undefined {
  return conditions.find((each) => each.type === type)?.status;
}

export function schedulableEvent(isUnschedulable: boolean): NodeEventReason {
  return isUnschedulable ? 'NodeNotSchedulable' : 'NodeSchedulable';
}
