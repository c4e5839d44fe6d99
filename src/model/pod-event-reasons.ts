/** Reasons of events on pods and their containers. docs/events.md lists them. */
import type { EventRow } from './event-row.ts';

const containers = 'pkg/kubelet/kuberuntime/kuberuntime_container.go';
const manager = 'pkg/kubelet/kuberuntime/kuberuntime_manager.go';
const images = 'pkg/kubelet/images/image_manager.go';
const kubelet = 'pkg/kubelet/kubelet.go';
const allocation = 'pkg/kubelet/allocation/allocation_manager.go';
const operations = 'pkg/volume/util/operationexecutor/operation_generator.go';
const prober = 'pkg/kubelet/prober/prober.go';

const normal = { type: 'Normal' } as const;
const warning = { type: 'Warning' } as const;
const pod = { about: 'Pod' } as const;
const container = { about: 'Container' } as const;

/** Of containers and their images. */
const containerTable = {
  Pulling: { ...normal, ...container, meaning: 'The pull of an image begins.', source: images },
  Pulled: {
    ...normal,
    ...container,
    meaning: 'The image was pulled, or is on the host and the pod may use it.',
    source: images,
  },
  BackOffPull: {
    ...normal,
    ...container,
    shown: 'BackOff',
    meaning: 'A pull failed before and waits for its next try.',
    source: images,
  },
  ErrImageNeverPull: {
    ...warning,
    ...container,
    meaning: 'The image is not on the host and its pull policy is Never.',
    source: images,
  },
  InspectFailed: {
    ...warning,
    ...container,
    meaning: "The image's name is invalid, or the runtime could not look it up.",
    source: images,
  },
  Created: { ...normal, ...container, meaning: 'The container was created.', source: containers },
  Started: { ...normal, ...container, meaning: 'The container was started.', source: containers },
  Failed: {
    ...warning,
    ...container,
    meaning: 'An image could not be pulled, or a container could not be created or started.',
    source: containers,
  },
  BackOffRestart: {
    ...warning,
    ...container,
    shown: 'BackOff',
    meaning: 'The container ends again and again, and its next restart waits.',
    source: manager,
  },
  Killing: { ...normal, ...container, meaning: 'The container is being stopped.', source: containers },
  FailedPostStartHook: {
    ...warning,
    ...container,
    meaning: 'The postStart hook failed and the container is stopped for it.',
    source: containers,
  },
  FailedPreStopHook: {
    ...warning,
    ...container,
    meaning: 'The preStop hook failed; the container is stopped all the same.',
    source: containers,
  },
  Unhealthy: { ...warning, ...container, meaning: 'A probe of the container failed.', source: prober },
  ProbeWarning: {
    ...warning,
    ...container,
    meaning: 'A probe succeeded with a doubtful answer, such as a redirect to another host.',
    source: prober,
  },
} as const satisfies Readonly<Record<string, EventRow>>;

