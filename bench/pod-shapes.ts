/** Specs of pods to measure with, without their node. */
export type PodShape = Readonly<Record<string, unknown>>;

const IMAGE = 'localhost/busybox:1';
/** what pods of these shapes refer to by name */
export const CONFIG = 'config';
export const SECRET = 'secret';

const container = {
  name: 'c',
  image: IMAGE,
  // ends at once when told to
  command: ['sh', '-c', 'trap "exit 0" TERM; sleep 1000000 & wait'],
};

/** One container and no volume at all, not even for a token. */
export const bare: PodShape = {
  terminationGracePeriodSeconds: 2,
  automountServiceAccountToken: false,
  containers: [container],
};

/** One container; the rest is what the API server makes of it, token volume included. */
export const plain: PodShape = { terminationGracePeriodSeconds: 2, containers: [container] };

const volumes = [
  { name: 'config', configMap: { name: CONFIG } },
  { name: 'secret', secret: { secretName: SECRET } },
];
const volumeMounts = [
  { name: 'config', mountPath: '/config' },
  { name: 'secret', mountPath: '/secret' },
];

/** One container, a ConfigMap, a Secret, and the token that the API server adds. */
export const withFiles: PodShape = { ...plain, volumes, containers: [{ ...container, volumeMounts }] };

/**
 * As a service's pods are: files, variables from them, an init container, probes. The one that makes it Ready
 * succeeds at once, or how long a pod takes would be a matter of the probe's period.
 */
export const usual: PodShape = {
  terminationGracePeriodSeconds: 2,
  volumes,
  initContainers: [{ name: 'init', image: IMAGE, command: ['test', '-f', '/config/a'], volumeMounts }],
  containers: [
    {
      ...container,
      command: ['sh', '-c', 'trap "exit 0" TERM; httpd -p 8080 -h /config; sleep 1000000 & wait'],
      ports: [{ containerPort: 8080 }],
      env: [
        { name: 'A', valueFrom: { configMapKeyRef: { name: CONFIG, key: 'a' } } },
        { name: 'B', valueFrom: { secretKeyRef: { name: SECRET, key: 'b' } } },
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      ],
      volumeMounts,
      readinessProbe: { exec: { command: ['test', '-f', '/secret/b'] } },
      livenessProbe: { httpGet: { path: '/a', port: 8080 } },
    },
  ],
};
