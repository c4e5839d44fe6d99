/** What an agent uses: of the CPU, and of the API server. Pure. */
import { between } from '../budget.ts';
import type { ApiCalls } from './api-calls.ts';

/** Up to a moment. */
export interface Reading {
  /** monotonic */
  readonly atMs: number;
  readonly cpuMs: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly calls: ApiCalls;
}

/** Between two moments. */
export interface Use {
  readonly seconds: number;
  readonly cpuMs: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly calls: Readonly<Record<string, number>>;
}

export function useBetween(before: Reading, after: Reading): Use {
  return {
    seconds: (after.atMs - before.atMs) / 1000,
    cpuMs: after.cpuMs - before.cpuMs,
    sentBytes: after.sentBytes - before.sentBytes,
    receivedBytes: after.receivedBytes - before.receivedBytes,
    calls: between(before.calls, after.calls),
  };
}

/**
 * What was used beyond what `rest`, a look at the agent with nothing to do, says it would have used in as
 * long. A kubelet removes what ended pods leave up to a minute later: without this it would pay for a
 * minute's housekeeping, where farlet, done at once, pays for none.
 */
export function beyond(use: Use, rest: Use): Use {
  const share = use.seconds / rest.seconds;
  const calls = new Set([...Object.keys(use.calls), ...Object.keys(rest.calls)]);
  return {
    seconds: use.seconds,
    cpuMs: use.cpuMs - rest.cpuMs * share,
    sentBytes: use.sentBytes - rest.sentBytes * share,
    receivedBytes: use.receivedBytes - rest.receivedBytes * share,
    calls: Object.fromEntries(
      [...calls].map((call) => [call, (use.calls[call] ?? 0) - (rest.calls[call] ?? 0) * share]),
    ),
  };
}

export function allCalls({ calls }: Pick<Use, 'calls'>): number {
  return Object.values(calls).reduce((sum, count) => sum + count, 0);
}
