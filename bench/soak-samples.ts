/** Whether a soak's figures grow: the later rounds against the earlier ones. Pure. */
import { summary } from './stats.ts';

/** Figures after a round, when its pods are gone. */
export interface Sample {
  /** pods created and deleted so far */
  readonly pods: number;
  /** ms create → Ready and delete → gone, medians of the round */
  readonly readyMs: number;
  readonly goneMs: number;
  readonly rssMiB: number;
  readonly openFiles: number;
  readonly timers: number;
  /** file and socket handles of the process: watches and connections */
  readonly handles: number;
  /** series that farlet's metrics have */
  readonly series: number;
  /** what is left on the host, by kind */
  readonly left: Readonly<Record<string, number>>;
}

export interface Verdict {
  readonly figure: string;
  readonly early: number;
  readonly late: number;
  readonly allowed: string;
  readonly isFlat: boolean;
}

/** Latencies and memory are noisy, counts are not. */
const limits = {
  readyMs: { factor: 1.25, plus: 20 },
  goneMs: { factor: 1.25, plus: 20 },
  rssMiB: { factor: 1.1, plus: 8 },
  openFiles: { factor: 1, plus: 4 },
  timers: { factor: 1, plus: 10 },
  handles: { factor: 1, plus: 4 },
  series: { factor: 1, plus: 10 },
} as const;

/** Compares the medians of the second and the last quarter: the first warms up. Needs four samples. */
export function verdicts(samples: readonly Sample[]): Verdict[] {
  if (samples.length < 4) throw new Error('a soak needs at least four rounds to tell growth from warming up');
  const quarter = Math.floor(samples.length / 4);
  const early = samples.slice(quarter, 2 * quarter);
  const late = samples.slice(-quarter);
  const figures = Object.entries(limits).map(([figure, { factor, plus }]): Verdict => {
    const of = (part: readonly Sample[]): number => median(part, figure as keyof typeof limits);
    const most = of(early) * factor + plus;
    const allowed = `${factor === 1 ? '' : `× ${factor} `}+ ${plus}`;
    return { figure, early: of(early), late: of(late), allowed, isFlat: of(late) <= most };
  });
  const last = samples.at(-1);
  const left = Object.entries(last?.left ?? {}).map(([kind, count]): Verdict => {
    const before = early.at(-1)?.left[kind] ?? 0;
    return { figure: `left: ${kind}`, early: before, late: count, allowed: '0', isFlat: count === 0 };
  });
  return [...figures, ...left];
}

function median(samples: readonly Sample[], figure: keyof typeof limits): number {
  return summary(samples.map((sample) => sample[figure])).median;
}
