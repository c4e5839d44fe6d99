/**
 * Keeps running containers on the CPUs they should have (reconcileState in
 * pkg/kubelet/cm/cpumanager/cpu_manager.go). A container is asked about only when what it should have differs
 * from what it was last given.
 */
import type { CriClient } from '../../hosts/cri/calls.ts';
import { formatCpuSet, parseCpuSet } from '../../model/cpu-set.ts';
import { isNotFound } from '../../model/errors.ts';
import type { Pod } from '../../model/kube.ts';
import { annotations } from '../../model/labels.ts';
import type { Log } from '../../model/log.ts';
import { podFields } from '../../model/pod-ref.ts';
import type { PodRuntimeState } from '../../model/runtime-state.ts';
import type { CpuAssignments, CpuRefusal } from './cpu-assignments.ts';

export interface CpuPinningOptions {
  readonly cri: Pick<CriClient, 'updateContainerResources'>;
  readonly states: () => readonly PodRuntimeState[];
  /** the pod is known and neither refused nor over, or still runs */
  readonly isActive: (uid: string) => boolean;
  readonly log: Log;
}

export class CpuPinning {
  readonly #options: CpuPinningOptions;
  /** container id → what it was last given */
  #given = new Map<string, string>();
  /** pod and container → what the next container of that name is made with */
  readonly #made = new Map<string, string>();
  #assignments: CpuAssignments | undefined;
  #again = false;
  #running: Promise<void> | undefined;

  constructor(options: CpuPinningOptions) {
    this.#options = options;
  }

  /** Takes over what containers have on them from before farlet's start. Once, before any pod is admitted. */
  start(assignments: CpuAssignments): void {
    this.#assignments = assignments;
    for (const pod of this.#options.states())
      for (const { name, state, annotations: notes } of pod.containers) {
        const { uid } = pod;
        const cpus = state === 'running' ? parseCpuSet(notes[annotations.exclusiveCpus] ?? '') : undefined;
        if (cpus === undefined || cpus.size === 0 || assignments.adopt(uid, name, cpus)) continue;
        this.#options.log.warn(
          { ...podFields(pod), container: name, cpus: formatCpuSet(cpus) },
          'the CPUs of a container are reserved or given to another: it is moved',
        );
      }
  }

  /** CPUs for a pod that is admitted; also gives back those of pods that are over. */
  allocate(pod: Pod): CpuRefusal | undefined {
    if (this.#assignments === undefined) return undefined;
    const { uid } = pod.metadata;
    this.#assignments.release((each) => each === uid || this.#options.isActive(each));
    return this.#assignments.allocate(pod);
  }

  /** What a container that is being made is to have; undefined where CPUs are not managed. */
  cpusFor(pod: Pod, container: string): { readonly cpus: string; readonly exclusive: boolean } | undefined {
    if (this.#assignments === undefined) return undefined;
    const { uid } = pod.metadata;
    const cpus = formatCpuSet(this.#assignments.cpusOf(uid, container));
    this.#made.set(`${uid}/${container}`, cpus);
    return { cpus, exclusive: this.#assignments.hasExclusive(uid, container) };
  }

  hasExclusive(pod: Pod, container?: string): boolean {
    return this.#assignments?.hasExclusive(pod.metadata.uid, container) === true;
  }

  /**
   * Moves the containers whose CPUs have changed. Calls that come while one is under way are one more round.
   */
  async reconcile({ signal }: { signal: AbortSignal }): Promise<void> {
    this.#again = true;
    this.#running ??= this.#rounds(signal).finally(() => {
      this.#running = undefined;
    });
    await this.#running;
  }

  async #rounds(signal: AbortSignal): Promise<void> {
    while (this.#again && !signal.aborted) {
      this.#again = false;
      await this.#round(signal);
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { states, isActive, log } = this.#options;
    const assignments = this.#assignments;
    if (assignments === undefined) return;
    assignments.release(isActive);
    const given = new Map<string, string>();
    for (const pod of states())
      for (const { id, name } of pod.containers.filter(({ state }) => state === 'running')) {
        const { uid } = pod;
        const cpus = formatCpuSet(assignments.cpusOf(uid, name));
        const before = this.#given.get(id) ?? this.#made.get(`${uid}/${name}`);
        this.#made.delete(`${uid}/${name}`);
        if (before !== undefined) given.set(id, before);
        if (cpus === before || cpus === '') continue;
        try {
          await this.#options.cri.updateContainerResources(
            { container_id: id, linux: { cpuset_cpus: cpus } },
            { signal },
          );
          given.set(id, cpus);
        } catch (error) {
          signal.throwIfAborted();
          if (!isNotFound(error))
            log.warn({ ...podFields(pod), container: name, cpus, err: error }, 'container not moved');
        }
      }
    this.#given = given;
  }
}
