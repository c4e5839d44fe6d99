/** The measurements as rows: what, the kubelet, farlet, their ratio, the aim; and the floor. Pure. */
import { median, type Summary } from '../stats.ts';
import { table } from '../table.ts';
import type { AgentName } from './agent.ts';
import { bestOf, type AgentTurn } from './measure-pods.ts';
import type { Idle } from './measure-running.ts';
import { shapes, type Both, type PodsRound, type Results, type Shape } from './results.ts';
import { ratios } from './turns.ts';
import { allCalls, beyond, type Use } from './use.ts';

type Aim = { readonly atMost: number } | { readonly atLeast: number };

export interface Row {
  readonly what: string;
  /** medians over the rounds */
  readonly kubelet: number;
  readonly farlet: number;
  readonly digits: number;
  /** farlet's to the kubelet's in the same round */
  readonly ratio: Pick<Summary, 'median' | 'min' | 'max'>;
  /** `of` the ratio's median, or of farlet's own figure */
  readonly aim: (Aim & { readonly of: 'ratio' | 'farlet' }) | undefined;
  /** where it applies, with the ratios of both to it */
  readonly floor: { readonly value: number; readonly farlet: number; readonly kubelet: number } | undefined;
}

/** The aims, as medians of ratios to the kubelet; memory in MiB. */
const aims = {
  ready: { atMost: 0.9, of: 'ratio' },
  burst: { atLeast: 1.15, of: 'ratio' },
  deletes: { atLeast: 1, of: 'ratio' },
  churn: { atLeast: 1.1, of: 'ratio' },
  cpu: { atMost: 1, of: 'ratio' },
  idle: { atMost: 0.1, of: 'ratio' },
  memory: { atMost: 130, of: 'farlet' },
} as const satisfies Record<string, Row['aim']>;

export function rowsOf(results: Results): Row[] {
  return [
    ...(Object.keys(shapes) as Shape[]).flatMap((kind) => podRows(kind, results.pods[kind], results.rest)),
    ...churnRows(results),
    ...idleRows(results),
  ];
}

interface Shown {
  readonly digits: number;
  readonly aim?: Row['aim'];
  readonly floor?: readonly number[] | undefined;
}

/** A row of what was measured of both in each of the rounds. */
function compared<Round extends Both<unknown>>(
  what: string,
  { rounds, of }: { rounds: readonly Round[]; of: (turn: Round[AgentName], name: AgentName) => number },
  { digits, aim, floor }: Shown,
): Row {
  const [farlet, kubelet] = (['farlet', 'kubelet'] as const).map((name) =>
    rounds.map((round) => of(round[name], name)),
  ) as [number[], number[]];
  return {
    what,
    farlet: median(farlet),
    kubelet: median(kubelet),
    digits,
    ratio: ratios(farlet, kubelet),
    aim,
    floor:
      floor === undefined
        ? undefined
        : {
            value: median(floor),
            farlet: ratios(farlet, floor).median,
            kubelet: ratios(kubelet, floor).median,
          },
  };
}

