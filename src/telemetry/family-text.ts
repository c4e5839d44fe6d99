/**
 * The Prometheus text of one family of one set of metrics. Of a hundred nodes that is tens of thousands of
 * lines, of which few have changed since they were last asked for: the others are kept as they were.
 */
import type { Counter, Gauge, Histogram } from 'prom-client';

type Labels = Readonly<Record<string, string | number>>;

interface Scalar {
  readonly labels: Labels;
  readonly value: number;
}

interface Buckets {
  readonly labels: Labels;
  readonly bucketValues: Readonly<Record<number, number>>;
  readonly sum: number;
  readonly count: number;
}

/**
 * What prom-client keeps of a metric, by its labels in one order. Its own way to the text makes objects of
 * every bucket each time; metrics-text.test.ts holds both texts against each other.
 */
interface Kept {
  readonly name: string;
  readonly help: string;
  readonly hashMap: Readonly<Record<string, Scalar | Buckets>>;
}

/** Lines of one series, and what they were made of. */
interface Made {
  readonly series: Scalar | Buckets;
  /** the value then, or the count: a histogram's sum does not change without it */
  readonly at: number;
  readonly text: string;
}

export class FamilyText {
  /** HELP and TYPE, which an answer has once for all nodes */
  readonly comments: string;
  readonly #kept: Kept;
  readonly #bounds: readonly number[];
  /** by the node that is told in a label */
  readonly #made = new Map<string | undefined, Map<string, Made>>();

  constructor(
    metric: Counter | Gauge | Histogram,
    { kind, buckets = [] }: { kind: string; buckets?: readonly number[] },
  ) {
    this.#kept = metric as unknown as Kept;
    this.#bounds = buckets;
    const { name, help } = this.#kept;
    this.comments = `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${kind}\n`;
  }

  /** Every series, each line with its end; `node` is told in a label, unless they have one of that name. */
  lines(node?: string): string {
    const made = this.#made.get(node) ?? new Map<string, Made>();
    this.#made.set(node, made);
    const all = Object.entries(this.#kept.hashMap);
    let text = '';
    for (const [key, series] of all) {
      let lines = made.get(key);
      if (lines === undefined || !isSame(lines, series)) {
        lines = this.#make(series, node);
        made.set(key, lines);
      }
      text += lines.text;
    }
    // some were taken back
    if (made.size > all.length)
      for (const key of made.keys()) if (!Object.hasOwn(this.#kept.hashMap, key)) made.delete(key);
    return text;
  }

  #make(series: Scalar | Buckets, node: string | undefined): Made {
    const { name } = this.#kept;
    const own = Object.entries(series.labels).map(([label, value]) => `${label}="${quoted(value)}"`);
    const told = node === undefined || Object.hasOwn(series.labels, 'node') ? [] : [`node="${quoted(node)}"`];
    if (!('count' in series)) {
      const { value } = series;
      return { series, at: value, text: `${name}${inBraces([...told, ...own])} ${written(value)}\n` };
    }
    const { count, sum, bucketValues } = series;
    const head = `${name}_bucket{${told.map((label) => `${label},`).join('')}le="`;
    const rest = `"${own.map((label) => `,${label}`).join('')}} `;
    let text = '';
    let all = 0;
    for (const bound of this.#bounds) {
      all += bucketValues[bound] ?? 0;
      text += `${head}${bound}${rest}${all}\n`;
    }
    const labels = inBraces([...told, ...own]);
    text += `${head}+Inf${rest}${count}\n${name}_sum${labels} ${written(sum)}\n${name}_count${labels} ${count}\n`;
    return { series, at: count, text };
  }
}

/** A histogram that was taken back and filled anew may have the same count: it is another object then. */
function isSame({ series, at }: Made, now: Scalar | Buckets): boolean {
  return 'count' in now ? series === now && at === now.count : Object.is(at, now.value);
}

function inBraces(labels: readonly string[]): string {
  return labels.length === 0 ? '' : `{${labels.join(',')}}`;
}

/** As the format has it: -Inf, +Inf and NaN. */
function written(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value);
  return value < 0 ? '-Inf' : '+Inf';
}

function quoted(value: string | number): string {
  return typeof value === 'string' ? escaped(value).replaceAll('"', '\\"') : String(value);
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
