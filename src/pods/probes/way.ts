/**
 * What a probe saw of a container, apart from what it saw of the way there. A failure counts only if the way
 * to the host was whole all the time: a link that is cut makes the best container look dead.
 */
import type { Duplex } from 'node:stream';
import type { CriClient } from '../../hosts/cri/calls.ts';
import { TargetError, type Dial } from '../../hosts/link/dial-target.ts';
import type { HostLink } from '../../hosts/link/link.ts';
import { HostError, kindOf, messageOf } from '../../model/errors.ts';
import type { ProbeOutcome } from './probe.ts';

export type Way = Pick<HostLink, 'dial' | 'witness'>;

/** How long a runtime may take to show that it is there. */
const RUNTIME_MS = 2_000;

const cut: ProbeOutcome = {
  kind: 'unknown',
  why: 'the way to the host was cut while the probe was under way',
};

/** Makes an attempt over the link; `signal` is the attempt's own time, `life` goes on after it. */
export async function overTheWay(
  link: Way,
  attempt: (dial: Dial) => Promise<ProbeOutcome>,
  { signal, life }: { signal: AbortSignal; life: AbortSignal },
): Promise<ProbeOutcome> {
  const isWhole = link.witness?.();
  /** of the last dial: what the way, and not the target, did; whether the host said that nobody takes it */
  const last: { broken: unknown; isRefused: boolean } = { broken: undefined, isRefused: false };
  const dial: Dial = async (target, options) => {
    last.broken = undefined;
    last.isRefused = false;
    let socket: Duplex;
    try {
      socket = await link.dial(target, { ...options, use: 'probe' });
    } catch (error) {
      last.isRefused = error instanceof TargetError;
      if (!last.isRefused && !(options.signal.aborted && error === options.signal.reason))
        last.broken = error;
      throw error;
    }
    socket.on('error', (error) => {
      if (error instanceof HostError) last.broken = error;
    });
    return socket;
  };
  const outcome = await attempt(dial);
  if (outcome.kind !== 'failure') return outcome;
  if (last.broken !== undefined) return { kind: 'unknown', why: messageOf(last.broken) };
  // the host itself has said that nobody is there
  if (last.isRefused && !signal.aborted) return outcome;
  if (isWhole === undefined || (await isWhole({ signal: life }))) return outcome;
  return cut;
}

/**
 * Makes an attempt by the runtime. A runtime that can't be reached has said nothing; one whose answer did not
 * come in time has said that the command took too long only if it answers at all.
 */
export async function byTheRuntime(
  { link, cri }: { link: Way; cri: Pick<CriClient, 'version'> },
  attempt: () => Promise<ProbeOutcome>,
  { life }: { life: AbortSignal },
): Promise<ProbeOutcome> {
  const isWhole = link.witness?.();
  let outcome: ProbeOutcome;
  try {
    outcome = await attempt();
  } catch (error) {
    if (kindOf(error) !== 'unavailable') throw error;
    return { kind: 'unknown', why: messageOf(error) };
  }
  if (outcome.kind !== 'failure' || outcome.isLate !== true) return outcome;
  if (isWhole !== undefined && !(await isWhole({ signal: life }))) return cut;
  const answers = await cri.version({ version: '' }, { signal: life, timeoutMs: RUNTIME_MS }).then(
    () => true,
    () => false,
  );
  return answers ? outcome : { kind: 'unknown', why: 'the runtime does not answer' };
}
