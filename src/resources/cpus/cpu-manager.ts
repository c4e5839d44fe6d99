/**
 * Exclusive CPUs of a host's pods, from the look at its topology on
 * (pkg/kubelet/cm/cpumanager/cpu_manager.go).
 */
import type { HostFiles } from '../../hosts/link/link.ts';
import type { CpuSet } from '../../model/cpu-set.ts';
import { messageOf } from '../../model/errors.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { ObjectReference } from '../../model/kube.ts';
import type { Log } from '../../model/log.ts';
import type { Clock } from '../../util/clock.ts';
import { retry } from '../../util/retry.ts';
import { CpuAssignments } from './cpu-assignments.ts';
import type { CpuPinning } from './cpu-pinning.ts';
import { readCpuTopology } from './cpu-topology.ts';
import { reservedCpus } from './reserved-cpus.ts';

export interface CpuManagerOptions {
  readonly policy: 'none' | 'static';
  /** each `true` or `false`; absent: false */
  readonly policyOptions: {
    readonly 'full-pcpus-only'?: string | undefined;
    readonly 'strict-cpu-reservation'?: string | undefined;
  };
  readonly reconcileMs: number;
  /** what is kept from pods; named CPUs, or as many as the milli CPUs ask for */
  readonly reserved: { readonly cpus: CpuSet; readonly milliCpu: number };
  readonly pinning: CpuPinning;
  readonly files: HostFiles;
  readonly node: ObjectReference;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Log;
}

const everyMinute = { baseMs: 60_000, maxMs: 60_000, factor: 1 };

export class CpuManager {
  readonly #options: CpuManagerOptions;

  constructor(options: CpuManagerOptions) {
    this.#options = options;
  }

  /**
   * Resolves when CPUs can be assigned: no pod may be admitted before. `known`: the runtime's containers are
   * known.
   */
  async start(known: Promise<unknown>, { signal }: { signal: AbortSignal }): Promise<void> {
    const { policy, events, node, clock, log } = this.#options;
    if (policy === 'none') return;
    await known;
    await retry(() => this.#assign(signal), {
      policy: everyMinute,
      clock,
      signal,
      onFailure: (error) => {
        log.error({ err: error }, 'CPUs can not be managed: no pod is admitted until they can');
        events.event(node, 'CPUManagerNotStarted', messageOf(error));
      },
    });
  }

  /** Moves containers to the CPUs that they should have, again and again until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { policy, pinning, reconcileMs, clock } = this.#options;
    if (policy === 'none') return;
    for (;;) {
      await clock.sleep(reconcileMs, { signal });
      await pinning.reconcile({ signal });
    }
  }

  /** The shared CPUs may have changed. Not waited for. */
  reconcileSoon({ signal }: { signal: AbortSignal }): void {
    const { policy, pinning, log } = this.#options;
    if (policy === 'none') return;
    pinning.reconcile({ signal }).catch((error: unknown) => {
      if (!signal.aborted) log.warn({ err: error }, 'CPUs not reconciled');
    });
  }

  async #assign(signal: AbortSignal): Promise<void> {
    const { files, policyOptions, reserved, pinning } = this.#options;
    const topology = await readCpuTopology(files, { signal });
    const assignments = new CpuAssignments({
      topology,
      reserved: reservedCpus(topology, { named: reserved.cpus, milliCpu: reserved.milliCpu }),
      fullCores: policyOptions['full-pcpus-only'] === 'true',
      strictReservation: policyOptions['strict-cpu-reservation'] === 'true',
    });
    pinning.start(assignments);
  }
}
