/** What a node's pods hold of their host: admission, cgroups, CPUs, resizes. Composition only. */
import { PodCgroups, type CgroupOperation } from '../resources/cgroups/pod-cgroups.ts';
import { hugePageAmounts, sharesOf, type CgroupLimits } from '../resources/cgroups/pod-limits.ts';
import { runtimeCgroupDriver } from '../hosts/cri/cgroup-driver.ts';
import { reservations } from './config/reservations.ts';
import type { Config, NodeConfig } from './config/schema.ts';
import { CpuAssignments } from '../resources/cpus/cpu-assignments.ts';
import { CpuPinning } from '../resources/cpus/cpu-pinning.ts';
import { readCpuTopology } from '../resources/cpus/cpu-topology.ts';
import { reservedCpus } from '../resources/cpus/reserved-cpus.ts';
import type { Host } from '../hosts/host.ts';
import { messageOf } from '../model/errors.ts';
import type { EventRecorder } from '../model/events.ts';
import type { Faults } from '../model/faults.ts';
import type { Pod, PodStatus, RuntimeClass } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import { podReference } from '../model/pod-ref.ts';
import { podQosClass } from '../model/pod-qos.ts';
import { quantityMilli, quantityValue } from '../model/quantity-text.ts';
import { amountsOf, resourceList } from '../model/resource-lists.ts';
import type { NodeView } from '../node/node-view.ts';
import { PodResizes } from '../pods/status/pod-resizes.ts';
import { Allocations, type ResizeRefusal } from '../resources/resize/allocations.ts';
import { ResizeConditions } from '../resources/resize/resize-conditions.ts';
import { ActuatedResources } from '../runtime/resize/actuated-resources.ts';
import { PodResizer } from '../runtime/resize/resize-pod.ts';
import type { RuntimeCache } from '../runtime/observed/runtime-cache.ts';
import type { LinuxHost, RuntimeSettings } from '../runtime/spec/settings.ts';
import { admitPod, type AdmissionInput } from '../resources/admission/admission.ts';
import type { PodTable } from '../sync/pod-table.ts';
import { runsContainer } from '../model/holds.ts';
import { activePods } from '../sync/active-pods.ts';
import type { Workers } from '../sync/sync-loop.ts';
import { holdsResources } from '../sync/workers/worker-state.ts';
import type { AdmissionVerdict, WaitingVerdict } from '../resources/admission/verdict.ts';
import { rfc3339, type Clock } from '../util/clock.ts';
import { supervise } from '../util/supervise.ts';
import type { PodWorkers } from '../sync/workers/pod-workers.ts';

export interface NodeResourcesOptions {
  readonly config: Config;
  readonly node: NodeConfig;
  readonly host: Host;
  readonly view: NodeView;
  readonly table: PodTable;
  readonly cache: RuntimeCache;
  readonly settings: RuntimeSettings;
  readonly linuxHost: () => LinuxHost;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Log;
  readonly faults: Faults;
  readonly signal: AbortSignal;
  readonly runtimeClass: (name: string) => RuntimeClass | undefined;
  readonly workers: () => PodWorkers;
  /** a pod makes room for a critical one; what was short */
  readonly onPreempted: (shortOf: string) => void;
  readonly onCgroups: (operation: CgroupOperation, seconds: number) => void;
  /** the pod is to be looked at by the loop */
  readonly onDue: (uid: string) => void;
}

const CPU_RETRY_MS = 60_000;
const preempted = 'Preempted in order to admit critical pod';

/** Everything here is for one host of one node. */
export class NodeResources {
  readonly cgroups: PodCgroups;
  readonly cpus: CpuPinning;
  readonly resizes: PodResizes;
  readonly resizer: PodResizer;
  readonly #options: NodeResourcesOptions;
  readonly #allocations: Allocations;
  readonly #actuated: ActuatedResources;

