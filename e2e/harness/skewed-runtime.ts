/**
 * A runtime that dates everything by a clock which is wrong, as a host's is that has lost its time server.
 */
import { startCriProxy, type CriProxy } from './cri-proxy.ts';

const DATES = new Set(['created_at', 'started_at', 'finished_at']);

/** Serves on `socket` what `upstream` answers, its times moved on by `seconds`. */
export function startSkewedRuntime(options: {
  readonly socket: string;
  readonly upstream: string;
  readonly seconds: number;
}): Promise<CriProxy> {
  const { socket, upstream, seconds } = options;
  const by = BigInt(seconds) * 1_000_000_000n;
  return startCriProxy({
    listener: { socket },
    upstream,
    wanted: () => false,
    onCall: () => undefined,
    alter: (message) => moved(message, by) as object,
  });
}

/** 64-bit integers are text; a time of 0 is none. */
function moved(value: unknown, by: bigint): unknown {
  if (Buffer.isBuffer(value)) return value;
  if (Array.isArray(value)) return value.map((each) => moved(each, by));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      DATES.has(key) && typeof each === 'string' && each !== '0'
        ? String(BigInt(each) + by)
        : moved(each, by),
    ]),
  );
}
