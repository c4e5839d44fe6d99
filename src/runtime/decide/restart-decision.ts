/**
 * Whether a container that does not run is to be started again (pkg/kubelet/container/helpers.go
 * ShouldContainerBeRestarted). Pure.
 */
import type { Container, Pod } from '../../model/kube.ts';
import type { ObservedContainer } from '../../model/runtime-state.ts';

export function shouldRestart(
  pod: Pod,
  container: Container,
  observed: ObservedContainer | undefined,
): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  if (observed === undefined) return true;
  if (observed.state === 'running') return false;
  if (observed.state === 'unknown' || observed.state === 'created') return true;
  return restartsAfter(pod, container, observed.exitCode);
}

/**
 * By the container's rules first, then its policy, then the pod's (pkg/api/v1/pod ContainerShouldRestart, KEP
 * 5307).
 */
export function restartsAfter(pod: Pod, container: Container, exitCode: number): boolean {
  const action = matchingRule(container, exitCode)?.action;
  // rules come with a policy of the container's own; an action that is not known leaves it to the policies
  if (container.restartPolicy !== undefined && (action === 'Restart' || action === 'RestartAllContainers'))
    return true;
  switch (container.restartPolicy ?? pod.spec.restartPolicy ?? 'Always') {
    case 'Never':
      return false;
    case 'OnFailure':
      return exitCode !== 0;
    default:
      return true;
  }
}

/** The first rule that the exit code matches (pkg/api/v1/pod FindMatchingContainerRestartRule). */
export function matchingRule(
  { restartPolicyRules = [] }: Container,
  exitCode: number,
): NonNullable<Container['restartPolicyRules']>[number] | undefined {
  return restartPolicyRules.find(({ exitCodes }) => {
    const listed = (exitCodes?.values ?? []).includes(exitCode);
    if (exitCodes?.operator === 'In') return listed;
    return exitCodes?.operator === 'NotIn' && !listed;
  });
}

/**
 * Policy alone, for containers that are killed although they run (probes): there is no exit code to judge.
 */
export function restartsWhenKilled(pod: Pod, container: Container): boolean {
  return (container.restartPolicy ?? pod.spec.restartPolicy) !== 'Never';
}

export function hasFailed(observed: ObservedContainer): boolean {
  return (
    observed.state === 'unknown' ||
    (observed.state === 'exited' && (observed.exitCode !== 0 || observed.reason === 'OOMKilled'))
  );
}
