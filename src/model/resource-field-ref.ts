/**
 * Values of downward API resource fields: pkg/api/v1/resource/helpers.go and
 * pkg/kubelet/kubelet_resources.go (a limit that is not set shows what the node or the pod can give).
 */
import { FarletError } from './errors.ts';
import type { Container, Pod } from './kube.ts';
import { isPositive, quantityMilli, quantityValue } from './quantity.ts';

export interface ResourceFieldRef {
  readonly containerName?: string;
  readonly resource: string;
  readonly divisor?: string;
}

export interface ResourceFieldContext {
  /** the container that asks; undefined in a volume, where containerName is required */
  readonly container: Container | undefined;
  /** the node's allocatable resources */
  readonly allocatable: Readonly<Record<string, string>>;
}

const defaulted = ['cpu', 'memory', 'ephemeral-storage'];

/**
 * The value in units of the divisor (1 if none), rounded up. Throws FarletError `invalid` for a resource that
 * cannot be shown, `not-found` for a container the pod has not.
 */
export function resolveResourceFieldRef(
  pod: Pod,
  ref: ResourceFieldRef,
  context: ResourceFieldContext,
): string {
  const [, list, resource] = /^(limits|requests)\.(.+)$/.exec(ref.resource) ?? [];
  if (list === undefined || resource === undefined || !shown(resource))
    throw new FarletError('invalid', `unsupported container resource : ${ref.resource}`);
  const quantity =
    list === 'limits' ? limitOf(pod, ref, context, resource) : requestOf(pod, ref, context, resource);
  const inUnits = resource === 'cpu' ? quantityMilli : quantityValue;
  return String(Math.ceil(inUnits(quantity) / (inUnits(ref.divisor) || inUnits('1'))));
}

function shown(resource: string): boolean {
  return defaulted.includes(resource) || resource.startsWith('hugepages-');
}

function requestOf(
  pod: Pod,
  ref: ResourceFieldRef,
  context: ResourceFieldContext,
  resource: string,
): string | undefined {
  return subject(pod, ref, context).container.resources?.requests?.[resource];
}

function limitOf(
  pod: Pod,
  ref: ResourceFieldRef,
  context: ResourceFieldContext,
  resource: string,
): string | undefined {
  const { container, withDefaults } = subject(pod, ref, context);
  const own = container.resources?.limits?.[resource];
  if (isPositive(own) || !withDefaults || !defaulted.includes(resource)) return own;
  const ofPod = resource === 'ephemeral-storage' ? undefined : pod.spec.resources?.limits?.[resource];
  const ofNode = context.allocatable[resource];
  return (ofNode !== undefined && isPositive(ofPod) ? ofPod : ofNode) ?? own;
}

/** An init container that another one names has no defaults: the kubelet fills in the regular ones only. */
function subject(
  pod: Pod,
  ref: ResourceFieldRef,
  context: ResourceFieldContext,
): { container: Container; withDefaults: boolean } {
  const name = ref.containerName ?? '';
  if (name === '' && context.container !== undefined)
    return { container: context.container, withDefaults: true };
  const regular = pod.spec.containers.find((container) => container.name === name);
  if (regular !== undefined) return { container: regular, withDefaults: true };
  const init = pod.spec.initContainers?.find((container) => container.name === name);
  if (init !== undefined) return { container: init, withDefaults: false };
  throw new FarletError('not-found', `container ${name} not found`);
}
