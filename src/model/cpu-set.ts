/** Sets of CPU numbers in the kernel's list form (k8s.io/utils/cpuset). */
export type CpuSet = ReadonlySet<number>;

/** `0-3,8` → the numbers; undefined for text that is no list. An empty text is an empty set. */
export function parseCpuSet(text: string): CpuSet | undefined {
  const cpus = new Set<number>();
  for (const part of text.trim().split(',')) {
    if (part === '' && text.trim() === '') break;
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    if (match === null) return undefined;
    const from = Number(match[1]);
    const to = Number(match[2] ?? match[1]);
    if (to < from || to - from > maxCpus) return undefined;
    for (let cpu = from; cpu <= to; cpu += 1) cpus.add(cpu);
  }
  return cpus;
}

const maxCpus = 65_536;

/** Ascending, neighbours joined: `0-1,4`. */
export function formatCpuSet(cpus: CpuSet): string {
  const ranges: [number, number][] = [];
  for (const cpu of sortedCpus(cpus)) {
    const last = ranges.at(-1);
    if (last?.[1] === cpu - 1) last[1] = cpu;
    else ranges.push([cpu, cpu]);
  }
  return ranges.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',');
}

export function sortedCpus(cpus: CpuSet): number[] {
  return [...cpus].sort((a, b) => a - b);
}
