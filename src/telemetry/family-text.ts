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
  /** the node that is told in a label */
  readonly node: string | undefined;
  /** every series, in the order of their lines */
  readonly made: readonly Made[];
  readonly text: string;
}

/** Lines of one series, and what they were made of. */
interface Made {
  readonly key: string;
  readonly series: Scalar | Buckets;
  /** the value then, or the count: a histogram's sum does not change without it */
  readonly at: number;
  readonly text: string;
}

const noBounds: readonly number[] = [];

export class FamilyText {
  readonly #kept: Kept;
  readonly #kind: string;
  readonly #bounds: readonly number[];
  /** one for each way to tell it: an answer has all nodes, or one of them without its name */
  #told: readonly Told[] = [];

  constructor(
    metric: Counter | Gauge | Histogram,
    { kind, buckets = noBounds }: { kind: string; buckets?: readonly number[] },
  ) {
    this.#kept = metric as unknown as Kept;
    this.#kind = kind;
    this.#bounds = buckets;
  }

  /** HELP and TYPE, which an answer has once for all nodes. */
  get comments(): string {
    const { name, help } = this.#kept;
    return `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${this.#kind}\n`;
  }

  /** Every series, each line with its end; `node` is told in a label, unless they have one of that name. */
  lines(node?: string): string {
    const { hashMap } = this.#kept;
    const before = this.#told.find((told) => told.node === node);
    if (before !== undefined && isTold(before.made, hashMap)) return before.text;
    const known = new Map(before?.made.map((each) => [each.key, each]));
    const made = Object.entries(hashMap).map(([key, series]) => {
      const lines = known.get(key);
      return lines !== undefined && isSame(lines, series) ? lines : this.#make(key, series, node);
    });
    const text = made.map((each) => each.text).join('');
    this.#told = [...this.#told.filter((told) => told !== before), { node, made, text }];
    return text;
  }

  #make(key: string, series: Scalar | Buckets, node: string | undefined): Made {
    const { name } = this.#kept;
    const own = Object.entries(series.labels).map(([label, value]) => `${label}="${quoted(value)}"`);
    const told = node === undefined || Object.hasOwn(series.labels, 'node') ? [] : [`node="${quoted(node)}"`];
    if (!('count' in series)) {
      const { value } = series;
      return {
        key,
        series,
        at: value,
        text: inOne(name, inBraces([...told, ...own]), ' ', written(value), '\n'),
      };
    }
    const { count, sum, bucketValues } = series;
    const head = `${name}_bucket{${told.map((label) => `${label},`).join('')}le="`;
    const rest = `"${own.map((label) => `,${label}`).join('')}} `;
    let all = 0;
    const lines = this.#bounds.flatMap((bound) => {
      all += bucketValues[bound] ?? 0;
      return [head, bound, rest, all, '\n'];
    });
    const labels = inBraces([...told, ...own]);
    const sums = [head, '+Inf', rest, count, '\n', name, '_sum', labels, ' ', written(sum), '\n'];
    return {
      key,
      series,
      at: count,
      text: inOne(...lines, ...sums, name, '_count', labels, ' ', count, '\n'),
    };
  }
}

/** Whether these are all there is, as they are now and in their order. */
function isTold(made: readonly Made[], now: Kept['hashMap']): boolean {
  const keys = Object.keys(now);
  return (
    keys.length === made.length &&
    made.every((each, index) => {
      const series = own(now, each.key);
      return each.key === keys[index] && series !== undefined && isSame(each, series);
    })
  );
}

/** A histogram that was taken back and filled anew may have the same count: it is another object then. */
function isSame({ series, at }: Made, now: Scalar | Buckets): boolean {
  return 'count' in now ? series === now && at === now.count : Object.is(at, now.value);
}

/**
 * One text that is kept: one that is put together with + or in a template holds all of its parts, each an
 * object of its own for the collector to visit.
 */
const inOne = (...parts: readonly (string | number)[]): string => parts.join('');

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
