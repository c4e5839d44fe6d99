/**
 * The Prometheus text of one family of one set of metrics. Of a hundred nodes that is tens of thousands of
 * lines, of which few have changed since they were last asked for: the others are kept as they were.
 */
import type { Counter, Gauge, Histogram } from 'prom-client';
import { own } from '../model/own.ts';

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

/** What was told last, for one way to tell it. */
interface Told {
  /** of its series, in the order of their lines */
  readonly keys: readonly string[];
  readonly made: Map<string, Made>;
  readonly text: string;
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
  readonly #told = new Map<string | undefined, Told>();

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
    const { hashMap } = this.#kept;
    const keys = Object.keys(hashMap);
    const before = this.#told.get(node);
    const made = before?.made ?? new Map<string, Made>();
    let isNews = before?.keys.length !== keys.length;
    for (const [index, key] of keys.entries()) {
      const series = own(hashMap, key);
      const lines = made.get(key);
      if (before?.keys[index] !== key) isNews = true;
      if (series === undefined || (lines !== undefined && isSame(lines, series))) continue;
      made.set(key, this.#make(series, node));
      isNews = true;
    }
    if (before !== undefined && !isNews) return before.text;
    // some were taken back
    if (made.size > keys.length)
      for (const key of made.keys()) if (!Object.hasOwn(hashMap, key)) made.delete(key);
    const text = keys.map((key) => made.get(key)?.text ?? '').join('');
    this.#told.set(node, { keys, made, text });
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
