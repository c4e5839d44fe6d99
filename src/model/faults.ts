import type { ObjectReference } from './kube.ts';

/** The parts that can fail on their own: what ends one of them leaves the others at work. */
export type Part =
  | 'process'
  | 'runtime-status'
  | 'pleg'
  | 'sync-loop'
  | 'pod-worker'
  | 'pool'
  | 'probe'
  | 'folders'
  | 'cgroups'
  | 'cpus'
  | 'host-monitor'
  | 'collection'
  | 'node'
  | 'kubelet-api'
  | 'events'
  | 'manifests'
  | 'watch'
  | 'files'
  | 'configuration';

/**
 * Where exceptions go that nobody expected: each is logged with its stack, counted, and told in an event.
 * Never throws.
 */
export interface Faults {
  /** `about`: the object that a person would look at; the Node if it is no pod's */
  report(part: Part, error: unknown, about?: ObjectReference): void;
}

/** For tests, and for whatever has nobody to tell. */
export const ignoredFaults: Faults = { report: () => undefined };

/**
 * An error that only a mistake in the program makes, or input that nobody thought of: trying again is not its
 * cure.
 */
export function isDefect(error: unknown): boolean {
  return (
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    error instanceof SyntaxError ||
    error instanceof URIError
  );
}
