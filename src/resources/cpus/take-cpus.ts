/**
 * Which CPUs to give: whole NUMA nodes and sockets first, then whole cores, then threads of cores that are in
 * use already (takeByTopologyNUMAPacked in pkg/kubelet/cm/cpumanager/cpu_assignment.go). Pure.
 */
import type { CpuSet } from '../../model/cpu-set.ts';
import { cpusPerCore, type CpuPlace, type CpuTopology } from './cpu-topology.ts';

type Level = 'numa' | 'socket' | 'core';

/** `count` of the available CPUs; undefined if there are not so many. */
export function takeCpus(topology: CpuTopology, available: CpuSet, count: number): CpuSet | undefined {
  if (available.size < count) return undefined;
  const taking = new Taking(topology, available, count);
  const levels: readonly Level[] = taking.numaFirst ? ['numa', 'socket'] : ['socket', 'numa'];
  for (const level of [...levels, 'core'] as const) taking.takeWhole(level);
  taking.takeRest();
  return taking.taken;
}

/** One allocation under way. */
class Taking {
  readonly taken = new Set<number>();
  readonly numaFirst: boolean;
  readonly #topology: CpuTopology;
  readonly #count: number;
  #free: readonly CpuPlace[];

  constructor(topology: CpuTopology, available: CpuSet, count: number) {
    this.#topology = topology;
    this.#count = count;
    this.#free = topology.filter(({ cpu }) => available.has(cpu));
    this.numaFirst = groups(topology, 'socket').length >= groups(topology, 'numa').length;
  }

  takeWhole(level: Level): void {
    for (const group of this.#sorted(level)) {
      const free = this.#free.filter((place) => place[level] === group);
      if (free.length === this.#size(level, group) && this.#missing >= free.length) this.#take(free);
    }
  }

  takeRest(): void {
    for (const core of this.#sorted('core'))
      for (const place of this.#free.filter((each) => each.core === core))
        if (this.#missing > 0) this.#take([place]);
  }

  get #missing(): number {
    return this.#count - this.taken.size;
  }

  #size(level: Level, group: number): number {
    if (level === 'core') return cpusPerCore(this.#topology);
    if (level === 'socket') return this.#topology.length / groups(this.#topology, 'socket').length;
    return this.#topology.filter((place) => place[level] === group).length;
  }

  #take(places: readonly CpuPlace[]): void {
    for (const { cpu } of places) this.taken.add(cpu);
    this.#free = this.#free.filter(({ cpu }) => !this.taken.has(cpu));
  }

  /** Groups that have free CPUs, those of one larger group together, fewest free CPUs first. */
  #sorted(level: Level): number[] {
    const order: readonly Level[] = this.numaFirst ? ['numa', 'socket', 'core'] : ['socket', 'numa', 'core'];
    const above = order[order.indexOf(level) - 1];
    if (above === undefined) return this.#byFree(level, this.#free);
    const sorted = this.#sorted(above).flatMap((group) =>
      this.#byFree(
        level,
        this.#free.filter((place) => place[above] === group),
      ),
    );
    return [...new Set(sorted)];
  }

  #byFree(level: Level, places: readonly CpuPlace[]): number[] {
    const count = (group: number): number => this.#free.filter((place) => place[level] === group).length;
    return groups(places, level).sort((a, b) => count(a) - count(b) || a - b);
  }
}

function groups(places: readonly CpuPlace[], level: Level): number[] {
  return [...new Set(places.map((place) => place[level]))];
}
