import { quantityValue } from '../model/quantity.ts';

/** An eviction threshold in units: a quantity, or a percentage of the whole; 0 where none is set. */
export function thresholdAmount(threshold: string | undefined, whole: number): number {
  if (threshold === undefined) return 0;
  return threshold.endsWith('%') ? (whole * Number(threshold.slice(0, -1))) / 100 : quantityValue(threshold);
}
