import type { Container } from '../../model/kube.ts';
import type { ObservedContainer, PodRuntimeState } from '../../model/runtime-state.ts';
import { isChanged, newestOf } from '../decide/init-actions.ts';

/**
 * The container that a start which was cut off (farlet killed, the link lost) has left behind: created in
 * this sandbox from this spec, never started. farlet starts it instead of making another, so that nobody sees
 * a restart that was none. The kubelet makes a new one and counts it. Pure.
 */
export function unstartedContainer(
  state: PodRuntimeState,
  spec: Container,
  sandboxId: string,
): ObservedContainer | undefined {
  const newest = newestOf(state, spec.name);
  const isLeft = newest?.state === 'created' && newest.sandboxId === sandboxId && !isChanged(spec, newest);
  return isLeft ? newest : undefined;
}
