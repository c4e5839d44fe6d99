import { own } from '../../model/own.ts';
import type { Pod } from '../../model/kube.ts';
import { matchesTerms } from '../../model/node-selector.ts';

/**
 * A pod's node selector and required node affinity (component-helpers/scheduling/corev1/nodeaffinity). Pure.
 */
export function matchesNode(
  pod: Pod,
  node: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
): boolean {
  if (!Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => own(node.labels, key) === value))
    return false;
  const terms =
    pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms === undefined || matchesTerms(terms, node);
}
