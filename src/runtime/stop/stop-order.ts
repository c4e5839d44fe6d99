import { isSidecar } from '../../model/containers.ts';
import type { Pod } from '../../model/kube.ts';

/**
 * Which containers must have stopped before a sidecar is: all regular ones and the next later sidecar, so
 * that sidecars end in reverse order (kuberuntime_termination_order.go, KEP-753). Others wait for nobody and
 * are not in the map.
 */
export function stopPrerequisites(pod: Pod): Map<string, string[]> {
  const regular = pod.spec.containers.map(({ name }) => name);
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name);
  return new Map(
    sidecars.map((name, index): [string, string[]] => {
      const later = sidecars[index + 1];
      return [name, later === undefined ? regular : [...regular, later]];
    }),
  );
}
