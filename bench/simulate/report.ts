/** What a simulation found, against its limits. Pure. */
import { table } from '../table.ts';
import type { Found } from './found.ts';

interface Line {
  readonly figure: string;
  readonly found: string;
  /** undefined: shown, not judged */
  readonly limit?: string;
  readonly isWithin?: boolean;
}

export interface Report {
  readonly text: string;
  readonly passed: boolean;
}

export function report(found: Found): Report {
  return judged(linesOf(found));
}

function linesOf(found: Found): Line[] {
  return [...ofSpans(found), ...ofStarts(found), ...ofRestart(found)];
}

function ofSpans({ hosts, idle, full, scrape }: Found): Line[] {
  return [
    { figure: 'no pods: CPU of a core', found: percent(idle.cpu) },
    { figure: 'no pods: resident memory', found: mib(idle.rssMiB) },
    { figure: 'no pods: open watches', found: String(idle.watches) },
    limited('no pods: longest blocked', ms(idle.blocked), '< 50 ms', idle.blocked < 0.05),
    limited('all pods: event loop busy', percent(full.utilization), '< 50 %', full.utilization < 0.5),
    limited('all pods: event loop delay, p99', ms(full.delayP99), '< 100 ms', full.delayP99 < 0.1),
    limited('all pods: longest blocked', ms(full.blocked), '< 50 ms', full.blocked < 0.05),
    { figure: 'all pods: longest pause of the collector', found: ms(full.collected) },
    limited('all pods: CPU of a core', percent(full.cpu), '< 50 %', full.cpu < 0.5),
    limited('all pods: resident memory', mib(full.rssMiB), '≤ 500 MiB', full.rssMiB <= 500),
    limited(
      'all pods: open watches',
      String(full.watches),
      '≤ 2 a host + 10',
      full.watches <= 2 * hosts + 10,
    ),
    { figure: 'all pods: heap', found: mib(full.heapMiB) },
    limited('all pods: longest without a heartbeat', s(full.leaseGap), '≤ 20 s', full.leaseGap <= 20),
    { figure: 'all pods: machine idle', found: percent(full.machineIdle) },
    limited('scrape: the loop works', ms(scrape.loop), '< 50 ms', scrape.loop < 0.05),
    limited('scrape: longest blocked', ms(scrape.blocked), '< 50 ms', scrape.blocked < 0.05),
    { figure: 'scrape: page', found: mib(scrape.bytes / 2 ** 20) },
  ];
}

/** What is no slower than this is as fast: runs differ by as much. */
const AS_FAST = 1.2;

function ofStarts({ start: { amongFew, amongAll } }: Found): Line[] {
  const ratio = amongAll / amongFew;
  return [
    { figure: 'one start: among the pods of one host', found: ms(amongFew) },
    { figure: 'one start: among all', found: ms(amongAll) },
    limited('one start: ratio', ratio.toFixed(2), `≤ ${AS_FAST}`, ratio <= AS_FAST),
  ];
}

function ofRestart({ restart }: Found): Line[] {
  const { leaseGap, leaseGapOf, containers, syncedAfter, blocked } = restart;
  const again = 'started again';
  return [
    limited(`${again}: all pods synced after`, s(syncedAfter), '< 60 s', syncedAfter < 60),
    limited(`${again}: longest without a heartbeat (${leaseGapOf})`, s(leaseGap), '≤ 20 s', leaseGap <= 20),
    limited(`${again}: containers made anew`, String(containers), '0', containers === 0),
    limited(`${again}: longest blocked`, ms(blocked), '< 50 ms', blocked < 0.05),
    { figure: `${again}: event loop delay, p99`, found: ms(restart.delayP99) },
    { figure: `${again}: CPU seconds until then`, found: s(restart.cpuSeconds) },
    { figure: `${again}: resident memory`, found: mib(restart.rssMiB) },
    { figure: `${again}: machine idle`, found: percent(restart.machineIdle) },
  ];
}

export function bySize(runs: readonly Found[]): Found[] {
  return [...runs].sort((a, b) => a.hosts - b.hosts);
}

/** What a node costs beyond the first: without pods, by the difference to the run with the fewest. */
export function eachFurtherNode(runs: readonly Found[]): { hosts: number; cpu: number; mib: number }[] {
  const [first, ...others] = bySize(runs);
  if (first === undefined) return [];
  return others.map(({ hosts, idle }) => {
    const further = hosts - first.hosts;
    return {
      hosts,
      cpu: (idle.cpu - first.idle.cpu) / further,
      mib: (idle.rssMiB - first.idle.rssMiB) / further,
    };
  });
}

/** Of several sizes: what further nodes cost, judged, and beside each other what was found at each size. */
export function compared(runs: readonly Found[]): Report {
  const { text, passed } = judged(
    eachFurtherNode(runs).flatMap(({ hosts, cpu, mib: memory }) => [
      limited(
        `${hosts} hosts: CPU of a core, a further node`,
        `${(cpu * 100).toFixed(3)} %`,
        '≤ 0.05 %',
        cpu <= 0.0005,
      ),
      limited(`${hosts} hosts: memory, a further node`, `${memory.toFixed(2)} MiB`, '≤ 5 MiB', memory <= 5),
    ]),
  );
  const sorted = bySize(runs);
  const all = sorted.map(linesOf);
  const rows = (all[0] ?? []).map(({ figure }, at) => [
    // the names of nodes differ
    figure.replace(/ \(.*\)$/, ''),
    ...all.map((lines) => lines[at]?.found ?? ''),
  ]);
  const sizes = table(['hosts', ...sorted.map(({ hosts }) => String(hosts))], rows);
  return { text: `${sizes}\n\n${text}`, passed };
}

function judged(lines: readonly Line[]): Report {
  const rows = lines.map(({ figure, found, limit = '', isWithin }) => [
    figure,
    found,
    limit,
    isWithin === undefined ? '' : isWithin ? 'pass' : 'FAIL',
  ]);
  return {
    text: table(['figure', 'found', 'limit', ''], rows),
    passed: lines.every(({ isWithin }) => isWithin !== false),
  };
}

function limited(figure: string, found: string, limit: string, isWithin: boolean): Line {
  return { figure, found, limit, isWithin };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function ms(seconds: number): string {
  return `${(seconds * 1000).toFixed(0)} ms`;
}

function s(seconds: number): string {
  return `${seconds.toFixed(1)} s`;
}

function mib(size: number): string {
  return `${size.toFixed(size < 10 ? 1 : 0)} MiB`;
}
