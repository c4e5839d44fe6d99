/**
 * The Kubernetes objects farlet handles, as they travel: plain JSON. The client library types timestamps as
 * Date because its own deserializer makes them so; farlet reads and writes JSON and keeps the strings.
 */
import type * as k8s from '@kubernetes/client-node';

/** T as it is on the wire: every Date is its RFC 3339 text. */
export type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer U)[]
    ? Wire<U>[]
    : T extends object
      ? { [K in keyof T]: Wire<T[K]> }
      : T;

export type ObjectMeta = Wire<k8s.V1ObjectMeta>;

/** A pod as the API server stores it: what is defaulted or required there is present here. */
export type Pod = Omit<Wire<k8s.V1Pod>, 'metadata' | 'spec'> & {
  metadata: ObjectMeta & { name: string; namespace: string; uid: string };
  spec: PodSpec;
};
export type PodSpec = Wire<k8s.V1PodSpec>;
export type PodStatus = Wire<k8s.V1PodStatus>;
export type PodCondition = Wire<k8s.V1PodCondition>;
export type Container = Wire<k8s.V1Container>;
export type EphemeralContainer = Wire<k8s.V1EphemeralContainer>;
export type ContainerStatus = Wire<k8s.V1ContainerStatus>;
export type ContainerState = Wire<k8s.V1ContainerState>;
export type ContainerStateTerminated = Wire<k8s.V1ContainerStateTerminated>;
export type ContainerPort = Wire<k8s.V1ContainerPort>;
export type SecurityContext = Wire<k8s.V1SecurityContext>;
export type ResourceRequirements = Wire<k8s.V1ResourceRequirements>;
export type EnvVar = Wire<k8s.V1EnvVar>;
export type LifecycleHandler = Wire<k8s.V1LifecycleHandler>;
export type HTTPGetAction = Wire<k8s.V1HTTPGetAction>;
export type Probe = Wire<k8s.V1Probe>;
export type Volume = Wire<k8s.V1Volume>;
export type VolumeMount = Wire<k8s.V1VolumeMount>;
export type KeyToPath = Wire<k8s.V1KeyToPath>;
export type Taint = Wire<k8s.V1Taint>;
export type ConfigMap = Wire<k8s.V1ConfigMap>;
export type Secret = Wire<k8s.V1Secret>;
export type Service = Wire<k8s.V1Service>;
export type PersistentVolume = Wire<k8s.V1PersistentVolume>;
export type PersistentVolumeClaim = Wire<k8s.V1PersistentVolumeClaim>;
export type RuntimeClass = Wire<k8s.V1RuntimeClass>;
export type Lease = Wire<k8s.V1Lease>;
export type KubeNode = Omit<Wire<k8s.V1Node>, 'metadata'> & { metadata: ObjectMeta & { name: string } };
export type NodeStatus = Wire<k8s.V1NodeStatus>;
export type NodeCondition = Wire<k8s.V1NodeCondition>;
export type ObjectReference = Wire<k8s.V1ObjectReference>;
export type CoreEvent = Wire<k8s.CoreV1Event>;
export type CertificateSigningRequest = Wire<k8s.V1CertificateSigningRequest>;
export type TokenRequest = Wire<k8s.AuthenticationV1TokenRequest>;
export type TokenReview = Wire<k8s.V1TokenReview>;
export type SubjectAccessReview = Wire<k8s.V1SubjectAccessReview>;
export type SelfSubjectAccessReview = Wire<k8s.V1SelfSubjectAccessReview>;

/** Anything with metadata, as watches and caches hold it. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
}
