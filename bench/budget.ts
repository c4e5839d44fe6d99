/** What something may cost, in counts: not in time, which is the machine's. */

/** By name. */
export type Counts = Readonly<Record<string, number>>;

export interface Budget {
  readonly budget: Counts;
  /** at least one */
  readonly tries: number;
}

/**
 * Measures until each count has been within the budget once, or as often as it may be tried, and returns the
 * least of each: what happens at times of its own falls into one try and not into another, what something
 * always costs is in all of them.
 */
export async function leastOf(measure: () => Promise<Counts>, { budget, tries }: Budget): Promise<Counts> {
  let least = await measure();
  for (let left = tries - 1; left > 0 && over(least, budget).length > 0; left -= 1)
    least = lesser(least, await measure());
  return least;
}

/** What costs more than it may, in words; what the budget doesn't name must not be there at all. Pure. */
export function over(counts: Counts, budget: Counts): string[] {
  return Object.entries(counts)
    .filter(([what, count]) => count > (budget[what] ?? 0))
    .map(([what, count]) => `${what}: ${shown(count)}, and may be ${budget[what] ?? 0}`);
}

/** What was counted in between, for each of so many; nothing that was not. Pure. */
export function between(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  each = 1,
): Counts {
  return Object.fromEntries(
    [...after]
      .map(([what, count]): [string, number] => [what, (count - (before.get(what) ?? 0)) / each])
      .filter(([, count]) => count > 0),
  );
}

/** In one line. Pure. */
export function inWords(counts: Counts): string {
  return Object.entries(counts)
    .map(([what, count]) => `${what} ${shown(count)}`)
    .join(', ');
}

/** What one of them doesn't name is none. */
function lesser(one: Counts, other: Counts): Counts {
  return Object.fromEntries(
    Object.entries(one).flatMap(([what, count]) => {
      const least = Math.min(count, other[what] ?? 0);
      return least > 0 ? [[what, least]] : [];
    }),
  );
}

function shown(count: number): string {
  return String(Number(count.toFixed(1)));
}
