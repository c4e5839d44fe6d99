/** Parts of pod specs that scenarios share. */

export const IMAGE = 'localhost/busybox:1';

/** Runs until it is told to stop, and stops at once then. */
export const SLEEP = 'trap "exit 0" TERM; sleep 10000 & wait';

/** A container `c` that runs a shell command, by default one that sleeps. */
export function shell(command: string = SLEEP, more: object = {}): object {
  return { name: 'c', image: IMAGE, command: ['sh', '-c', command], ...more };
}

/** A Deployment whose pods the scheduler puts on this node. */
export function deployment(
  name: string,
  { node, replicas, spec = {} }: { node: string; replicas: number; spec?: object },
): object {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': node },
          tolerations: [{ operator: 'Exists' }],
          terminationGracePeriodSeconds: 2,
          containers: [shell()],
          ...spec,
        },
      },
    },
  };
}
