/** What a pod's init containers need next (kuberuntime_container.go computeInitContainerActions). Pure. */
import { isSidecar, type PodContainer } from '../../model/containers.ts';
import type { Container, Pod } from '../../model/kube.ts';
import type { ContainerKill, KillReason } from '../../model/pod-actions.ts';
import { annotations } from '../../model/labels.ts';
import type { ObservedContainer, PodRuntimeState } from '../../model/runtime-state.ts';
import { containerHash } from './container-hash.ts';
import { hasFailed, restartsWhenKilled, shouldRestart } from './restart-decision.ts';

export type ProbeLook = (containerId: string) => 'success' | 'failure' | 'unknown' | undefined;

export interface ProbeResults {
  readonly liveness: ProbeLook;
  readonly startup: ProbeLook;
}

export interface InitActions {
  readonly kill: readonly ContainerKill[];
  readonly start: readonly PodContainer[];
  /** an init container has failed for good */
  readonly killPod: boolean;
  /** every init container is through, or was */
  readonly initialized: boolean;
}

/**
 * Walks backwards: the newest init container that left a trace decides what is next; before it only sidecars
 * are kept alive, since finished init containers may have been removed from the runtime.
 */
export function initActions(pod: Pod, state: PodRuntimeState, probes: ProbeResults): InitActions {
  const specs = pod.spec.initContainers ?? [];
  if (specs.length === 0) return { kill: [], start: [], killPod: false, initialized: true };
  const kill: ContainerKill[] = [];
  const start = new Set<number>();
  let initialized = hasLiveRegularContainer(pod, state);
  let decided = initialized;
  for (const [index, spec] of [...specs.entries()].reverse()) {
    const observed = newestOf(state, spec.name);
    if (observed === undefined) {
      if (decided && isSidecar(spec)) start.add(index);
      continue;
    }
    if (decided && !isSidecar(spec)) continue;
    const step = isSidecar(spec) ? sidecarStep(spec, observed, probes) : initStep(pod, spec, observed);
    if (step.failed) return { kill: [], start: [], killPod: true, initialized: false };
    if (step.kill !== undefined) kill.push(step.kill);
    if (step.start) start.add(index);
    if (step.through && index === specs.length - 1) initialized = true;
    else if (step.through && !decided) start.add(index + 1);
    decided = true;
  }
  if (!decided) start.add(0);
  const ordered = [...start].sort((a, b) => a - b);
  return { kill, start: ordered.map((index) => asPodContainer(specs[index])), killPod: false, initialized };
}

interface Step {
  readonly start?: boolean;
  readonly kill?: ContainerKill;
  /** the next one may start */
  readonly through?: boolean;
  readonly failed?: boolean;
}

function initStep(pod: Pod, spec: Container, observed: ObservedContainer): Step {
  switch (observed.state) {
    case 'created':
      return { start: true };
    case 'running':
      return {};
    case 'exited':
      if (!hasFailed(observed)) return { through: true };
      return shouldRestart(pod, spec, observed) ? { start: true } : { failed: true };
    case 'unknown':
      return restartsWhenKilled(pod, spec)
        ? { start: true, kill: killOf(observed, unknownMessage, 'unknown-state') }
        : { failed: true };
  }
}

function sidecarStep(spec: Container, observed: ObservedContainer, probes: ProbeResults): Step {
  switch (observed.state) {
    case 'created':
    case 'exited':
      return { start: true };
    case 'unknown':
      return { start: true, kill: killOf(observed, unknownMessage, 'unknown-state') };
    case 'running':
      break;
  }
  const restart = (message: string, reason: KillReason): Step => ({
    start: true,
    kill: killOf(observed, `Init container ${spec.name} ${message}`, reason),
  });
  if (spec.startupProbe !== undefined) {
    const startup = probes.startup(observed.id);
    if (startup === 'failure') return restart('failed startup probe', 'startup-probe');
    if (startup !== 'success') return {};
  }
  if (isChanged(spec, observed)) return { ...restart('definition changed', 'changed'), through: true };
  if (spec.livenessProbe !== undefined && probes.liveness(observed.id) === 'failure') {
    return { ...restart('failed liveness probe', 'liveness-probe'), through: true };
  }
  return { through: true };
}

const unknownMessage = 'Init container is in "unknown" state, try killing it before restart';

/** Exited ones may be of a former sandbox (a reboot) and prove nothing. */
function hasLiveRegularContainer(pod: Pod, state: PodRuntimeState): boolean {
  return pod.spec.containers.some(({ name }) => {
    const observed = newestOf(state, name);
    return observed?.state === 'created' || observed?.state === 'running';
  });
}

function asPodContainer(spec: Container | undefined): PodContainer {
  if (spec === undefined) throw new Error('an init container past the last one was to be started');
  return { type: 'init_container', spec, sidecar: isSidecar(spec) };
}

export function newestOf(state: PodRuntimeState, name: string): ObservedContainer | undefined {
  return state.containers.find((container) => container.name === name);
}

/** Name and image are all that the hash covers: an image change restarts in place. */
export function isChanged(spec: Container, observed: ObservedContainer): boolean {
  const hash = observed.annotations[annotations.containerHash];
  return hash !== undefined && hash !== containerHash(spec);
}

export function killOf(container: ObservedContainer, message: string, reason: KillReason): ContainerKill {
  return { container, name: container.name, message, reason };
}