/** Of pods, as a kubelet has them. */
const podTable = {
  SandboxChanged: {
    ...normal,
    ...pod,
    meaning: 'The sandbox is gone or no longer fits the pod, and is made again.',
    source: manager,
  },
  FailedCreatePodSandBox: {
    ...warning,
    ...pod,
    meaning: 'The sandbox could not be created.',
    source: manager,
  },
  FailedPodSandBoxStatus: {
    ...warning,
    ...pod,
    meaning: 'The sandbox was created, and its status could not be read.',
    source: manager,
  },
  FailedCreatePodContainer: {
    ...warning,
    ...pod,
    meaning: "The pod's cgroups could not be made.",
    source: kubelet,
  },
  FailedKillPod: {
    ...warning,
    ...pod,
    meaning: 'Containers or sandboxes of the pod could not be stopped; it is tried again.',
    source: kubelet,
  },
  FailedSync: {
    ...warning,
    ...pod,
    meaning: 'The runtime did not report the status of everything that it holds of the pod.',
    source: kubelet,
  },
  NetworkNotReady: {
    ...warning,
    ...pod,
    meaning: "The host's network is not ready, and the pod waits for it.",
    source: kubelet,
  },
  DeadlineExceeded: {
    ...normal,
    ...pod,
    meaning: 'The pod was active longer than its activeDeadlineSeconds and is stopped.',
    source: 'pkg/kubelet/active_deadline.go',
  },
  FailedToRetrieveImagePullSecret: {
    ...warning,
    ...pod,
    meaning: 'Some image pull secrets could not be read; the pull is tried without them.',
    source: 'pkg/kubelet/kubelet_pods.go',
  },
  LifecycleHTTPFallback: {
    ...warning,
    ...pod,
    meaning: 'A hook over HTTPS was answered in plain HTTP, and succeeded when sent again in HTTP.',
    source: 'pkg/kubelet/lifecycle/handlers.go',
  },
  DNSConfigForming: {
    ...warning,
    ...pod,
    meaning: 'Name servers or search domains of the pod exceed the limits, and some are left out.',
    source: 'pkg/kubelet/network/dns/dns.go',
  },
  MissingClusterDNS: {
    ...warning,
    about: 'Pod or Node',
    meaning: 'The pod asks for the DNS of the cluster and clusterDNS is not configured.',
    source: 'pkg/kubelet/network/dns/dns.go',
  },
  FailedMount: {
    ...warning,
    ...pod,
    meaning: 'A volume could not be made ready; it is tried again.',
    source: operations,
  },
  FailedMapVolume: {
    ...warning,
    ...pod,
    meaning: 'A block device could not be made ready; it is tried again.',
    source: operations,
  },
  AlreadyMountedVolume: {
    ...warning,
    ...pod,
    meaning: 'Another pod has the local volume with another fsGroup.',
    source: 'pkg/volume/local/local.go',
  },
  VolumePermissionChangeInProgress: {
    ...warning,
    ...pod,
    meaning: "Giving the volume's files to the fsGroup takes long.",
    source: 'pkg/volume/volume_linux.go',
  },
  Preempting: {
    ...warning,
    ...pod,
    meaning: 'The pod is stopped to make room for a critical pod.',
    source: 'pkg/kubelet/preemption/preemption.go',
  },
  ExceededGracePeriod: {
    ...warning,
    ...pod,
    meaning: 'An evicted pod was not stopped within its grace period.',
    source: 'pkg/kubelet/pod_workers.go',
  },
  ResizeStarted: { ...normal, ...pod, meaning: 'A resize was granted and begins.', source: allocation },
  ResizeCompleted: { ...normal, ...pod, meaning: 'A resize is complete.', source: allocation },
  ResizeDeferred: {
    ...warning,
    ...pod,
    meaning: 'A resize waits until the node has room for it.',
    source: allocation,
  },
  ResizeInfeasible: {
    ...warning,
    ...pod,
    meaning: 'The node can never grant the resize.',
    source: allocation,
  },
  ResizeError: {
    ...warning,
    ...pod,
    meaning: 'A granted resize failed; it is tried again.',
    source: allocation,
  },
  NodeNotReadyOfPod: {
    ...warning,
    ...pod,
    shown: 'NodeNotReady',
    meaning: "The pod's host does not answer, and the pod is marked as not ready.",
    source: 'pkg/controller/util/node/controller_utils.go',
  },
} as const satisfies Readonly<Record<string, EventRow>>;

/** Of pods, farlet's own. */
const ownTable = {
  FailedRemovePodContainers: {
    ...warning,
    ...pod,
    meaning:
      'Nothing of the pod runs, and the runtime refuses to remove some of its containers or sandboxes.',
    advice: "It is tried again every minute; a restart of the host's runtime usually helps.",
    source: 'farlet',
  },
  HostUnknown: {
    ...warning,
    ...pod,
    meaning: 'The configuration no longer has the host that the pod was placed on.',
    advice: 'Put the host back, or delete the pod.',
    source: 'farlet',
  },
  HostLost: {
    ...warning,
    ...pod,
    meaning: "The pod's host, one of several of its node, does not answer; nothing was stopped.",
    advice: 'See the condition farlet.dev/HostsReady of the node.',
    source: 'farlet',
  },
  HostLostEviction: {
    ...warning,
    ...pod,
    meaning: 'The host was lost for longer than podEvictionTimeout, and the pod was deleted to be replaced.',
    source: 'farlet',
  },
  HostDraining: {
    ...normal,
    ...pod,
    meaning: 'The pod was evicted because its host is being drained (`drain: true`).',
    source: 'farlet',
  },
  HostEvictionFailed: {
    ...warning,
    ...pod,
    meaning: 'A pod of a lost or drained host could not be evicted; it is tried again.',
    advice: 'The message has the reason: a PodDisruptionBudget, or missing rights.',
    source: 'farlet',
  },
} as const satisfies Readonly<Record<string, EventRow>>;

export const podEventTable = { ...containerTable, ...podTable, ...ownTable } as const;
