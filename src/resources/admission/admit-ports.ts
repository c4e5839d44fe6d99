/**
 * Whether a pod's host ports are free (scheduler framework/plugins/nodeports, framework HostPortInfo). Pure.
 */
import { isSidecar } from '../../model/containers.ts';
import type { Pod } from '../../model/kube.ts';

interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

const everyAddress = '0.0.0.0';

export function portsAreFree(pod: Pod, others: readonly Pod[]): boolean {
  const taken = others.flatMap(hostPorts);
  return !hostPorts(pod).some((wanted) => taken.some((other) => clash(wanted, other)));
}

function clash(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.ip === b.ip || a.ip === everyAddress || b.ip === everyAddress;
}

function hostPorts(pod: Pod): HostPort[] {
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(isSidecar)].flatMap(({ ports }) =>
    (ports ?? []).flatMap(({ hostPort = 0, hostIP = '', protocol = 'TCP' }) =>
      hostPort > 0 ? [{ ip: hostIP === '' ? everyAddress : hostIP, protocol, port: hostPort }] : [],
    ),
  );
}
