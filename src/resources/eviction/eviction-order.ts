import type { PodConditionReason } from '../../model/condition-reasons.ts';
import type { Pod } from '../../model/kube.ts';
import type { KillOrder } from '../../model/pod-update.ts';
import { rfc3339 } from '../../util/clock.ts';

/**
 * How an evicted pod is stopped and what its status says then. `disrupts` tells a shortage of the node, which
 * others are to know of, from limits that the pod itself has broken. Pure; `now` in ms since the epoch.
 */
export function evictionOrder(
  pod: Pod,
  message: string,
  { graceSeconds, disrupts, now }: { graceSeconds: number; disrupts: boolean; now: number },
): KillOrder {
  const { generation } = pod.metadata;
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'TerminationByKubelet' satisfies PodConditionReason,
    message,
    lastTransitionTime: rfc3339(now),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
  return {
    graceSeconds,
    status: { phase: 'Failed', reason: 'Evicted', message, ...(disrupts ? { conditions: [condition] } : {}) },
  };
}
