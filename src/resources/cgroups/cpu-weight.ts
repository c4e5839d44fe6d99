/** v1 shares [2, 262144] → v2 weight [1, 10000] (KEP-2254). */
export function cpuWeight(shares: number): number {
  return shares >= 262_144 ? 10_000 : 1 + Math.floor(((shares - 2) * 9999) / 262_142);
}

/** And back, with the loss that comes with it. */
export function sharesOfWeight(weight: number): number {
  return Math.floor(((weight - 1) * 262_142) / 9999) + 2;
}
