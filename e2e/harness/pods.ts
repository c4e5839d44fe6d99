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
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { replicas, selector: { matchLabels: { app: name } }, template: podTemplate(name, { node, spec }) },
  };
}

/** Of pods labelled `app: name`, on this node or wherever their controller puts them. */
export function podTemplate(
  name: string,
  { node, spec = {} }: { node?: string; spec?: object } = {},
): object {
  return {
    metadata: { labels: { app: name } },
    spec: {
      ...(node === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': node } }),
      tolerations: [{ operator: 'Exists' }],
      terminationGracePeriodSeconds: 2,
      containers: [shell()],
      ...spec,
    },
  };
}
