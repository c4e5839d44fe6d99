/**
 * Whether the other end of a connection is still there, told by the traffic there is anyway: what is sent is
 * answered before long. Only where it is not, a ping asks; so an idle connection that is used now and then
 * carries no pings. Pure, but for the watch.
 */
import { Beat } from '../../util/beat.ts';
import type { Clock } from '../../util/clock.ts';

/** Bytes so far, and since when (monotonic ms) something sent may have had, or has had, no answer. */
export interface Silence {
  readonly read: number;
  readonly written: number;
  /** it may as well be what acknowledges an answer, which nobody answers */
  readonly since: number | undefined;
  /** nothing was read after it was sent */
  readonly sureSince: number | undefined;
}

const LOOK_MS = 1_000;
const PING_AFTER_MS = 4_000;
/** Longer than the time between two looks at an idle host, whose answers come before. */
const PING_UNSURE_AFTER_MS = 11_000;
/**
 * So that the reason is known before a host counts as lost, 30 s after its last answer, with a question every
 * ten seconds: also if the link was cut while a question was on its way, after which nothing is sent for ten
 * seconds.
 */
const GONE_AFTER_MS = 12_000;
const ALL_SILENT_MS = 16_000;
const SURE_BESIDE_MS = 4_000;

export function nextSilence(
  before: Silence,
  { read, written, now }: { read: number; written: number; now: number },
): Silence {
  const sent = written !== before.written;
  if (read !== before.read) return { read, written, since: sent ? now : undefined, sureSince: undefined };
  if (!sent) return { ...before, read, written };
  return { read, written, since: before.since ?? now, sureSince: before.sureSince ?? now };
}

export function silenceVerdict({ since, sureSince }: Silence, now: number): 'quiet' | 'ping' | 'gone' {
  const silentMs = since === undefined ? 0 : now - since;
  const sureMs = sureSince === undefined ? 0 : now - sureSince;
  if (sureMs >= GONE_AFTER_MS || (silentMs >= ALL_SILENT_MS && sureMs >= SURE_BESIDE_MS)) return 'gone';
  return sureMs >= PING_AFTER_MS || silentMs >= PING_UNSURE_AFTER_MS ? 'ping' : 'quiet';
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
  // one for all connections: a look is nothing beside the wakeup that it takes
  const beat = new Beat(clock, 0);
  let silence: Silence = {
    read: socket.bytesRead,
    written: socket.bytesWritten,
    since: undefined,
    sureSince: undefined,
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
    cancel = clock.after(beat.until(LOOK_MS), look);
  };
  cancel = clock.after(beat.until(LOOK_MS), look);
  return () => {
    cancel();
  };
}
