/**
 * Eviction thresholds as a node is configured with them (pkg/kubelet/eviction/helpers.go
 * ParseThresholdConfig). Pure.
 */
import { parseQuantity, scaledValue } from './quantity.ts';

export const evictionSignals = [
  'memory.available',
  'nodefs.available',
  'nodefs.inodesFree',
  'imagefs.available',
  'imagefs.inodesFree',
  'containerfs.available',
  'containerfs.inodesFree',
  'pid.available',
] as const;
export type EvictionSignal = (typeof evictionSignals)[number];

/** A part of the whole, as Go's float32 has it, or an amount; `text` is the amount as configured. */
export type ThresholdValue =
  | { readonly kind: 'part'; readonly part: number }
  | { readonly kind: 'amount'; readonly amount: number; readonly text: string };

export interface EvictionThreshold {
  readonly signal: EvictionSignal;
  readonly value: ThresholdValue;
  /** ms that it must be met for before pods go; 0: a hard threshold */
  readonly graceMs: number;
  /** what is to be available beyond the threshold before it counts as resolved */
  readonly minReclaim: ThresholdValue | undefined;
}

export interface EvictionSettings {
  readonly evictionHard: Readonly<Record<string, string>>;
  readonly evictionSoft: Readonly<Record<string, string>>;
  /** ms */
  readonly evictionSoftGracePeriod: Readonly<Record<string, number>>;
  readonly evictionMinimumReclaim: Readonly<Record<string, string>>;
}

/** The kubelet's default hard thresholds on Linux (pkg/kubelet/eviction/defaults_linux.go). */
export const defaultEvictionHard: Readonly<Record<string, string>> = {
  'memory.available': '100Mi',
  'nodefs.available': '10%',
  'nodefs.inodesFree': '5%',
  'imagefs.available': '15%',
  'imagefs.inodesFree': '5%',
};

/** The thresholds of settings without problems, hard ones first. 0% and 100% mean none. */
export function evictionThresholds(settings: EvictionSettings): EvictionThreshold[] {
  const thresholdsIn = (statements: Readonly<Record<string, string>>, soft: boolean): EvictionThreshold[] =>
    evictionSignals.flatMap((signal) => {
      const text = statements[signal];
      const value = text === undefined || isNone(text) ? undefined : thresholdValue(text);
      if (value === undefined) return [];
      const reclaim = settings.evictionMinimumReclaim[signal];
      return [
        {
          signal,
          value,
          graceMs: soft ? (settings.evictionSoftGracePeriod[signal] ?? 0) : 0,
          minReclaim: reclaim === undefined ? undefined : thresholdValue(reclaim),
        },
      ];
    });
  return [...thresholdsIn(settings.evictionHard, false), ...thresholdsIn(settings.evictionSoft, true)];
}

/** What is wrong with the settings: `key.signal: …` sentences for people. */
export function evictionProblems(settings: EvictionSettings): string[] {
  const { evictionHard, evictionSoft, evictionSoftGracePeriod, evictionMinimumReclaim } = settings;
  return [
    ...statementProblems('evictionHard', evictionHard),
    ...statementProblems('evictionSoft', evictionSoft),
    ...unknownSignals('evictionSoftGracePeriod', evictionSoftGracePeriod),
    ...unknownSignals('evictionMinimumReclaim', evictionMinimumReclaim),
    ...Object.keys(evictionSoft)
      .filter((signal) => isSignal(signal) && evictionSoftGracePeriod[signal] === undefined)
      .map(
        (signal) =>
          `evictionSoftGracePeriod.${signal}: grace period must be specified for the soft eviction threshold ${signal}`,
      ),
    ...Object.entries(evictionMinimumReclaim).flatMap(([signal, text]) =>
      thresholdValue(text) === undefined ? [`evictionMinimumReclaim.${signal}: ${wrong(text)}`] : [],
    ),
  ];
}

/** The threshold's amount where so much is there in all (eviction/api GetThresholdQuantity). */
export function thresholdAmountOf(value: ThresholdValue, capacity: number): number {
  return value.kind === 'amount' ? value.amount : Math.trunc(capacity * value.part);
}

function statementProblems(key: string, statements: Readonly<Record<string, string>>): string[] {
  return [
    ...unknownSignals(key, statements),
    ...Object.entries(statements).flatMap(([signal, text]) => {
      if (!isSignal(signal) || isNone(text)) return [];
      const value = thresholdValue(text);
      if (value === undefined) return [`${key}.${signal}: ${wrong(text)}`];
      const isPositive = value.kind === 'part' ? value.part > 0 : value.amount > 0;
      return isPositive ? [] : [`${key}.${signal}: must be positive, found ${JSON.stringify(text)}`];
    }),
  ];
}

function unknownSignals(key: string, statements: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(statements)
    .filter((signal) => !isSignal(signal))
    .map(
      (signal) => `${key}.${signal}: unsupported eviction signal; known are ${evictionSignals.join(', ')}`,
    );
}

function isSignal(text: string): text is EvictionSignal {
  return (evictionSignals as readonly string[]).includes(text);
}

function isNone(text: string): boolean {
  return text === '0%' || text === '100%';
}

function wrong(text: string): string {
  return `${JSON.stringify(text)} is neither a quantity nor a percentage; write for example 100Mi or 10%`;
}

/** undefined for a text that is neither a quantity nor a percentage. */
export function thresholdValue(text: string): ThresholdValue | undefined {
  if (text.endsWith('%')) {
    const percent = Number(text.slice(0, -1));
    if (text.length < 2 || Number.isNaN(percent) || percent < 0 || percent > 100) return undefined;
    return { kind: 'part', part: Math.fround(Math.fround(percent) / 100) };
  }
  const amount = parseQuantity(text);
  if (amount === undefined || amount.unscaled < 0n) return undefined;
  return { kind: 'amount', amount: Number(scaledValue(amount, 0)), text };
}
