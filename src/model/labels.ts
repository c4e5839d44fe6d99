/**
 * Label and annotation keys on sandboxes and containers (kubelet: pkg/kubelet/types/labels.go,
 * kuberuntime/labels.go).
 */
export const labels = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  containerName: 'io.kubernetes.container.name',
  /** the virtual node a sandbox or container belongs to: farlet never touches one of another */
  node: 'farlet.dev/node',
  /** the cluster (UID of its kube-system namespace): two clusters may use one host */
  cluster: 'farlet.dev/cluster',
} as const;

/**
 * Labels of helpers alone (hosts/tcp/helper-spec.ts). They carry none of those that pods' sandboxes are found
 * by (those above, and the kubelet's), so that no list of pods, no collector and no eviction ever sees a
 * helper; and no pod's sandbox gets them, so that no pod is ever taken for a helper.
 */
export const helperLabels = {
  node: 'farlet.dev/helper',
  cluster: 'farlet.dev/helper-cluster',
  /** a hash of image and form: one that is made differently by now is made again */
  spec: 'farlet.dev/helper-spec',
} as const;

/** A pod's own labels, without those by which farlet would take it for one of its own helpers. */
export function labelsForRuntime(own: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const reserved: ReadonlySet<string> = new Set(Object.values(helperLabels));
  return Object.fromEntries(Object.entries(own ?? {}).filter(([key]) => !reserved.has(key)));
}

export const annotations = {
  containerHash: 'io.kubernetes.container.hash',
  restartCount: 'io.kubernetes.container.restartCount',
  terminationMessagePath: 'io.kubernetes.container.terminationMessagePath',
  terminationMessagePolicy: 'io.kubernetes.container.terminationMessagePolicy',
  preStopHandler: 'io.kubernetes.container.preStopHandler',
  ports: 'io.kubernetes.container.ports',
  podDeletionGracePeriod: 'io.kubernetes.pod.deletionGracePeriod',
  podTerminationGracePeriod: 'io.kubernetes.pod.terminationGracePeriod',
  configSource: 'kubernetes.io/config.source',
  configSeen: 'kubernetes.io/config.seen',
  configMirror: 'kubernetes.io/config.mirror',
  /** on containers that have CPUs for themselves: which, so that a restarted farlet knows */
  exclusiveCpus: 'farlet.dev/exclusive-cpus',
  configHash: 'kubernetes.io/config.hash',
} as const;
