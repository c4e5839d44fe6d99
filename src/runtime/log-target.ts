/** Which container's log a request means, or why there is none (pkg/kubelet/kubelet_pods.go validateContainerLogStatus). Pure. */
import type { ContainerStatus } from '../model/kube.ts';

export type LogTarget = { readonly containerId: string } | { readonly refusal: string };

export function logTarget(
  pod: string,
  container: string,
  { status, previous }: { status: ContainerStatus | undefined; previous: boolean },
): LogTarget {
  const refuse = (text: string): LogTarget => ({ refusal: text });
  if (status === undefined) return refuse(`container "${container}" in pod "${pod}" is not available`);
  const last = status.lastState?.terminated?.containerID;
  if (previous)
    return last === undefined
      ? refuse(`previous terminated container "${container}" in pod "${pod}" not found`)
      : target(last);
  const terminated = refuse(`container "${container}" in pod "${pod}" is terminated`);
  if (status.state?.running !== undefined && status.containerID !== undefined)
    return target(status.containerID);
  if (status.state?.terminated !== undefined) {
    // where the next container did not start there is no id, and the last one's log is the one to see
    const id = status.state.terminated.containerID ?? last;
    return id === undefined ? terminated : target(id);
  }
  if (status.lastState?.terminated !== undefined) return last === undefined ? terminated : target(last);
  const reason = status.state?.waiting?.reason;
  switch (reason) {
    case undefined:
      return refuse(`container "${container}" in pod "${pod}" is waiting to start - no logs yet`);
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

function target(id: string): LogTarget {
  return { containerId: id.replace(/^.*:\/\//, '') };
}
