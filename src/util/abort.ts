import { FarletError } from '../model/errors.ts';
import { startTimer } from './clock.ts';

/**
 * What ends a signal whose work is over, when nobody is there any more to be told why. One for all: without a
 * reason Node makes an error each time, with a picture of the stack, which costs more than the signal.
 */
export const workIsOver = new FarletError('cancelled', 'the work that this belonged to is over');

/**
 * Runs `work` with a signal that aborts when `signal` does or after `ms`, whichever is first. The deadline
 * surfaces as a FarletError of kind `deadline-exceeded` that names `what`; the caller's own abort surfaces as
 * the caller's reason. Returns as soon as either happens, even if `work` is slow to notice.
 */
export async function withDeadline<T>(
  signal: AbortSignal | undefined,
  ms: number,
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const cancel = startTimer(ms, () => {
    controller.abort(new FarletError('deadline-exceeded', `${what}: no answer within ${String(ms / 1000)}s`));
  });
  const forward = (): void => {
    controller.abort(signal?.reason);
  };
  signal?.addEventListener('abort', forward, { once: true });
  try {
    return await orAbort(work(controller.signal), controller.signal);
  } finally {
    cancel();
    signal?.removeEventListener('abort', forward);
  }
}

/**
 * A signal that aborts after `ms`, or with the first of `others`. Its own reason is a FarletError of kind
 * `deadline-exceeded`. Any length is right, unlike AbortSignal.timeout's, and the process may end meanwhile.
 */
export function limitSignal(ms: number, ...others: readonly AbortSignal[]): AbortSignal {
  const limit = new AbortController();
  startTimer(
    ms,
    () => {
      limit.abort(new FarletError('deadline-exceeded', `no answer within ${String(ms / 1000)}s`));
    },
    { holds: false },
  );
  return others.length === 0 ? limit.signal : AbortSignal.any([limit.signal, ...others]);
}

/** The promise's outcome, or the signal's reason as soon as it aborts; the late outcome is dropped. */
export function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => {
      reject(reasonOf(signal));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
    });
  });
}

/** Why the signal was aborted, as an error. */
export function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new FarletError('cancelled', String(signal.reason));
}

/** A controller that aborts with its parent and leaves no listener behind once it has aborted itself. */
export function childController(parent: AbortSignal): AbortController {
  const child = new AbortController();
  if (parent.aborted) {
    child.abort(parent.reason);
    return child;
  }
  const forward = (): void => {
    child.abort(parent.reason);
  };
  parent.addEventListener('abort', forward, { once: true });
  // by hand: of the listeners that addEventListener's own `signal` is to remove, Node 24 keeps track of the
  // last one only
  child.signal.addEventListener(
    'abort',
    () => {
      parent.removeEventListener('abort', forward);
    },
    { once: true },
  );
  return child;
}

/** Both outcomes, waiting for both: nothing goes on in the background when one fails. */
export async function settledBoth<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  const [first, second] = await Promise.allSettled([a, b]);
  if (first.status === 'rejected') throw first.reason;
  if (second.status === 'rejected') throw second.reason;
  return [first.value, second.value];
}

/** Waits for all of them; rejects with the failure of the first in order that failed. */
export async function settledAll(all: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(all))
    if (outcome.status === 'rejected') throw outcome.reason;
}
