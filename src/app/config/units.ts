import { isIP } from 'node:net';
import { own } from '../../model/own.ts';
import { z } from 'zod';

const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Go's duration text in ms, undefined if it is none: 10s, 1m30s, 500ms. */
export function parseDuration(text: string): number | undefined {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text) return undefined;
  return parts.reduce((sum, [, amount, unit = 's']) => sum + Number(amount) * (own(units, unit) ?? 0), 0);
}

/** A key that holds a duration; it is read as ms. */
export function duration(byDefault: string) {
  return z
    .string({
      error: ({ input }) => `${JSON.stringify(input)} is no duration; write for example 10s or 1m30s`,
    })
    .default(byDefault)
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms !== undefined) return ms;
      context.addIssue({
        code: 'custom',
        message: `${JSON.stringify(text)} is no duration; write for example 10s or 1m30s`,
      });
      return z.NEVER;
    });
}

/** A duration of which 0s means what there is without it, as in a kubelet's configuration. */
export function durationUnlessZero(byDefault: string) {
  return duration(byDefault).transform((ms) => (ms === 0 ? (parseDuration(byDefault) ?? 0) : ms));
}

/** A duration within bounds, both allowed. */
export function durationBetween(byDefault: string, { minMs, maxMs }: { minMs: number; maxMs: number }) {
  return duration(byDefault).refine((ms) => ms >= minMs && ms <= maxMs, {
    message: `must be at least ${minMs / 1000}s and at most ${maxMs / 1000}s`,
  });
}

/**
 * The name of a server as gRPC takes it, of the schemes that a kubelet allows
 * (component-base/tracing/api/v1).
 */
export function grpcTarget() {
  return z
    .string()
    .refine((text) => /^(dns:\/\/[^/]*\/|unix:\/\/\/|unix-abstract:\/\/|(?!.*\/\/))\S+$/.test(text), {
      message: 'must be host:port, dns://authority/host:port, unix:///path or unix-abstract://name',
    });
}

/** An IP address, or one of each family with a comma, the main one first, as a kubelet's --node-ip. */
export function ipAddresses() {
  return z.string().transform((text, context) => {
    const all = text.split(',').map((each) => each.trim());
    // a zone means something on one machine only
    const families = all.map((each) => (each.includes('%') ? 0 : isIP(each)));
    if (!families.includes(0) && all.length <= 2 && new Set(families).size === all.length) return all;
    context.addIssue({
      code: 'custom',
      message: `${JSON.stringify(text)} is no IP address, nor one of each family with a comma between them`,
    });
    return z.NEVER;
  });
}
