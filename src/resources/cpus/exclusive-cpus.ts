import { podQosClass } from '../../model/pod-qos.ts';
import { quantityMilli } from '../../model/quantity-text.ts';
import type { Container, Pod } from '../../model/kube.ts';

/**
 * How many CPUs a container gets for itself: those of guaranteed pods that ask for a whole number
 * (policy_static.go guaranteedCPUs). Pods with resources of their own share (the PodLevelResourceManagers
 * gate is off).
 */
export function exclusiveCpus(pod: Pod, container: Container): number {
  if (pod.spec.resources !== undefined || podQosClass(pod) !== 'Guaranteed') return 0;
  const milli = quantityMilli(container.resources?.requests?.cpu);
  return milli % 1000n === 0n ? Number(milli / 1000n) : 0;
}
