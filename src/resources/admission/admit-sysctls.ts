/** Which sysctls a pod may set (pkg/kubelet/sysctl). Pure. */
import { own } from '../../model/own.ts';
import { goQuote } from '../../model/go-quote.ts';
import type { Pod } from '../../model/kube.ts';
import { kernelAtLeast } from '../../model/kernel-version.ts';
import { normalizeSysctl, sysctlNamespace, type SysctlNamespace } from '../../model/sysctl-name.ts';
import { refused, type Refusal } from './refusal.ts';

/** Safe sysctls with the kernel that first keeps them apart per namespace (pkg/util/kernel/constants.go). */
const safe: Readonly<Record<string, string>> = {
  'kernel.shm_rmid_forced': '',
  'net.ipv4.ip_local_port_range': '',
  'net.ipv4.tcp_syncookies': '',
  'net.ipv4.ping_group_range': '',
  'net.ipv4.ip_unprivileged_port_start': '',
  'net.ipv4.ip_local_reserved_ports': '3.16',
  'net.ipv4.tcp_keepalive_time': '4.5',
  'net.ipv4.tcp_fin_timeout': '4.6',
  'net.ipv4.tcp_keepalive_intvl': '4.5',
  'net.ipv4.tcp_keepalive_probes': '4.5',
  'net.ipv4.tcp_rmem': '4.15',
  'net.ipv4.tcp_wmem': '4.15',
};

/** `allowedUnsafe` are the configured names, those that end in * being prefixes. */
export function refusedSysctl(
  pod: Pod,
  { kernelVersion, allowedUnsafe }: { kernelVersion: string; allowedUnsafe: readonly string[] },
): Refusal | undefined {
  for (const { name } of pod.spec.securityContext?.sysctls ?? []) {
    const dotted = normalizeSysctl(name);
    const namespace = allowedIn(dotted, { kernelVersion, allowedUnsafe });
    if (namespace === undefined)
      return refused('SysctlForbidden', `forbidden sysctl: ${goQuote(dotted)} not allowlisted`);
    const shared = namespace === 'IPC' ? pod.spec.hostIPC : pod.spec.hostNetwork;
    if (shared === true)
      return refused(
        'SysctlForbidden',
        `forbidden sysctl: ${goQuote(dotted)} not allowed with host ${namespace} enabled`,
      );
  }
  return undefined;
}

function allowedIn(
  name: string,
  { kernelVersion, allowedUnsafe }: { kernelVersion: string; allowedUnsafe: readonly string[] },
): SysctlNamespace | undefined {
  const since = own(safe, name);
  if (since !== undefined && (since === '' || kernelAtLeast(kernelVersion, since)))
    return sysctlNamespace(name);
  for (const pattern of allowedUnsafe.map(normalizeSysctl)) {
    const star = pattern.indexOf('*');
    const prefix = star === -1 ? pattern : pattern.slice(0, star);
    if (star === -1 ? name === pattern : name.startsWith(prefix)) return sysctlNamespace(prefix);
  }
  return undefined;
}
