/**
 * Values of downward API resource fields: pkg/api/v1/resource/helpers.go and
 * pkg/kubelet/kubelet_resources.go (a limit that is not set shows what the node or the pod can give).
 */
import { FarletError } from './errors.ts';
import type { Container, Pod } from './kube.ts';
import { own } from './own.ts';
import { isPositive, quantity, quantityMilli, quantityValue } from './quantity-text.ts';

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
  const amount =
    list === 'limits' ? limitOf(pod, ref, context, resource) : requestOf(pod, ref, context, resource);
  const inUnits = resource === 'cpu' ? quantityMilli : quantityValue;
  const divisor = isZero(ref.divisor) ? '1' : ref.divisor;
  // the kubelet divides as floats
  return int64Text(Math.ceil(Number(inUnits(amount)) / Number(inUnits(divisor))));
}

function isZero(divisor: string | undefined): boolean {
  return quantity(divisor).unscaled === 0n;
}

/** What Go makes of a float that is too large for an int64. */
function int64Text(whole: number): string {
  return String(Math.abs(whole) < 2 ** 63 ? BigInt(whole) : -(2n ** 63n));
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
  return own(subject(pod, ref, context).container.resources?.requests, resource);
}

function limitOf(
  pod: Pod,
  ref: ResourceFieldRef,
  context: ResourceFieldContext,
  resource: string,
): string | undefined {
  const { container, withDefaults } = subject(pod, ref, context);
  const ofContainer = own(container.resources?.limits, resource);
  if (isPositive(ofContainer) || !withDefaults || !defaulted.includes(resource)) return ofContainer;
  const isVolume = context.container === undefined;
  const ofPod =
    isVolume || resource === 'ephemeral-storage' ? undefined : own(pod.spec.resources?.limits, resource);
  const ofNode = own(context.allocatable, resource);
  return (ofNode !== undefined && isPositive(ofPod) ? ofPod : ofNode) ?? ofContainer;
}

/**
 * For a variable, an init container that another one names has no defaults: the kubelet fills in the regular
 * ones only.
 */
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
  if (init !== undefined) return { container: init, withDefaults: context.container === undefined };
  throw new FarletError('not-found', `container ${name} not found`);
}
