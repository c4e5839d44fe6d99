import type { AdmissionReason } from '../../model/admission-reasons.ts';

/** Why a node does not take a pod: status.reason and, after "Pod was rejected: ", status.message. */
export interface Refusal {
  readonly reason: AdmissionReason;
  readonly message: string;
}

export function refused(reason: AdmissionReason, message: string): Refusal {
  return { reason, message };
}

/** How the scheduler's checks tell what failed (pkg/kubelet/lifecycle/predicate.go PredicateFailureError). */
export function failedPredicate(name: AdmissionReason, why: string): Refusal {
  return refused(name, `Predicate ${name} failed: ${why}`);
}
