/** What pods hold of one host, put together: admission, cgroups, CPUs, resizes. Composition only. */
import { reservations, type Reservations } from '../config/reservations.ts';
import type { HostContext } from './host-context.ts';
import { runtimeCgroupDriver } from '../../hosts/cri/cgroup-driver.ts';
import type { Pod } from '../../model/kube.ts';
import { isLeavingNode } from '../../model/leaving-node.ts';
import { quantityValue } from '../../model/quantity-text.ts';
import { PodResizes } from '../../pods/status/pod-resizes.ts';
import { admitPod } from '../../resources/admission/admission.ts';
import { preempt } from '../../resources/admission/preempt.ts';
import { AllocationManager } from '../../resources/allocation-manager.ts';
import { nodeLimits } from '../../resources/cgroups/node-limits.ts';
import { PodCgroups } from '../../resources/cgroups/pod-cgroups.ts';
import { CpuManager } from '../../resources/cpus/cpu-manager.ts';
import { CpuPinning } from '../../resources/cpus/cpu-pinning.ts';
import { ResizeConditions } from '../../resources/resize/resize-conditions.ts';
import { ActuatedResources } from '../../runtime/resize/actuated-resources.ts';
import { PodResizer } from '../../runtime/resize/pod-resizer.ts';
import { keepsCpus } from '../../sync/active-pods.ts';
import { supervise } from '../../util/supervise.ts';

export interface HostResources {
  readonly allocations: AllocationManager;
  readonly cgroups: PodCgroups;
  readonly cpus: CpuPinning;
  readonly resizes: PodResizes;
  readonly resizer: PodResizer;
  preempt(victim: Pod, shortOf: string): void;
  /**
   * Resolves when pods can be given CPUs: none may be admitted before. `known`: the runtime's containers are
   * known.
   */
  ready(known: Promise<unknown>): Promise<void>;
  forget(uid: string): void;
  /** Until the signal aborts. */
  run(): Promise<void>;
}

export function buildResources(context: HostContext): HostResources {
  const { config, host, view, table, workers, cache, settings, linuxHost } = context;
  const { events, faults, metrics, clock, log, signal } = context;
  const { cri } = host;
  const reserved = reservations(config);
  const cpus = new CpuPinning({
    cri,
    states: () => cache.states(),
    isActive: (uid) => keepsCpus(uid, { table, workers, allocations, cache }),
    log,
  });
  const cpuManager = new CpuManager({
    policy: config.cpuManagerPolicy,
    policyOptions: config.cpuManagerPolicyOptions,
    reconcileMs: config.cpuManagerReconcilePeriod,
    reserved,
    pinning: cpus,
    files: host.link.files,
    node: view.reference(),
    events,
    clock,
    log,
  });
  const preemptFor = (victim: Pod, shortOf: string): void => {
    const onPreempted = (preemption_signal: string): void => {
      metrics.kubelet_preemptions.inc({ preemption_signal });
    };
    preempt(victim, shortOf, { workers, events, clock, onPreempted });
  };
  const conditions = new ResizeConditions({ clock });
  const allocations: AllocationManager = new AllocationManager({
    conditions,
    judge: judgeOf(context, cpus),
    activePods: context.activePods,
    hasStaticCpus: config.cpuManagerPolicy === 'static',
    preempt: preemptFor,
    onAdmitted: () => {
      cpuManager.reconcileSoon({ signal });
    },
    events,
  });
  const actuated = new ActuatedResources({ settings, hasExclusiveCpus: cpus.hasExclusive.bind(cpus) });
  const cgroups = buildCgroups(context, { cpus, allocations, reserved });
  return {
    allocations,
    cgroups,
    cpus,
    resizes: new PodResizes({
      conditions,
      actuated,
      isGranted: allocations.isGranted.bind(allocations),
      events,
    }),
    resizer: new PodResizer({ cri, cgroups, actuated, settings, linuxHost }),
    preempt: preemptFor,
    ready: (known) => cpuManager.start(Promise.all([known, view.known]), { signal }),
    forget: (uid) => {
      allocations.forget(uid);
      actuated.forget(uid);
    },
    run: async () => {
      const supervised = { faults, clock, signal };
      await Promise.all([
        supervise('cgroups', (life) => cgroups.run(life), supervised),
        supervise('cpus', (life) => cpuManager.run(life), supervised),
      ]);
    },
  };
}

/** Admission, with what is known of the node and the host now. */
function judgeOf(
  { config, view, host, access }: HostContext,
  cpus: CpuPinning,
): ConstructorParameters<typeof AllocationManager>[0]['judge'] {
  return (pod, active, { nodeIsFresh, takesCpus }) => {
    const runtime = host.runtime();
    return admitPod({
      pod,
      active,
      node: view.info(),
      taints: view.taints(),
      isLeaving: isLeavingNode(view.node()),
      host: {
        appArmor: view.facts()?.appArmor ?? false,
        supplementalGroupsPolicy: runtime?.supplementalGroupsPolicy ?? false,
        name: host.name,
        handlers: runtime?.handlers ?? [],
      },
      runtimeClass: (name) => access.runtimeClasses.get(name),
      allowedUnsafeSysctls: config.allowedUnsafeSysctls,
      nodeIsFresh,
      allocate: (each) => (takesCpus ? cpus.allocate(each) : undefined),
    });
  };
}

function buildCgroups(
  { config, node, host, view, events, metrics, clock, log }: HostContext,
  {
    cpus,
    allocations,
    reserved: { system, kube, milliCpu },
  }: { cpus: CpuPinning; allocations: AllocationManager; reserved: Reservations },
): PodCgroups {
  const enforced = (config.enforceNodeAllocatable ?? ['pods']).includes('pods');
  const reserved = {
    milliCpu: enforced ? BigInt(milliCpu) : 0n,
    memoryBytes: enforced ? quantityValue(system.memory) + quantityValue(kube.memory) : 0n,
  };
  return new PodCgroups({
    files: host.link.files,
    enabled: config.cgroupsPerQOS,
    cgroupRoot: node.cgroupRoot ?? config.cgroupRoot,
    driver: (options) => runtimeCgroupDriver(host.cri, config.cgroupDriver, options),
    cpu: { cpuCFSQuota: config.cpuCFSQuota, cpuCFSQuotaPeriod: config.cpuCFSQuotaPeriod * 1000 },
    hasExclusiveCpus: (pod) => cpus.hasExclusive(pod),
    podPidsLimit: config.podPidsLimit,
    hugePageSizes: () => [...(view.facts()?.hugePages.keys() ?? [])].map((kib) => kib * 1024),
    nodeLimits: () => nodeLimits(view.info().capacity, reserved),
    active: () => allocations.active(),
    hostReady: async (options) => {
      await view.known;
      await host.whenReady(options);
    },
    node: view.reference(),
    events,
    onDone: (operation, seconds) => {
      metrics.kubelet_cgroup_manager_duration_seconds.observe({ operation_type: operation }, seconds);
    },
    clock,
    log,
  });
}
