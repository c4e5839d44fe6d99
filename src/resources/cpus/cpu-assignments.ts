/**
 * Who has which CPUs of a host (pkg/kubelet/cm/cpumanager/policy_static.go). What is given to nobody is
 * shared.
 *
 * I1. No CPU is given twice, but for a pod's init containers, whose CPUs its later containers may have.
 * I2. A reserved CPU is given to nobody.
 */
import type { AdmissionReason } from '../../model/admission-reasons.ts';
import { isSidecar, specContainers } from '../../model/containers.ts';
import type { CpuSet } from '../../model/cpu-set.ts';
import type { Container, Pod } from '../../model/kube.ts';
import { cpusPerCore, type CpuTopology } from './cpu-topology.ts';
import { exclusiveCpus } from './exclusive-cpus.ts';
import { takeCpus } from './take-cpus.ts';

export interface CpuAssignmentsOptions {
  readonly topology: CpuTopology;
  readonly reserved: CpuSet;
  /** whole cores or nothing */
  readonly fullCores: boolean;
  /** reserved CPUs are not shared either */
  readonly strictReservation: boolean;
}

/** Why CPUs can't be had: the reason and message of a pod that is rejected. */
export interface CpuRefusal {
  readonly reason: AdmissionReason;
  readonly message: string;
}

export class CpuAssignments {
  readonly #options: CpuAssignmentsOptions;
  readonly #given = new Map<string, Map<string, CpuSet>>();

  constructor(options: CpuAssignmentsOptions) {
    this.#options = options;
  }

  /** Gives every container of the pod what it has a right to, or nothing to any. What it has it keeps. */
  allocate(pod: Pod): CpuRefusal | undefined {
    const { uid } = pod.metadata;
    const before = this.#given.get(uid);
    const given = new Map(before);
    this.#given.set(uid, given);
    let reusable: CpuSet = new Set();
    for (const container of specContainers(pod.spec)) {
      const count = exclusiveCpus(pod, container);
      if (count === 0) continue;
      const found = given.get(container.name) ?? this.#take(count, reusable);
      if ('reason' in found) {
        this.#restore(uid, before);
        return found;
      }
      given.set(container.name, found);
      reusable = isInit(pod, container) ? union(reusable, found) : without(reusable, found);
    }
    if (given.size === 0) this.#given.delete(uid);
    return undefined;
  }

  /**
   * What a container was seen to have when farlet started. False if it can't be: unknown, reserved or given
   * to another.
   */
  adopt(uid: string, container: string, cpus: CpuSet): boolean {
    const free = this.#free(new Set());
    const own = this.#given.get(uid) ?? new Map<string, CpuSet>();
    const reusable = new Set([...own.values()].flatMap((set) => [...set]));
    if (cpus.size === 0 || ![...cpus].every((cpu) => free.has(cpu) || reusable.has(cpu))) return false;
    own.set(container, cpus);
    this.#given.set(uid, own);
    return true;
  }

  /** Takes back what pods have that are not active any more. */
  release(isActive: (uid: string) => boolean): void {
    for (const uid of [...this.#given.keys()]) if (!isActive(uid)) this.#given.delete(uid);
  }

  /** A container's own CPUs, or those that all others share. */
  cpusOf(uid: string, container: string): CpuSet {
    return this.#given.get(uid)?.get(container) ?? this.shared();
  }

  /** Whether a container, or any of the pod's, has CPUs of its own. */
  hasExclusive(uid: string, container?: string): boolean {
    const given = this.#given.get(uid);
    return container === undefined ? given !== undefined && given.size > 0 : given?.has(container) === true;
  }

  shared(): CpuSet {
    const { topology, reserved, strictReservation } = this.#options;
    const all = new Set(topology.map(({ cpu }) => cpu));
    const rest = without(all, this.#used());
    return strictReservation ? without(rest, reserved) : rest;
  }

  #restore(uid: string, before: Map<string, CpuSet> | undefined): void {
    if (before === undefined) this.#given.delete(uid);
    else this.#given.set(uid, before);
  }

  #take(count: number, reusable: CpuSet): CpuSet | CpuRefusal {
    const { topology, fullCores } = this.#options;
    if (fullCores) {
      const refusal = this.#misaligned(count);
      if (refusal !== undefined) return refusal;
    }
    const free = this.#free(reusable);
    return (
      takeCpus(topology, free, count) ?? {
        reason: 'UnexpectedAdmissionError',
        message: `Allocate failed due to not enough cpus available to satisfy request: requested=${count}, available=${free.size}, which is unexpected`,
      }
    );
  }

  /** enforceSMTAlignment: siblings of reserved CPUs are no free cores either. */
  #misaligned(count: number): CpuRefusal | undefined {
    const { topology, reserved } = this.#options;
    const perCore = cpusPerCore(topology);
    if (count % perCore !== 0)
      return misaligned(`requested ${count} cpus not multiple cpus per core = ${perCore}`);
    const cores = new Set(topology.filter(({ cpu }) => reserved.has(cpu)).map(({ core }) => core));
    const siblings = new Set(topology.filter(({ core }) => cores.has(core)).map(({ cpu }) => cpu));
    const available = without(this.shared(), siblings).size;
    return count <= available
      ? undefined
      : misaligned(
          `not enough free physical CPUs: available physical CPUs = ${available}, requested CPUs = ${count}, CPUs per core = ${perCore}`,
        );
  }

  #free(reusable: CpuSet): CpuSet {
    return union(without(this.shared(), this.#options.reserved), reusable);
  }

  #used(): CpuSet {
    return new Set(
      [...this.#given.values()].flatMap((pod) => [...pod.values()].flatMap((cpus) => [...cpus])),
    );
  }
}

function misaligned(why: string): CpuRefusal {
  return { reason: 'SMTAlignmentError', message: `SMT Alignment Error: ${why}` };
}

function isInit(pod: Pod, container: Container): boolean {
  return (pod.spec.initContainers ?? []).includes(container) && !isSidecar(container);
}

function union(a: CpuSet, b: CpuSet): CpuSet {
  return new Set([...a, ...b]);
}

function without(a: CpuSet, b: CpuSet): CpuSet {
  return new Set([...a].filter((cpu) => !b.has(cpu)));
}
