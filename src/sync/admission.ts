/** Whether a node takes a pod (pkg/kubelet/lifecycle/predicate.go and its neighbours). Pure. */
import type { Pod, Taint } from '../model/kube.ts';
import type { NodeInfo } from '../model/node-info.ts';
import { isStaticPod } from '../model/pod-source.ts';
import { podRequest } from '../model/pod-requests.ts';
import { quantityMilli, quantityValue } from '../model/quantity.ts';
import type { AdmissionVerdict } from './sync-loop.ts';

export interface AdmissionInput {
  readonly pod: Pod;
  readonly node: NodeInfo;
  readonly taints: readonly Taint[];
  /** pods that hold resources of the node */
  readonly active: readonly Pod[];
}

const admitted: AdmissionVerdict = { admitted: true };
const safeSysctls = new Set(
  'kernel.shm_rmid_forced net.ipv4.ip_local_port_range net.ipv4.tcp_syncookies net.ipv4.ping_group_range net.ipv4.ip_unprivileged_port_start net.ipv4.ip_local_reserved_ports net.ipv4.tcp_keepalive_time net.ipv4.tcp_fin_timeout net.ipv4.tcp_keepalive_intvl net.ipv4.tcp_keepalive_probes net.ipv4.tcp_rmem net.ipv4.tcp_wmem'.split(
    ' ',
  ),
);

export function admitPod(input: AdmissionInput): AdmissionVerdict {
  for (const check of [sysctls, features, resources, selector, ports, taints, os]) {
    const verdict = check(input);
    if (!verdict.admitted) return verdict;
  }
  return admitted;
}

function refused(reason: string, message: string): AdmissionVerdict {
  return { admitted: false, reason, message };
}

function sysctls({ pod }: AdmissionInput): AdmissionVerdict {
  for (const { name } of pod.spec.securityContext?.sysctls ?? []) {
    const dotted = name.replaceAll('/', '.');
    if (!safeSysctls.has(dotted))
      return refused('SysctlForbidden', `forbidden sysctl: "${name}" not allowlisted`);
    if (pod.spec.hostNetwork === true && dotted.startsWith('net.'))
      return refused('SysctlForbidden', `forbidden sysctl: "${name}" not allowed with host net enabled`);
    if (pod.spec.hostIPC === true && dotted.startsWith('kernel.'))
      return refused('SysctlForbidden', `forbidden sysctl: "${name}" not allowed with host ipc enabled`);
  }
  return admitted;
}

/** What farlet can't do is refused rather than left out. */
function features({ pod }: AdmissionInput): AdmissionVerdict {
  if (pod.spec.resourceClaims !== undefined && pod.spec.resourceClaims.length > 0)
    return refused('PodFeatureUnsupported', 'farlet does not support resource claims');
  return admitted;
}

function resources({ pod, node, active }: AdmissionInput): AdmissionVerdict {
  const limit = quantityValue(node.allocatable.pods);
  if (active.length + 1 > limit)
    return refused('OutOfpods', insufficient('pods', { requested: 1, used: active.length, capacity: limit }));
  for (const [name, requested] of Object.entries(podRequest(pod))) {
    const quantity = node.allocatable[name];
    // extended resources that the node does not know are the scheduler's affair
    if (quantity === undefined || requested === 0) continue;
    const capacity = name === 'cpu' ? quantityMilli(quantity) : quantityValue(quantity);
    const used = active.reduce((sum, other) => sum + (podRequest(other)[name] ?? 0), 0);
    if (used + requested > capacity)
      return refused(`OutOf${name}`, insufficient(name, { requested, used, capacity }));
  }
  return admitted;
}

function insufficient(
  name: string,
  { requested, used, capacity }: { requested: number; used: number; capacity: number },
): string {
  return `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`;
}

function selector({ pod, node }: AdmissionInput): AdmissionVerdict {
  const affinity = refused(
    'NodeAffinity',
    "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  );
  if (!Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => node.labels[key] === value))
    return affinity;
  const terms =
    pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (terms === undefined) return admitted;
  const fields = { 'metadata.name': node.name };
  const matches = terms.some(
    ({ matchExpressions = [], matchFields = [] }) =>
      matchExpressions.length + matchFields.length > 0 &&
      matchExpressions.every((each) => satisfies(each, node.labels)) &&
      matchFields.every((each) => satisfies(each, fields)),
  );
  return matches ? admitted : affinity;
}

function satisfies(
  { key, operator, values = [] }: { key: string; operator: string; values?: string[] },
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = labels[key];
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

function ports({ pod, active }: AdmissionInput): AdmissionVerdict {
  const used = new Set(active.flatMap(hostPorts));
  return hostPorts(pod).some((port) => used.has(port))
    ? refused(
        'NodePorts',
        "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
      )
    : admitted;
}

function hostPorts(pod: Pod): string[] {
  return pod.spec.containers.flatMap(({ ports: list }) =>
    (list ?? [])
      .filter(({ hostPort }) => hostPort !== undefined && hostPort > 0)
      .map(({ hostPort, protocol }) => `${protocol ?? 'TCP'}/${String(hostPort)}`),
  );
}

function taints({ pod, taints: all }: AdmissionInput): AdmissionVerdict {
  // nobody could move a static pod to another node
  if (isStaticPod(pod)) return admitted;
  const hostile = all
    .filter(({ effect }) => effect === 'NoExecute')
    .some((taint) => !(pod.spec.tolerations ?? []).some((toleration) => tolerates(toleration, taint)));
  return hostile
    ? refused(
        'TaintToleration',
        "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
      )
    : admitted;
}

function tolerates(
  { key, operator, value, effect }: { key?: string; operator?: string; value?: string; effect?: string },
  taint: Taint,
): boolean {
  if (effect !== undefined && effect !== '' && effect !== taint.effect) return false;
  if (key !== undefined && key !== '' && key !== taint.key) return false;
  return operator === 'Exists' || (key !== undefined && (value ?? '') === (taint.value ?? ''));
}

function os({ pod }: AdmissionInput): AdmissionVerdict {
  const name = pod.spec.os?.name;
  return name === undefined || name === 'linux'
    ? admitted
    : refused('PodOSNotSupported', "Failed to admit pod as the OS field doesn't match node OS");
}
