/** The state of the one connection to a host. Pure. */
import { assertNever } from '../../util/assert-never.ts';
import { backoffMs, type BackoffPolicy } from '../../util/backoff.ts';

/**
 * idle: nobody has needed it yet. connecting: an attempt is under way. ready: it is up. lost: it could not be
 * made, or broke; the next attempt is at `retryAt` (monotonic ms). closed: for good.
 */
export type SshState =
  | { readonly at: 'idle' }
  | { readonly at: 'connecting'; readonly failures: number; readonly error: string | undefined }
  | { readonly at: 'ready' }
  | {
      readonly at: 'lost';
      /** attempts that have failed one after the other; 0 when a connection that was up broke */
      readonly failures: number;
      readonly error: string;
      readonly retryAt: number;
    }
  | { readonly at: 'closed' };

export type SshEvent =
  | { readonly type: 'connect' }
  | { readonly type: 'connected' }
  /** `refused`: by the host's key or for the user's, which time alone does not mend */
  | { readonly type: 'failed'; readonly error: string; readonly refused: boolean; readonly now: number }
  | { readonly type: 'broke'; readonly error: string; readonly now: number }
  | { readonly type: 'close' };

const policy: BackoffPolicy = { baseMs: 250, maxMs: 5_000, factor: 2, jitter: 0.2 };
/** Servers ban those who are refused too often. */
const REFUSED_MS = 15_000;

export function nextSshState(state: SshState, event: SshEvent, random = Math.random): SshState {
  if (state.at === 'closed') return state;
  switch (event.type) {
    case 'connect':
      return state.at === 'lost'
        ? { at: 'connecting', failures: state.failures, error: state.error }
        : { at: 'connecting', failures: 0, error: undefined };
    case 'connected':
      return { at: 'ready' };
    case 'failed': {
      const failures = (state.at === 'connecting' ? state.failures : 0) + 1;
      const wait = event.refused ? REFUSED_MS : backoffMs(policy, failures, random);
      return { at: 'lost', failures, error: event.error, retryAt: event.now + wait };
    }
    case 'broke':
      return { at: 'lost', failures: 0, error: event.error, retryAt: event.now + policy.baseMs };
    case 'close':
      return { at: 'closed' };
    default:
      return assertNever(event);
  }
}
