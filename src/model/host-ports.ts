import type { Pod } from './kube.ts';

/** The ports a pod takes from its host, as protocol/port; two pods with one of them can't share a host. */
export function hostPorts(pod: Pod): string[] {
  return pod.spec.containers.flatMap(({ ports }) =>
    (ports ?? [])
      .filter(({ hostPort }) => hostPort !== undefined && hostPort > 0)
      .map(({ hostPort, protocol }) => `${protocol ?? 'TCP'}/${String(hostPort)}`),
  );
}
