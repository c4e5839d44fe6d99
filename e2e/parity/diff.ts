/** Differences for people: two values as YAML, line by line. Pure. */
import { stringify } from 'yaml';

/**
 * Lines of both with `-` before those only expected and `+` before those only found; unchanged ones near a
 * change stay.
 */
export function readableDiff(expected: unknown, found: unknown): string {
  const marked = diffLines(lines(expected), lines(found));
  const near = new Set<number>();
  for (const [index, line] of marked.entries())
    if (!line.startsWith(' '))
      for (let each = index - CONTEXT; each <= index + CONTEXT; each += 1) near.add(each);
  return marked
    .map((line, index) => (near.has(index) ? line : undefined))
    .reduce<string[]>((shown, line) => {
      if (line !== undefined) return [...shown, line];
      return shown.at(-1) === SKIPPED ? shown : [...shown, SKIPPED];
    }, [])
    .join('\n');
}

const CONTEXT = 3;
const SKIPPED = '  …';

function lines(value: unknown): string[] {
  return stringify(value, { lineWidth: 0, indentSeq: false, sortMapEntries: true }).trimEnd().split('\n');
}

function diffLines(a: readonly string[], b: readonly string[]): string[] {
  const longest: number[][] = Array.from({ length: a.length + 1 }, () =>
    new Array<number>(b.length + 1).fill(0),
  );
  const at = (i: number, j: number): number => longest[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const row = longest[i];
      if (row !== undefined)
        row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  const marked: string[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      marked.push(`  ${a[i] ?? ''}`);
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1)))
      marked.push(`- ${a[i++] ?? ''}`);
    else marked.push(`+ ${b[j++] ?? ''}`);
  }
  return marked;
}
