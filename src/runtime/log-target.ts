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
  const own =
    status.state?.running === undefined ? status.state?.terminated?.containerID : status.containerID;
  const id = own ?? last;
  if (id !== undefined) return target(id);
  const reason = status.state?.waiting?.reason;
  switch (reason) {
    case undefined:
      return refuse(`container "${container}" in pod "${pod}" is not available`);
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
