/**
 * Values of downward API fields. Rules and texts: pkg/fieldpath/fieldpath.go, pkg/apis/core/pods/helpers.go
 * and podFieldSelectorRuntimeValue in pkg/kubelet/kubelet_pods.go.
 */
import { own } from './own.ts';
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
 * The value of an env var's fieldRef. A label or annotation that is missing is "". Throws FarletError
 * `invalid` for a path that is no downward API field.
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
      refuseLabel(path);
      return resolveMetadataField(pod, path);
  }
}

/** What no API server lets pass (pkg/apis/core/pods ConvertDownwardAPIFieldLabel). */
function refuseLabel(path: string): void {
  const subscripted = subscript(path);
  if (subscripted !== undefined && !maps.includes(subscripted.field))
    throw new FarletError('invalid', `field label does not support subscript: ${path}`);
  if (subscripted === undefined && !convertible.includes(path))
    throw new FarletError('invalid', `field label not supported: ${path}`);
}

const maps = ['metadata.annotations', 'metadata.labels'];
const convertible = [
  ...maps,
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
];

/** The value of a field of metadata: all that a downwardAPI volume may show. Throws FarletError `invalid`. */
export function resolveMetadataField(pod: Pod, path: string): string {
  const subscripted = subscript(path);
  if (subscripted !== undefined) return subscriptedField(pod, path, subscripted);
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

/** `field['key']` (SplitMaybeSubscriptedPath). */
function subscript(path: string): { field: string; key: string } | undefined {
  const from = path.indexOf("['");
  if (from < 1 || !path.endsWith("']") || path.length < from + 4) return undefined;
  return { field: path.slice(0, from), key: path.slice(from + 2, -2) };
}

function subscriptedField(pod: Pod, path: string, { field, key }: { field: string; key: string }): string {
  if (field === 'metadata.annotations') return own(pod.metadata.annotations, key) ?? '';
  if (field === 'metadata.labels') return own(pod.metadata.labels, key) ?? '';
  throw new FarletError('invalid', `fieldPath ${goQuote(path)} does not support subscript`);
}

/** A line `key="value"` per entry, sorted by the bytes of the key. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([key, value]) => `${key}=${goQuote(value)}`)
    .join('\n');
}
