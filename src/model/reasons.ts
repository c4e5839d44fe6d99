/**
 * Why a container waits, as the API shows it (kubelet: pkg/kubelet/container, images, kuberuntime error
 * names).
 */
export type WaitingReason =
  | 'ContainerCreating'
  | 'PodInitializing'
  | 'CrashLoopBackOff'
  | 'ErrImagePull'
  | 'ImagePullBackOff'
  | 'ErrImageNeverPull'
  | 'InvalidImageName'
  | 'ImageInspectError'
  | 'RegistryUnavailable'
  | 'SignatureValidationFailed'
  | 'CreateContainerConfigError'
  | 'PreCreateHookError'
  | 'CreateContainerError'
  | 'PreStartHookError'
  | 'RunContainerError'
  | 'PostStartHookError'
  | 'RestartingAllContainers';

/**
 * A container could not be started. The reason becomes the container's waiting reason, the message its
 * waiting message.
 */
export class ContainerStartError extends Error {
  readonly reason: WaitingReason;
  constructor(reason: WaitingReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ContainerStartError';
    this.reason = reason;
  }
}
