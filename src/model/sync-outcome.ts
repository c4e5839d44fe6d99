import type { KillOrder } from './pod-update.ts';

/** How a sync ended. */
export type SyncOutcome =
  /** something was changed and has been observed: look again at once */
  | { readonly kind: 'acted' }
  /** nothing to do until an event, or until the time given (ms from now) */
  | { readonly kind: 'settled'; readonly againInMs?: number }
  /** something failed that is worth another try after so long */
  | { readonly kind: 'failed'; readonly retryInMs: number }
  /** the host can't be asked: wait until it is back */
  | { readonly kind: 'paused' }
  /** the pod will never run again: stop what still runs */
  | { readonly kind: 'terminal'; readonly order: KillOrder };
