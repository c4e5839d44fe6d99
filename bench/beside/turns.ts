/** Who is measured after whom, and how the same measured of two is compared. Pure. */
import { summary, type Summary } from '../stats.ts';

/** Round by round the first is another one, so that nobody always comes after the same. */
export function turnsOf<T>(all: readonly T[], round: number): T[] {
  const from = round % all.length;
  return [...all.slice(from), ...all.slice(0, from)];
}

/** Of what was measured in the same round each: medians of ratios, not ratios of medians. */
export function ratios(of: readonly number[], to: readonly number[]): Summary {
  if (of.length !== to.length)
    throw new Error(`${of.length} rounds can't be compared with ${to.length}: some were not measured`);
  return summary(of.map((value, round) => value / (to[round] ?? NaN)));
}
