import type { StatusResponse__Output } from './cri/generated/runtime/v1/StatusResponse.ts';
import type { VersionResponse__Output } from './cri/generated/runtime/v1/VersionResponse.ts';
import { runtimeHandlers, type HandlerSettings } from './runtime-handlers.ts';
import type { HostCondition, HostState, RuntimeInfo } from './runtime-host.ts';

/** What one look at a runtime gave. Times are monotonic ms. */
export type HostObservation =
  | {
      readonly ok: true;
      readonly runtime: RuntimeInfo;
      readonly runtimeReady: HostCondition;
      readonly networkReady: HostCondition;
    }
  | { readonly ok: false; readonly error: string };

/**
 * Without a good Status for so long the runtime is down (pkg/kubelet/runtime.go, baseRuntimeStatusCheck 30
 * s).
 */
export const LOST_AFTER_MS = 30_000;

/** A runtime that accepts and never answers counts as failing. */
const ANSWER_MS = 10_000;
/** What a runtime gets to answer at least, or one that is slow would be lost for want of time. */
const MIN_ANSWER_MS = 1_000;

/**
 * How long a look may wait: the last one before the runtime counts as down ends when it does, not up to ten
 * seconds later. Pure.
 */
export function answerLimitMs(
  state: HostState,
  { now, lastGood }: { now: number; lastGood: number },
): number {
  if (state.at === 'lost') return ANSWER_MS;
  return Math.min(ANSWER_MS, Math.max(MIN_ANSWER_MS, lastGood + LOST_AFTER_MS - now));
}

/** The state after a look. `lastGood` is when the last good one was, or when looking began. Pure. */
export function nextHostState(
  state: HostState,
  observation: HostObservation,
  { now, lastGood }: { now: number; lastGood: number },
): HostState {
  if (observation.ok) {
    const { runtime, runtimeReady, networkReady } = observation;
    return { at: 'ready', runtime, runtimeReady, networkReady };
  }
  if (state.at === 'lost') return { ...state, error: observation.error };
  if (now - lastGood >= LOST_AFTER_MS) return { at: 'lost', since: lastGood, error: observation.error };
  return state.at === 'connecting' ? { at: 'connecting', error: observation.error } : state;
}

/** Whether people and parts need to hear of the difference. */
export function sameHostState(a: HostState, b: HostState): boolean {
  return JSON.stringify(withoutError(a)) === JSON.stringify(withoutError(b));
}

function withoutError(state: HostState): HostState {
  return state.at === 'lost' ? { ...state, error: '' } : state;
}

export function observation(
  version: VersionResponse__Output,
  status: StatusResponse__Output,
  { settings, sandboxed }: { settings: HandlerSettings | undefined; sandboxed: readonly string[] },
): HostObservation {
  return {
    ok: true,
    runtime: {
      name: version.runtime_name,
      version: version.runtime_version,
      handlers: runtimeHandlers(status.runtime_handlers, settings, sandboxed),
      supplementalGroupsPolicy: status.features?.supplemental_groups_policy ?? false,
    },
    runtimeReady: condition(status, 'RuntimeReady'),
    networkReady: condition(status, 'NetworkReady'),
  };
}

function condition(status: StatusResponse__Output, type: string): HostCondition {
  const found = status.status?.conditions.find((each) => each.type === type);
  return { status: found?.status ?? false, reason: found?.reason ?? '', message: found?.message ?? '' };
}
