/**
 * Shared by the tables of what a pod needs: containers of a spec, and the records that a runtime holds of
 * them.
 */
import type { Container, Pod } from '../model/kube.ts';
import { annotations } from '../model/labels.ts';
import type { ObservedContainer, ObservedSandbox, PodRuntimeState } from '../model/runtime-state.ts';
import { containerHash } from '../runtime/decide/container-hash.ts';
import type { ProbeResults } from '../runtime/decide/init-actions.ts';
import { container, sandbox } from './fixtures.ts';

export type RecordChange = Partial<ObservedContainer>;
/** What is known of containers, by name; undefined: there is no record. */
export type Records = Readonly<Record<string, RecordChange | undefined>>;
export type ProbeResult = 'success' | 'failure' | 'unknown';

export function spec(name: string, more: Partial<Container> = {}): Container {
  return { name, image: 'a:1', ...more };
}

/** A restart policy of the container's own with one rule, `In` a list of exit codes. */
export function withRule(
  restartPolicy: string,
  action: string,
  values: readonly number[],
): Partial<Container> {
  return {
    restartPolicy,
    restartPolicyRules: [{ action, exitCodes: { operator: 'In', values: [...values] } }],
  };
}

export const runs: RecordChange = { state: 'running' };
export const created: RecordChange = { state: 'created' };
export const unknown: RecordChange = { state: 'unknown' };
export const exited = (exitCode: number, more: RecordChange = {}): RecordChange => ({
  state: 'exited',
  exitCode,
  ...more,
});
/** It was made from a spec with another image. */
export const madeOtherwise: RecordChange = { annotations: { [annotations.containerHash]: 'f00' } };

/** A record of a container that `spec(name)` made; its id is its name unless changed. */
export function record(name: string, change: RecordChange = {}): ObservedContainer {
  const hash = { [annotations.containerHash]: containerHash(spec(name)) };
  return container({ id: name, name, annotations: hash, ...change });
}

export function holding(
  { metadata: { uid, name, namespace } }: Pod,
  records: Records,
  more: { older?: readonly ObservedContainer[]; sandboxes?: readonly ObservedSandbox[] } = {},
): PodRuntimeState {
  const newest = Object.entries(records).flatMap(([container, change]) =>
    change === undefined ? [] : [record(container, change)],
  );
  return {
    uid,
    name,
    namespace,
    sandboxes: more.sandboxes ?? [sandbox()],
    containers: [...newest, ...(more.older ?? [])],
    ips: [],
    observedAt: 0,
  };
}

/** Results by container id. */
export function probesSaying(
  results: {
    liveness?: Readonly<Record<string, ProbeResult>>;
    startup?: Readonly<Record<string, ProbeResult>>;
  } = {},
): ProbeResults {
  return { liveness: (id) => results.liveness?.[id], startup: (id) => results.startup?.[id] };
}