  constructor(options: NodeResourcesOptions) {
    const { host, clock, events, settings, linuxHost, cache, log } = options;
    const { cri } = host;
    this.#options = options;
    this.cgroups = this.#makeCgroups();
    this.cpus = new CpuPinning({
      cri,
      states: () => cache.states(),
      isActive: this.#isActive.bind(this),
      log,
    });
    this.#actuated = new ActuatedResources({
      settings,
      hasExclusiveCpus: (pod, container) => this.cpus.hasExclusive(pod, container),
    });
    const conditions = new ResizeConditions({ clock });
    this.#allocations = new Allocations({
      conditions,
      events,
      mayResize: this.#mayResize.bind(this),
    });
    this.resizes = new PodResizes({
      conditions,
      actuated: this.#actuated,
      isGranted: (pod) => this.#allocations.isGranted(pod),
      events,
    });
    this.resizer = new PodResizer({
      cri,
      cgroups: this.cgroups,
      actuated: this.#actuated,
      settings,
      linuxHost,
    });
  }

  /** The workers as the loop drives them: they are given pods with the resources that were granted. */
  get workers(): Workers {
    const workers = this.#options.workers();
    return {
      update: (pod) => {
        this.#allocations.offer(pod);
        this.retryResizes();
        workers.update(this.#allocations.granted(pod));
      },
      remove: workers.remove.bind(workers),
      wake: workers.wake.bind(workers),
      wakeAll: workers.wakeAll.bind(workers),
      state: workers.state.bind(workers),
    };
  }

  admit(pod: Pod, active: readonly Pod[], { nodeIsFresh }: { nodeIsFresh: boolean }): AdmissionVerdict {
    const verdict = this.#judge(this.#allocations.candidate(pod), active, { nodeIsFresh });
    if (verdict.kind === 'admitted') {
      this.#allocations.admit(pod);
      this.#reconcileCpus();
    }
    return verdict;
  }

  /** What admission would say, were the pod to come now beside these. Takes nothing. */
  verdictOn(pod: Pod, active: readonly Pod[]): AdmissionVerdict {
    return this.#judge(pod, active, { nodeIsFresh: true, allocate: () => undefined });
  }

  /** Does what a pod waits for before it can be admitted. */
  onPending(pod: Pod, verdict: WaitingVerdict): void {
    const { view, onDue, log, signal } = this.#options;
    if (verdict.waitsFor === 'victims') {
      for (const victim of verdict.victims) this.#preempt(victim, verdict.shortOf);
      return;
    }
    view
      .refresh({ signal })
      .catch((error: unknown) => {
        if (!signal.aborted)
          log.warn({ err: error }, 'the Node could not be read: its labels are taken as known');
      })
      .finally(() => {
        onDue(pod.metadata.uid);
      });
  }

  /** Grants resizes that wait, as far as there is room now. */
  retryResizes(): void {
    if (!this.#allocations.hasPending) return;
    const { table, workers } = this.#options;
    const alive = (uid: string): Pod | undefined =>
      workers().state(uid)?.at === 'syncing' ? table.get(uid) : undefined;
    for (const pod of this.#allocations.retry(alive)) workers().update(this.#allocations.granted(pod));
  }

  forget(uid: string): void {
    this.#allocations.forget(uid);
    this.#actuated.forget(uid);
  }

  async run(): Promise<void> {
    const { config, clock, signal, faults } = this.#options;
    const reconcileCpus = async (life: AbortSignal): Promise<void> => {
      if (config.cpuManagerPolicy === 'none') return;
      for (;;) {
        await clock.sleep(config.cpuManagerReconcilePeriod, { signal: life });
        await this.cpus.reconcile({ signal: life });
      }
    };
    const supervised = { faults, clock, signal };
    await Promise.all([
      supervise('cgroups', (life) => this.cgroups.run(life), supervised),
      supervise('cpus', reconcileCpus, supervised),
    ]);
  }

  /** Resolves when CPUs can be given: nothing may be admitted before. `seen`: the runtime's containers are known. */
  async ready(seen: Promise<unknown>): Promise<void> {
    const { config, host, view, events, clock, log, signal } = this.#options;
    if (config.cpuManagerPolicy === 'none') return;
    await Promise.all([seen, view.known]);
    const { cpus: named, milliCpu } = reservations(config);
    const options = config.cpuManagerPolicyOptions;
    for (;;) {
      try {
        const topology = await readCpuTopology(host.link.files, { signal });
        const assignments = new CpuAssignments({
          topology,
          reserved: reservedCpus(topology, { named, milliCpu }),
          fullCores: options['full-pcpus-only'] === 'true',
          strictReservation: options['strict-cpu-reservation'] === 'true',
        });
        this.cpus.start(assignments);
        return;
      } catch (error) {
        signal.throwIfAborted();
        log.error({ err: error }, 'CPUs can not be managed: no pod is admitted until they can');
        events.event(view.reference(), 'Warning', 'CPUManagerNotStarted', messageOf(error));
        await clock.sleep(CPU_RETRY_MS, { signal });
      }
    }
  }

  #judge(
    pod: Pod,
    active: readonly Pod[],
    {
      nodeIsFresh,
      allocate,
    }: Pick<AdmissionInput, 'nodeIsFresh'> & Partial<Pick<AdmissionInput, 'allocate'>>,
  ): AdmissionVerdict {
    const { config, view, host, runtimeClass } = this.#options;
    return admitPod({
      pod,
      active: active.map((each) => this.#allocations.granted(each)),
      node: view.info(),
      taints: view.taints(),
      host: {
        appArmor: view.facts()?.appArmor ?? false,
        supplementalGroupsPolicy: host.runtime()?.supplementalGroupsPolicy ?? false,
        name: host.name,
        handlers: host.runtime()?.handlers ?? [],
      },
      runtimeClass,
      allowedUnsafeSysctls: config.allowedUnsafeSysctls,
      nodeIsFresh,
      allocate: allocate ?? ((each) => this.cpus.allocate(each)),
    });
  }

  /** pkg/kubelet/allocation/handlers.go, then admission as for a new pod. */
  #mayResize(pod: Pod, granted: Pod): ResizeRefusal | undefined {
    const { config } = this.#options;
    if (config.cpuManagerPolicy === 'static' && podQosClass(pod) === 'Guaranteed' && cpuDiffers(pod, granted))
      return {
        reason: 'Infeasible',
        message: 'Resize is infeasible for Guaranteed Pods alongside CPU Manager policy "static"',
      };
    const others = this.#active().filter(({ metadata }) => metadata.uid !== pod.metadata.uid);
    const verdict = this.#judge(pod, others, { nodeIsFresh: true });
    if (verdict.kind === 'admitted') return undefined;
    if (verdict.kind === 'refused') return verdict;
    if (verdict.waitsFor === 'node') return verdict.otherwise;
    for (const victim of verdict.victims) this.#preempt(victim, verdict.shortOf);
    return { reason: 'Deferred', message: 'waiting for pods that make room for this critical pod' };
  }

  #preempt(victim: Pod, shortOf: string): void {
    const { workers, events, onPreempted, clock } = this.#options;
    const { uid, generation } = victim.metadata;
    if (workers().state(uid)?.at !== 'syncing') return;
    events.event(podReference(victim), 'Warning', 'Preempting', preempted);
    const disruption: NonNullable<PodStatus['conditions']>[number] = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'TerminationByKubelet',
      message: 'Pod was preempted by Kubelet to accommodate a critical pod.',
      lastTransitionTime: rfc3339(clock.now()),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    };
    const status = { phase: 'Failed', reason: 'Preempting', message: preempted, conditions: [disruption] };
    workers().kill(uid, { status });
    onPreempted(shortOf);
  }

  #reconcileCpus(): void {
    const { config, signal, log } = this.#options;
    if (config.cpuManagerPolicy === 'none') return;
    this.cpus.reconcile({ signal }).catch((error: unknown) => {
      if (!signal.aborted) log.warn({ err: error }, 'CPUs not reconciled');
    });
  }

  /** The pods that hold resources of the node, as they were granted. */
  #active(): Pod[] {
    const { table, workers } = this.#options;
    return activePods({ table, workers: workers() }).map((pod) => this.#allocations.granted(pod));
  }

  /** What CPUs are kept for: a pod that is not over yet, or one that only the runtime knows and that still runs. */
  #isActive(uid: string): boolean {
    const { table, workers, cache } = this.#options;
    const state = workers().state(uid);
    if (state !== undefined) return holdsResources(state);
    if (table.isRejected(uid)) return false;
    // its worker is just being made
    if (this.#allocations.isAdmitted(uid)) return true;
    const held = cache.get(uid);
    return held !== undefined && runsContainer(held);
  }

  #makeCgroups(): PodCgroups {
    const { config, node, host, view, events, onCgroups, clock, log } = this.#options;
    return new PodCgroups({
      files: host.link.files,
      enabled: config.cgroupsPerQOS,
      cgroupRoot: node.cgroupRoot ?? config.cgroupRoot,
      driver: (options) => runtimeCgroupDriver(host.cri, config.cgroupDriver, options),
      cpu: { cpuCFSQuota: config.cpuCFSQuota, cpuCFSQuotaPeriod: config.cpuCFSQuotaPeriod * 1000 },
      hasExclusiveCpus: (pod) => this.cpus.hasExclusive(pod),
      podPidsLimit: config.podPidsLimit,
      hugePageSizes: () => [...(view.facts()?.hugePages.keys() ?? [])].map((kib) => kib * 1024),
      nodeLimits: () => this.#nodeLimits(),
      active: () => this.#active(),
      hostReady: this.#hostReady.bind(this),
      node: view.reference(),
      events,
      onDone: onCgroups,
      clock,
      log,
    });
  }

  /** Resolves each time the host has become ready: at once the first time, if it is. */
  async #hostReady({ again, signal }: { again: boolean; signal: AbortSignal }): Promise<void> {
    const { host, view } = this.#options;
    await view.known;
    if (!again && host.state().at === 'ready') return;
    await new Promise<void>((resolve) => {
      let wasLost = !again;
      const finish = (): void => {
        unsubscribe();
        resolve();
      };
      const unsubscribe = host.onChange(({ at }) => {
        if (at === 'ready' && wasLost) finish();
        wasLost ||= at !== 'ready';
      });
      signal.addEventListener('abort', finish, { once: true });
    });
  }

  /** Capacity, less what is reserved if that is to be enforced (getNodeAllocatableInternalAbsolute). */
  #nodeLimits(): CgroupLimits {
    const { config, view } = this.#options;
    const { capacity } = view.info();
    const enforced = (config.enforceNodeAllocatable ?? ['pods']).includes('pods');
    const { system, kube, milliCpu } = reservations(config);
    const memory = quantityValue(system.memory) + quantityValue(kube.memory);
    return {
      cpuShares: sharesOf(positive(quantityMilli(capacity.cpu) - (enforced ? BigInt(milliCpu) : 0n))),
      memoryBytes: Number(positive(quantityValue(capacity.memory) - (enforced ? memory : 0n))),
      hugePages: hugePageAmounts(amountsOf(resourceList(capacity))),
    };
  }
}

function positive(amount: bigint): bigint {
  return amount > 0n ? amount : 0n;
}

function cpuDiffers(pod: Pod, granted: Pod): boolean {
  const before = new Map(
    granted.spec.containers.map(({ name, resources }) => [name, resources?.requests?.cpu]),
  );
  return pod.spec.containers.some(
    ({ name, resources }) => quantityMilli(resources?.requests?.cpu) !== quantityMilli(before.get(name)),
  );
}