function podRows(kind: Shape, rounds: readonly PodsRound[], rest: Both<Use>): Row[] {
  if (rounds.length === 0) return [];
  const floors = rounds.flatMap(({ floor }) => (floor === undefined ? [] : [floor]));
  const best = floors.length === 0 ? undefined : bestOf(floors);
  const ofFloor = (of: (turn: (typeof floors)[number]) => number): number[] | undefined =>
    floors.length === 0 ? undefined : floors.map(of);
  const row = (what: string, of: (turn: AgentTurn, name: AgentName) => number, shown: Shown): Row =>
    compared(`${kind}: ${what}`, { rounds, of }, shown);
  const net = (turn: AgentTurn, name: AgentName): Use => beyond(turn.use, rest[name]);
  return [
    row('create→Ready, one at a time, ms', ({ starts }) => median(starts), {
      digits: 0,
      aim: aims.ready,
      floor: ofFloor(({ starts }) => median(starts)),
    }),
    row('delete→gone, one at a time, ms', ({ deletes }) => median(deletes), {
      digits: 0,
      floor: ofFloor(({ deletes }) => median(deletes)),
    }),
    row('burst start, pods/s', ({ podsPerSecond }) => podsPerSecond, {
      digits: 2,
      aim: aims.burst,
      floor: best?.bursts.map(({ podsPerSecond }) => podsPerSecond),
    }),
    row('burst delete, pods/s', ({ deletesPerSecond }) => deletesPerSecond, {
      digits: 2,
      aim: aims.deletes,
      floor: best?.bursts.map(({ deletesPerSecond }) => deletesPerSecond),
    }),
    row('agent CPU a pod, ms', (turn, name) => net(turn, name).cpuMs / turn.pods, {
      digits: 1,
      aim: aims.cpu,
    }),
    row('the same, idle time included, ms', ({ use, pods }) => use.cpuMs / pods, { digits: 1 }),
    row('API calls a pod', (turn, name) => allCalls(net(turn, name)) / turn.pods, { digits: 1 }),
    row('API KiB a pod', (turn, name) => kib(net(turn, name)) / turn.pods, { digits: 1 }),
  ];
}

function churnRows({ churn, probing }: Results): Row[] {
  const [anyway] = probing;
  if (churn.length === 0 || anyway === undefined) return [];
  const rounds = churn;
  return [
    compared(
      'churn: pods replaced/s',
      { rounds, of: ({ pods, seconds }) => pods / seconds },
      {
        digits: 2,
        aim: aims.churn,
      },
    ),
    compared(
      'churn: agent CPU a pod, ms',
      { rounds, of: ({ use, pods }, name) => beyond(use, anyway[name].use).cpuMs / pods },
      { digits: 1, aim: aims.cpu },
    ),
  ];
}

function idleRows({ idle: rounds, probing, memory }: Results): Row[] {
  if (rounds.length === 0) return [];
  const cpuOf = ({ use }: Idle): number => use.cpuMs / use.seconds / 10;
  return [
    compared('idle: agent CPU, % of a core', { rounds, of: cpuOf }, { digits: 2, aim: aims.idle }),
    compared('the same where pods have probes, %', { rounds: probing, of: cpuOf }, { digits: 2 }),
    compared(
      'idle: resident, MiB',
      { rounds, of: (turn) => turn.memory.rssMiB },
      {
        digits: 0,
        aim: aims.memory,
      },
    ),
    compared(
      'idle: its part of shared memory only, MiB',
      { rounds, of: (turn) => turn.memory.pssMiB },
      {
        digits: 0,
      },
    ),
    compared('most ever resident, MiB', { rounds: [memory], of: ({ peakMiB }) => peakMiB }, { digits: 0 }),
    compared(
      'idle: API calls a minute',
      { rounds, of: ({ use }) => (allCalls(use) * 60) / use.seconds },
      {
        digits: 1,
      },
    ),
    compared(
      'idle: API KiB a minute',
      { rounds, of: ({ use }) => (kib(use) * 60) / use.seconds },
      {
        digits: 1,
      },
    ),
  ];
}

function kib({ sentBytes, receivedBytes }: Use): number {
  return (sentBytes + receivedBytes) / 1024;
}

/** Whether what the aim is of is as it should be; undefined for rows without one. */
export function isMet({ aim, ratio, farlet }: Row): boolean | undefined {
  if (aim === undefined) return undefined;
  const value = aim.of === 'ratio' ? ratio.median : farlet;
  return 'atMost' in aim ? value <= aim.atMost : value >= aim.atLeast;
}

export function text(results: Results): string {
  return [mainTable(rowsOf(results)), ...details(results), othersLine(results)].join('\n\n');
}

