/** Where a pod says which trace it belongs to. Pure. */
import type { Pod } from './kube.ts';

/**
 * The first that a pod has counts: the key of KEP-5915, and two that are in use for want of a standard.
 * Values are W3C traceparents.
 */
export const traceAnnotations = [
  'tracing.k8s.io/traceparent',
  'opentelemetry.io/traceparent',
  'traceparent',
] as const;

/**
 * A version may make it longer than the first one's 55 characters; nobody needs as many as an annotation may
 * have.
 */
const MAX_LENGTH = 256;

/** What the pod says, as it is: it may be no traceparent at all. */
export function traceAnnotation({ metadata: { annotations = {} } }: Pod): string | undefined {
  const key = traceAnnotations.find((each) => Object.hasOwn(annotations, each));
  const value = key === undefined ? undefined : annotations[key];
  return value === undefined || value.length > MAX_LENGTH ? undefined : value;
}
