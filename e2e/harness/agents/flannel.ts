/** flannel as its own kube-flannel.yml sets it up. */
import { clusterRole, grant, json } from './objects.ts';

const NAME = { name: 'flannel', namespace: 'kube-flannel' };
const IMAGE = 'localhost/flannel:v0.28.10';
const LABELS = { app: 'flannel', tier: 'node' };

export function flannel(clusterCIDR: string): object[] {
  const cni = {
    name: 'cbr0',
    // of flannel's plugin as it was among the plugins of CNI: the last one that the module proxy has
    cniVersion: '0.4.0',
    plugins: [
      { type: 'flannel', delegate: { hairpinMode: true, isDefaultGateway: true } },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
  const network = { Network: clusterCIDR, EnableNFTables: false, Backend: { Type: 'vxlan' } };
  const field = (fieldPath: string): object => ({ fieldRef: { fieldPath } });
  const probe = (path: string): object => ({ httpGet: { path, port: 'healthz' } });
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: NAME.namespace, labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } },
    },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: NAME },
    clusterRole(NAME.name, [
      { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
      { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
    ]),
    grant(NAME, NAME.name),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...NAME, name: 'kube-flannel-cfg' },
      data: { 'cni-conf.json': json(cni), 'net-conf.json': json(network) },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { ...NAME, name: 'kube-flannel-ds', labels: LABELS },
      spec: {
        selector: { matchLabels: LABELS },
        template: {
          metadata: { labels: LABELS },
          spec: {
            hostNetwork: true,
            priorityClassName: 'system-node-critical',
            tolerations: [{ operator: 'Exists', effect: 'NoSchedule' }],
            serviceAccountName: NAME.name,
            initContainers: [
              {
                name: 'install-cni-plugin',
                image: 'localhost/flannel-cni-plugin:v0.9.1',
                command: ['cp'],
                args: ['-f', '/flannel', '/opt/cni/bin/flannel'],
                volumeMounts: [{ name: 'cni-plugin', mountPath: '/opt/cni/bin' }],
              },
              {
                name: 'install-cni',
                image: IMAGE,
                command: ['/opt/bin/install-conf'],
                args: ['/etc/kube-flannel/cni-conf.json', '/etc/cni/net.d/10-flannel.conflist'],
                volumeMounts: [
                  { name: 'cni', mountPath: '/etc/cni/net.d' },
                  { name: 'flannel-cfg', mountPath: '/etc/kube-flannel/' },
                ],
              },
            ],
            containers: [
              {
                name: 'kube-flannel',
                image: IMAGE,
                command: ['/opt/bin/flanneld'],
                args: ['--ip-masq', '--kube-subnet-mgr', '--healthz-port=8081'],
                ports: [{ name: 'healthz', containerPort: 8081, protocol: 'TCP' }],
                livenessProbe: { ...probe('/healthz'), initialDelaySeconds: 10, periodSeconds: 30 },
                readinessProbe: { ...probe('/readyz'), initialDelaySeconds: 5, periodSeconds: 10 },
                resources: { requests: { cpu: '100m', memory: '50Mi' } },
                securityContext: { privileged: false, capabilities: { add: ['NET_ADMIN', 'NET_RAW'] } },
                env: [
                  { name: 'POD_NAME', valueFrom: field('metadata.name') },
                  { name: 'POD_NAMESPACE', valueFrom: field('metadata.namespace') },
                  { name: 'EVENT_QUEUE_DEPTH', value: '5000' },
                  { name: 'CONT_WHEN_CACHE_NOT_READY', value: 'false' },
                ],
                volumeMounts: [
                  { name: 'run', mountPath: '/run/flannel' },
                  { name: 'flannel-cfg', mountPath: '/etc/kube-flannel/' },
                  { name: 'xtables-lock', mountPath: '/run/xtables.lock' },
                ],
              },
            ],
            volumes: [
              { name: 'run', hostPath: { path: '/run/flannel' } },
              { name: 'cni-plugin', hostPath: { path: '/opt/cni/bin' } },
              { name: 'cni', hostPath: { path: '/etc/cni/net.d' } },
              { name: 'flannel-cfg', configMap: { name: 'kube-flannel-cfg' } },
              { name: 'xtables-lock', hostPath: { path: '/run/xtables.lock', type: 'FileOrCreate' } },
            ],
          },
        },
      },
    },
  ];
}
