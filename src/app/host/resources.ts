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
  const { config, host, view, settings, linuxHost, events, faults, clock, signal } = context;
  const reserved = reservations(config);
  const cpus = buildPinning(context, { isAdmitted: (uid) => allocations.isAdmitted(uid) });
  const cpuManager = buildCpuManager(context, { pinning: cpus, reserved });
  const preemptFor = preemptionOn(context);
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
  const isGranted = allocations.isGranted.bind(allocations);
  const actuated = new ActuatedResources({ settings, hasExclusiveCpus: cpus.hasExclusive.bind(cpus) });
  const cgroups = buildCgroups(context, { cpus, allocations, reserved });
  return {
    allocations,
    cgroups,
    cpus,
    resizes: new PodResizes({ conditions, actuated, isGranted, events }),
    resizer: new PodResizer({ cri: host.cri, cgroups, actuated, settings, linuxHost }),
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

function buildPinning(
  { host, table, workers, cache, log }: HostContext,
  allocations: { isAdmitted(uid: string): boolean },
): CpuPinning {
  return new CpuPinning({
    cri: host.cri,
    states: () => cache.states(),
    isActive: (uid) => keepsCpus(uid, { table, workers, allocations, cache }),
    log,
  });
}

function buildCpuManager(
  { config, host, view, events, clock, log }: HostContext,
  { pinning, reserved }: { pinning: CpuPinning; reserved: Reservations },
): CpuManager {
  return new CpuManager({
    policy: config.cpuManagerPolicy,
    policyOptions: config.cpuManagerPolicyOptions,
    reconcileMs: config.cpuManagerReconcilePeriod,
    reserved,
    pinning,
    files: host.link.files,
    node: view.reference(),
    events,
    clock,
    log,
  });
}

function preemptionOn({ workers, metrics, events, clock }: HostContext): HostResources['preempt'] {
  const onPreempted = (preemption_signal: string): void => {
    metrics.kubelet_preemptions.inc({ preemption_signal });
  };
  return (victim, shortOf) => {
    preempt(victim, shortOf, { workers, events, clock, onPreempted });
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
