/**
 * Whether the other end of a connection is still there, told by the traffic there is anyway: what is sent is
 * answered before long. Only where it is not, a ping asks; so an idle connection that is used now and then
 * carries no pings. Pure, but for the watch.
 */
import type { Clock } from '../../util/clock.ts';

/** Bytes so far, and since when (monotonic ms) something sent has had no answer. */
export interface Silence {
  readonly read: number;
  readonly written: number;
  readonly since: number | undefined;
  /**
   * nothing was read after it was sent; otherwise it may as well be what acknowledges an answer, which nobody
   * answers
   */
  readonly isSure: boolean;
}

const LOOK_MS = 1_000;
const PING_AFTER_MS = 4_000;
/** Longer than the time between two looks at an idle host, whose answers come before. */
const PING_UNSURE_AFTER_MS = 11_000;
/**
 * So that the reason is known before a host counts as lost, 30 s after its last answer, with a question every
 * ten seconds.
 */
const GONE_AFTER_MS = 12_000;

export function nextSilence(
  before: Silence,
  { read, written, now }: { read: number; written: number; now: number },
): Silence {
  const sent = written !== before.written;
  if (read !== before.read) return { read, written, since: sent ? now : undefined, isSure: false };
  if (!sent || (before.since !== undefined && before.isSure)) return { ...before, read, written };
  return { read, written, since: now, isSure: true };
}

export function silenceVerdict({ since, isSure }: Silence, now: number): 'quiet' | 'ping' | 'gone' {
  const silentMs = since === undefined ? 0 : now - since;
  if (isSure && silentMs >= GONE_AFTER_MS) return 'gone';
  return silentMs >= (isSure ? PING_AFTER_MS : PING_UNSURE_AFTER_MS) ? 'ping' : 'quiet';
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
  let silence: Silence = {
    read: socket.bytesRead,
    written: socket.bytesWritten,
    since: undefined,
    isSure: false,
  };
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
