/** node-exporter as the chart prometheus-node-exporter sets it up. */

const NAME = { name: 'node-exporter', namespace: 'monitoring' };
const LABELS = { 'app.kubernetes.io/name': 'node-exporter' };
export const NODE_EXPORTER_PORT = 9100;

export function nodeExporter(): object[] {
  const probe = { httpGet: { path: '/', port: NODE_EXPORTER_PORT, scheme: 'HTTP' } };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAME.namespace } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: NAME, automountServiceAccountToken: false },
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { ...NAME, labels: LABELS },
      spec: {
        selector: { matchLabels: LABELS },
        template: {
          metadata: { labels: LABELS },
          spec: {
            serviceAccountName: NAME.name,
            automountServiceAccountToken: false,
            hostNetwork: true,
            hostPID: true,
            securityContext: { fsGroup: 65534, runAsGroup: 65534, runAsNonRoot: true, runAsUser: 65534 },
            nodeSelector: { 'kubernetes.io/os': 'linux' },
            tolerations: [{ effect: 'NoSchedule', operator: 'Exists' }],
            containers: [
              {
                name: 'node-exporter',
                image: 'localhost/node-exporter:v1.12.1',
                args: [
                  '--path.procfs=/host/proc',
                  '--path.sysfs=/host/sys',
                  '--path.rootfs=/host/root',
                  '--path.udev.data=/host/root/run/udev/data',
                  `--web.listen-address=[$(HOST_IP)]:${NODE_EXPORTER_PORT}`,
                ],
                env: [{ name: 'HOST_IP', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } }],
                ports: [{ name: 'metrics', containerPort: NODE_EXPORTER_PORT, protocol: 'TCP' }],
                livenessProbe: probe,
                readinessProbe: probe,
                securityContext: { readOnlyRootFilesystem: true },
                volumeMounts: [
                  { name: 'proc', mountPath: '/host/proc', readOnly: true },
                  { name: 'sys', mountPath: '/host/sys', readOnly: true },
                  {
                    name: 'root',
                    mountPath: '/host/root',
                    mountPropagation: 'HostToContainer',
                    readOnly: true,
                  },
                ],
              },
            ],
            volumes: [
              { name: 'proc', hostPath: { path: '/proc' } },
              { name: 'sys', hostPath: { path: '/sys' } },
              { name: 'root', hostPath: { path: '/' } },
            ],
          },
        },
      },
    },
  ];
}
