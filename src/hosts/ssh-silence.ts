/**
 * Whether the other end of a connection is still there, told by the traffic there is anyway: what is sent is answered before
 * long. Only where it is not, a ping asks; so an idle connection that is used now and then carries no pings. Pure, but for the watch.
 */
import type { Clock } from '../util/clock.ts';

/** Bytes so far, and since when (monotonic ms) something sent has had no answer. */
export interface Silence {
  readonly read: number;
  readonly written: number;
  readonly since: number | undefined;
}

const LOOK_MS = 1_000;
const PING_AFTER_MS = 4_000;
/** So that the reason is known before a host counts as lost, 30 s after its last answer, with a question every ten seconds. */
const GONE_AFTER_MS = 12_000;

/** What is read answers all that was sent before: it was seen no later than the look. */
export function nextSilence(
  before: Silence,
  { read, written, now }: { read: number; written: number; now: number },
): Silence {
  if (read !== before.read) return { read, written, since: undefined };
  return { read, written, since: before.since ?? (written === before.written ? undefined : now) };
}

export function silenceVerdict({ since }: Silence, now: number): 'quiet' | 'ping' | 'gone' {
  if (since === undefined || now - since < PING_AFTER_MS) return 'quiet';
  return now - since < GONE_AFTER_MS ? 'ping' : 'gone';
}

/** Looks until it is stopped, or has found that nobody is there. */
export function watchSilence(options: {
  readonly socket: { readonly bytesRead: number; readonly bytesWritten: number };
  readonly clock: Pick<Clock, 'after' | 'monotonic'>;
  /** asks the other end for any answer */
  readonly ping: () => void;
  readonly onGone: () => void;
}): () => void {
  const { socket, clock, ping, onGone } = options;
  let silence: Silence = { read: socket.bytesRead, written: socket.bytesWritten, since: undefined };
  let pinged = false;
  let cancel = (): void => undefined;
  const look = (): void => {
    const now = clock.monotonic();
    silence = nextSilence(silence, { read: socket.bytesRead, written: socket.bytesWritten, now });
    const verdict = silenceVerdict(silence, now);
    if (verdict === 'gone') {
      onGone();
      return;
    }
    if (verdict === 'ping' && !pinged) ping();
    pinged = verdict === 'ping';
    cancel = clock.after(LOOK_MS, look);
  };
  cancel = clock.after(LOOK_MS, look);
  return () => {
    cancel();
  };
}
