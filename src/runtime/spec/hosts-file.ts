/** The /etc/hosts that a pod's containers share: managedHostsFileContent in pkg/kubelet/kubelet_pods.go. */
import type { Pod } from '../../model/kube.ts';
import type { PodHostname } from './hostname.ts';

const localEntries = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'fe00::0\tip6-mcastprefix',
  'fe00::1\tip6-allnodes',
  'fe00::2\tip6-allrouters',
];

/** For a pod with a network of its own. */
export function managedHostsFile(pod: Pod, name: PodHostname, podIPs: readonly string[]): string {
  const names = name.domain === '' ? name.hostname : `${name.hostname}.${name.domain}\t${name.hostname}`;
  return [
    '# Kubernetes-managed hosts file.',
    ...localEntries,
    ...podIPs.map((ip) => `${ip}\t${names}`),
    ...aliases(pod),
    '',
  ].join('\n');
}

/** For a pod on the host's network: the host's own file and the aliases. */
export function hostNetworkHostsFile(pod: Pod, hostsFile: string): string {
  const added = aliases(pod);
  return `# Kubernetes-managed hosts file (host network).\n${hostsFile}${added.map((line) => `${line}\n`).join('')}`;
}

function aliases(pod: Pod): string[] {
  const entries = pod.spec.hostAliases ?? [];
  if (entries.length === 0) return [];
  return [
    '',
    '# Entries added by HostAliases.',
    ...entries.map(({ ip, hostnames }) => `${ip}\t${(hostnames ?? []).join('\t')}`),
  ];
}
