/** What the simulation found, against its limits. Pure. */
import { table } from '../table.ts';

export interface Found {
  readonly relists: {
    readonly seconds: number;
    /** from 0 to 1 */
    readonly utilization: number;
    readonly delayP99: number;
    /** seconds of CPU a second, of all the process's threads */
    readonly cpu: number;
    readonly rssMiB: number;
    readonly leaseGap: number;
    /** what the rest of the machine left, from 0 to 1 */
    readonly machineIdle: number;
  };
  readonly restart: {
    /** until every worker had synced its pod once */
    readonly syncedAfter: number;
    readonly leaseGap: number;
    /** node with that gap */
    readonly leaseGapOf: string;
    readonly delayP99: number;
    readonly cpuSeconds: number;
    readonly rssMiB: number;
    /** that were made although all pods ran */
    readonly containers: number;
    readonly machineIdle: number;
  };
}

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

export function report({ relists, restart }: Found): Report {
  const relist = 'relist each second';
  const again = 'started again';
  const lines: Line[] = [
    limited(`${relist}: event loop busy`, percent(relists.utilization), '< 50 %', relists.utilization < 0.5),
    limited(`${relist}: event loop delay, p99`, ms(relists.delayP99), '< 100 ms', relists.delayP99 < 0.1),
    limited(`${relist}: CPU seconds a second`, relists.cpu.toFixed(2), '< 0.50', relists.cpu < 0.5),
    { figure: `${relist}: resident memory`, found: mib(relists.rssMiB) },
    limited(`${relist}: longest without a heartbeat`, s(relists.leaseGap), '< 20 s', relists.leaseGap < 20),
    { figure: `${relist}: machine idle`, found: percent(relists.machineIdle) },
    { figure: `${again}: all pods synced after`, found: s(restart.syncedAfter) },
    limited(
      `${again}: longest without a heartbeat (${restart.leaseGapOf})`,
      s(restart.leaseGap),
      '< 20 s',
      restart.leaseGap < 20,
    ),
    limited(`${again}: containers made anew`, String(restart.containers), '0', restart.containers === 0),
    { figure: `${again}: event loop delay, p99`, found: ms(restart.delayP99) },
    { figure: `${again}: CPU seconds until then`, found: s(restart.cpuSeconds) },
    { figure: `${again}: resident memory`, found: mib(restart.rssMiB) },
    { figure: `${again}: machine idle`, found: percent(restart.machineIdle) },
  ];
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
  return `${size.toFixed(0)} MiB`;
}
