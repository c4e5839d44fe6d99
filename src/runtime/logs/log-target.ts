/**
 * Which container's log a request means, or why there is none (pkg/kubelet/kubelet_pods.go
 * validateContainerLogStatus). Pure.
 */
import type { ContainerStatus } from '../../model/kube.ts';

/** The container as a status names it: `runtime://id`. */
export type LogTarget = { readonly containerID: string } | { readonly refusal: string };

export function logTarget(
  pod: string,
  container: string,
  { status, previous }: { status: ContainerStatus | undefined; previous: boolean },
): LogTarget {
  const refuse = (text: string): LogTarget => ({ refusal: text });
  if (status === undefined) return refuse(`container "${container}" in pod "${pod}" is not available`);
  const last = status.lastState?.terminated?.containerID ?? '';
  if (previous)
    return last === ''
      ? refuse(`previous terminated container "${container}" in pod "${pod}" not found`)
      : { containerID: last };
  const { running, terminated, waiting } = status.state ?? {};
  if (running !== undefined) return { containerID: status.containerID ?? '' };
  if (terminated !== undefined || status.lastState?.terminated !== undefined) {
    // where the next container did not start there is no id, and the last one's log is the one to see
    const id = (terminated?.containerID ?? '') || last;
    return id === '' ? refuse(`container "${container}" in pod "${pod}" is terminated`) : { containerID: id };
  }
  if (waiting === undefined)
    return refuse(`container "${container}" in pod "${pod}" is waiting to start - no logs yet`);
  const { reason = '' } = waiting;
  switch (reason) {
    case 'ErrImagePull':
      return refuse(`container "${container}" in pod "${pod}" is waiting to start: image can't be pulled`);
    case 'ImagePullBackOff':
      return refuse(
        `container "${container}" in pod "${pod}" is waiting to start: trying and failing to pull image`,
      );
    default:
      return refuse(`container "${container}" in pod "${pod}" is waiting to start: ${reason}`);
  }
}