function mainTable(rows: readonly Row[]): string {
  const two = (value: number): string => value.toFixed(2);
  return table(
    ['', 'kubelet', 'farlet', 'ratio', 'min–max', 'aim', '', 'floor', 'farlet to it', 'kubelet to it'],
    rows.map((row) => {
      const { what, kubelet, farlet, digits, ratio, aim, floor } = row;
      return [
        what,
        kubelet.toFixed(digits),
        farlet.toFixed(digits),
        two(ratio.median),
        `${two(ratio.min)}–${two(ratio.max)}`,
        aim === undefined ? '' : 'atMost' in aim ? `≤ ${aim.atMost}` : `≥ ${aim.atLeast}`,
        { true: 'met', false: 'NOT MET', undefined: '' }[
          String(isMet(row)) as 'true' | 'false' | 'undefined'
        ],
        ...(floor === undefined
          ? ['', '', '']
          : [floor.value.toFixed(digits), two(floor.farlet), two(floor.kubelet)]),
      ];
    }),
  );
}

function details(results: Results): string[] {
  const sections: string[] = [];
  for (const kind of Object.keys(shapes) as Shape[]) {
    const rounds = results.pods[kind];
    if (rounds.length === 0) continue;
    sections.push(stages(kind, rounds, results.rest));
    sections.push(
      calls(`API calls a pod, ${kind}`, (name) =>
        rounds.map((round) => ({ use: beyond(round[name].use, results.rest[name]), per: round[name].pods })),
      ),
    );
  }
  if (results.idle.length > 0)
    sections.push(
      calls('API calls an idle minute', (name) =>
        results.idle.map((round) => ({ use: round[name].use, per: round[name].use.seconds / 60 })),
      ),
    );
  return sections;
}

/** Where the agents' CPU goes. */
function stages(kind: string, rounds: readonly PodsRound[], rest: Both<Use>): string {
  const names = {
    singles: 'one at a time',
    burst: 'burst start',
    deletes: 'burst delete',
    leftovers: 'leftovers',
  };
  const whole = (name: AgentName, stage: keyof typeof names): string =>
    median(rounds.map((round) => beyond(round[name].stages[stage], rest[name]).cpuMs)).toFixed(0);
  return table(
    [`agent CPU, ${kind}, ms in all`, 'kubelet', 'farlet'],
    (Object.keys(names) as (keyof typeof names)[]).map((stage) => [
      names[stage],
      whole('kubelet', stage),
      whole('farlet', stage),
    ]),
  );
}

/** Those that either makes a hundredth of, at least: the most frequent first. */
function calls(title: string, of: (name: AgentName) => readonly { use: Use; per: number }[]): string {
  const [farlet, kubelet] = [of('farlet'), of('kubelet')];
  const each = (all: typeof farlet, call: string): number =>
    median(all.map(({ use, per }) => (use.calls[call] ?? 0) / per));
  const names = new Set([...farlet, ...kubelet].flatMap(({ use }) => Object.keys(use.calls)));
  const rows = [...names]
    .map((call) => ({ call, farlet: each(farlet, call), kubelet: each(kubelet, call) }))
    .filter((row) => Math.max(row.farlet, row.kubelet) >= 0.01)
    .sort((a, b) => Math.max(b.farlet, b.kubelet) - Math.max(a.farlet, a.kubelet));
  const shown = (value: number): string => (value < 0.005 ? '' : value.toFixed(2));
  return table(
    [title, 'kubelet', 'farlet'],
    rows.map((row) => [row.call, shown(row.kubelet), shown(row.farlet)]),
  );
}

/** In most rounds, and at worst. */
function othersLine({ pods, idle, probing, churn }: Results): string {
  const shares = [
    ...Object.values(pods)
      .flat()
      .flatMap(({ farlet, kubelet, floor }) => [
        farlet.othersShare,
        kubelet.othersShare,
        ...(floor === undefined ? [] : [floor.othersShare]),
      ]),
    ...[...idle, ...probing].map(({ othersShare }) => othersShare),
    ...churn.flatMap(({ farlet, kubelet }) => [farlet.othersShare, kubelet.othersShare]),
  ];
  if (shares.length === 0) return '';
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  return `others on this machine, the kernel's own threads among them: ${percent(median(shares))} of all cores in the median turn, ${percent(Math.max(...shares))} in the worst`;
}
