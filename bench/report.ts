/** The measurements as rows: what, the floor, farlet, their ratio, the aim. Pure. */
import { bestWidth, type Bursts } from './measure-bursts.ts';
import type { Idle } from './measure-idle.ts';
import type { Starts } from './measure-starts.ts';
import { summary } from './stats.ts';
import { table } from './table.ts';

export interface Results {
  readonly starts: Starts | undefined;
  readonly bursts: Bursts | undefined;
  readonly idle: Idle | undefined;
}

export interface Row {
  readonly what: string;
  readonly floor: string;
  readonly farlet: string;
  /** farlet's value, or its ratio to the floor's: what the aim is about */
  readonly value: number;
  readonly isRatio: boolean;
  readonly aim: { readonly atMost: number } | { readonly atLeast: number } | undefined;
}

const ms = (value: number): string => value.toFixed(0);
const rate = (value: number): string => value.toFixed(2);

export function rowsOf(
  { starts, bursts, idle }: Results,
  shown: { readonly start: boolean; readonly burst: boolean; readonly delete: boolean },
): Row[] {
  return [
    ...(starts !== undefined && shown.start
      ? [compared('create→Ready, one at a time, ms', { ...starts, show: ms, aim: { atMost: 1.15 } })]
      : []),
    ...(starts !== undefined && shown.delete
      ? [
          compared('delete→gone, one at a time, ms', {
            floor: starts.floorDeletes,
            farlet: starts.farletDeletes,
            show: ms,
            aim: undefined,
          }),
        ]
      : []),
    ...(bursts === undefined ? [] : burstRows(bursts, shown)),
    ...(idle === undefined ? [] : idleRows(idle)),
  ];
}

function burstRows(
  { floor, farlet }: Bursts,
  shown: { readonly burst: boolean; readonly delete: boolean },
): Row[] {
  const best = bestWidth(floor);
  const starts = compared(`burst, pods/s (floor's best: ${best.width} at a time)`, {
    floor: best.bursts.map(({ podsPerSecond }) => podsPerSecond),
    farlet: farlet.map(({ podsPerSecond }) => podsPerSecond),
    show: rate,
    aim: { atLeast: 0.95 },
  });
  const deletes = compared('burst, deletes/s', {
    floor: best.bursts.map(({ deletesPerSecond }) => deletesPerSecond),
    farlet: farlet.map(({ deletesPerSecond }) => deletesPerSecond),
    show: rate,
    aim: undefined,
  });
  return [...(shown.burst ? [starts] : []), ...(shown.delete ? [deletes] : [])];
}

function idleRows(idle: Idle): Row[] {
  const own = (what: string, value: number, aim: Row['aim']): Row => ({
    what,
    floor: '',
    farlet: rate(value),
    value,
    isRatio: false,
    aim,
  });
  return [
    own('idle, % of a core', idle.cpuPercent, { atMost: 0.3 }),
    own('idle, resident MiB', idle.rssMiB, { atMost: 130 }),
    own('most ever resident, MiB', idle.peakMiB, undefined),
    own('idle, CRI calls a minute', idle.criCallsPerMinute.total, undefined),
    own('idle, API calls a minute', idle.apiCallsPerMinute.total, undefined),
    own("idle, % of a core of the host's containerd", idle.containerdPercent, undefined),
  ];
}

function compared(
  what: string,
  of: {
    readonly floor: readonly number[];
    readonly farlet: readonly number[];
    readonly show: (value: number) => string;
    readonly aim: Row['aim'];
  },
): Row {
  const [floor, farlet] = [summary(of.floor), summary(of.farlet)];
  const shown = ({ median, p10, p90 }: typeof floor): string =>
    `${of.show(median)} (${of.show(p10)}–${of.show(p90)})`;
  return {
    what,
    floor: shown(floor),
    farlet: shown(farlet),
    value: farlet.median / floor.median,
    isRatio: true,
    aim: of.aim,
  };
}

/** Whether a row's value is what it should be; undefined for rows without an aim. */
export function isMet({ value, aim }: Row): boolean | undefined {
  if (aim === undefined) return undefined;
  return 'atMost' in aim ? value <= aim.atMost : value >= aim.atLeast;
}

export function text(results: Results, rows: readonly Row[]): string {
  const main = table(
    ['median (p10–p90)', 'floor', 'farlet', 'ratio', 'aim', ''],
    rows.map((row) => {
      const met = isMet(row);
      const aim =
        row.aim === undefined ? '' : 'atMost' in row.aim ? `≤ ${row.aim.atMost}` : `≥ ${row.aim.atLeast}`;
      return [
        row.what,
        row.floor,
        row.farlet,
        row.isRatio ? row.value.toFixed(2) : '',
        aim,
        met === undefined ? '' : met ? 'met' : 'NOT MET',
      ];
    }),
  );
  return [main, ...details(results)].join('\n\n');
}

function details({ starts, bursts, idle }: Results): string[] {
  const sections: string[] = [];
  if (starts !== undefined) {
    const steps = ['RunPodSandbox', 'CreateContainer', 'StartContainer'].map((name, index) => [
      name,
      summary(starts.floorSteps.map((each) => each[index] ?? NaN)).median.toFixed(1),
    ]);
    sections.push(table(["the floor's calls", 'ms'], steps));
  }
  if (bursts !== undefined) {
    const each = [
      ...bursts.floor.map(({ width, bursts: list }) => ({
        name: `floor, ${width} at a time`,
        list,
        cpu: '',
      })),
      {
        name: 'farlet',
        list: bursts.farlet,
        cpu: summary(bursts.farlet.map(({ cpuMsPerPod }) => cpuMsPerPod)).median.toFixed(1),
      },
    ];
    sections.push(
      table(
        ['bursts', 'pods/s', 'deletes/s', 'machine idle', 'CPU ms a pod', "of it farlet's"],
        each.map(({ name, list, cpu }) => [
          name,
          list.map(({ podsPerSecond }) => rate(podsPerSecond)).join(' '),
          list.map(({ deletesPerSecond }) => rate(deletesPerSecond)).join(' '),
          `${(summary(list.map(({ idleShare }) => idleShare)).median * 100).toFixed(0)} %`,
          list.map(({ wholeCpuMsPerPod }) => wholeCpuMsPerPod.toFixed(0)).join(' '),
          cpu,
        ]),
      ),
    );
    const last = bursts.farlet.at(-1);
    if (last !== undefined)
      sections.push(calls('calls per pod start', { cri: last.criCalls, api: last.apiCalls }));
  }
  if (idle !== undefined)
    sections.push(
      calls('calls per idle minute', { cri: idle.criCallsPerMinute, api: idle.apiCallsPerMinute }),
    );
  return sections;
}

function calls(
  title: string,
  counts: Record<'cri' | 'api', { readonly total: number; readonly each: Readonly<Record<string, number>> }>,
): string {
  const rows = (['cri', 'api'] as const).flatMap((kind) => [
    [`${kind.toUpperCase()}, in all`, rate(counts[kind].total)],
    ...Object.entries(counts[kind].each).map(([name, count]) => [`  ${name}`, rate(count)]),
  ]);
  return table([title, 'count'], rows);
}
