/**
 * Values of downward API fields. Rules and texts: pkg/fieldpath/fieldpath.go, pkg/apis/core/pods/helpers.go and
 * podFieldSelectorRuntimeValue in pkg/kubelet/kubelet_pods.go.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { goQuote } from './go-quote.ts';
import { FarletError } from './errors.ts';
import type { Pod } from './kube.ts';

/** What a field can show besides the pod object: addresses as they are now. */
export interface FieldContext {
  /** in the runtime's order; orderPodIPs() gives them the node's */
  readonly podIPs: readonly string[];
  /** the node's InternalIPs, primary first */
  readonly hostIPs: readonly string[];
}

/**
 * The value of an env var's fieldRef. A label or annotation that is missing is "". Throws FarletError `invalid`
 * for a path that is no downward API field.
 */
export function resolveFieldRef(pod: Pod, path: string, context: FieldContext): string {
  const podIPs = orderPodIPs(context.podIPs, context.hostIPs);
  switch (path) {
    case 'spec.nodeName':
    case 'spec.host':
      return pod.spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return context.hostIPs[0] ?? '';
    case 'status.hostIPs':
      return context.hostIPs.join(',');
    case 'status.podIP':
      return podIPs[0] ?? '';
    case 'status.podIPs':
      return podIPs.join(',');
    default:
      return resolveMetadataField(pod, path);
  }
}

/** The value of a field of metadata: all that a downwardAPI volume may show. Throws FarletError `invalid`. */
export function resolveMetadataField(pod: Pod, path: string): string {
  const subscripted = /^(.+?)\['(.*)'\]$/s.exec(path);
  if (subscripted !== null) return subscriptedField(pod, path, subscripted[1] ?? '', subscripted[2] ?? '');
  switch (path) {
    case 'metadata.annotations':
      return formatMap(pod.metadata.annotations);
    case 'metadata.labels':
      return formatMap(pod.metadata.labels);
    case 'metadata.name':
      return pod.metadata.name;
    case 'metadata.namespace':
      return pod.metadata.namespace;
    case 'metadata.uid':
      return pod.metadata.uid;
    default:
      throw new FarletError('invalid', `unsupported fieldPath: ${path}`);
  }
}

/**
 * At most one address per family, the family of the node's primary address first (a node without addresses
 * counts as IPv4).
 */
export function orderPodIPs(podIPs: readonly string[], hostIPs: readonly string[]): string[] {
  const primary = hostIPs[0] === undefined || isIPv4(hostIPs[0]) ? isIPv4 : isIPv6;
  const secondary = primary === isIPv4 ? isIPv6 : isIPv4;
  return [podIPs.find((ip) => primary(ip)), podIPs.find((ip) => secondary(ip))].filter(
    (ip) => ip !== undefined,
  );
}

function subscriptedField(pod: Pod, path: string, field: string, key: string): string {
  if (field === 'metadata.annotations') return pod.metadata.annotations?.[key] ?? '';
  if (field === 'metadata.labels') return pod.metadata.labels?.[key] ?? '';
  throw new FarletError('invalid', `fieldPath ${goQuote(path)} does not support subscript`);
}

/** A line `key="value"` per entry, sorted by key. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.keys(map ?? {})
    .sort()
    .map((key) => `${key}=${goQuote(map?.[key] ?? '')}`)
    .join('\n');
}
