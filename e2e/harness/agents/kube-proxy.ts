/** kube-proxy as kubeadm sets it up (cmd/kubeadm/app/phases/addons/proxy). */
import { grant, json } from './objects.ts';

const NAME = { name: 'kube-proxy', namespace: 'kube-system' };
const LABELS = { 'k8s-app': 'kube-proxy' };
const CONFIG = '/var/lib/kube-proxy';
const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount';

/** It dials the API server itself: there is no Service before it. */
export function kubeProxy({ server, clusterCIDR }: { server: string; clusterCIDR: string }): object[] {
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'default', cluster: { server, 'certificate-authority': `${TOKEN}/ca.crt` } }],
    users: [{ name: 'default', user: { tokenFile: `${TOKEN}/token` } }],
    contexts: [{ name: 'default', context: { cluster: 'default', user: 'default' } }],
    'current-context': 'default',
  };
  const config = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: `${CONFIG}/kubeconfig.conf` },
    clusterCIDR,
    mode: 'iptables',
    // a network namespace may not raise the kernel's limit; that of a machine may
    conntrack: { maxPerCore: 0 },
  };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: NAME },
    grant(NAME, 'system:node-proxier'),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: NAME,
      data: { 'kubeconfig.conf': json(kubeconfig), 'config.conf': json(config) },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { ...NAME, labels: LABELS },
      spec: {
        selector: { matchLabels: LABELS },
        template: {
          metadata: { labels: LABELS },
          spec: {
            priorityClassName: 'system-node-critical',
            hostNetwork: true,
            serviceAccountName: NAME.name,
            tolerations: [{ operator: 'Exists' }],
            nodeSelector: { 'kubernetes.io/os': 'linux' },
            containers: [
              {
                name: 'kube-proxy',
                image: 'localhost/kube-proxy:v1.36.3',
                command: [
                  '/usr/local/bin/kube-proxy',
                  `--config=${CONFIG}/config.conf`,
                  '--hostname-override=$(NODE_NAME)',
                ],
                env: [{ name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
                securityContext: { privileged: true },
                volumeMounts: [
                  { name: 'kube-proxy', mountPath: CONFIG },
                  { name: 'xtables-lock', mountPath: '/run/xtables.lock' },
                  { name: 'lib-modules', mountPath: '/lib/modules', readOnly: true },
                ],
              },
            ],
            volumes: [
              { name: 'kube-proxy', configMap: { name: NAME.name } },
              { name: 'xtables-lock', hostPath: { path: '/run/xtables.lock', type: 'FileOrCreate' } },
              { name: 'lib-modules', hostPath: { path: '/lib/modules' } },
            ],
          },
        },
      },
    },
  ];
}
