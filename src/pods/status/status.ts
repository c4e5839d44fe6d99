/** A pod's whole status from what is known of it (pkg/kubelet/kubelet_pods.go generateAPIPodStatus). Pure. */
import { podContainers, type PodContainer } from '../../model/containers.ts';
import { bytesOfText, textOfBytes } from '../../model/go-string.ts';
import type { ContainerStatus, Pod, PodStatus } from '../../model/kube.ts';
import { podQosClass } from '../../model/pod-qos.ts';
import type { PodRuntimeState } from '../../model/runtime-state.ts';
import { restartsAfter } from '../../runtime/decide/restart-decision.ts';
import { couldRestartAll, mustReset, restartsAll } from '../../runtime/decide/restart-all.ts';
import { sandboxVerdict } from '../../runtime/decide/sandbox-changed.ts';
import { rfc3339 } from '../../util/clock.ts';
import { podConditions } from './conditions.ts';
import { containerStatus, type StartFailure } from './container-status.ts';
import { podPhase } from './phase.ts';
import { podResources } from './pod-resources.ts';
import type { PodResizes } from './pod-resizes.ts';

export interface StatusInput {
  readonly pod: Pod;
  readonly state: PodRuntimeState;
  /** the newest status known: farlet's own, else the API server's */
  readonly previous: PodStatus;
  readonly failure: (container: string) => StartFailure | undefined;
  /** the probes' results: undefined where there is no probe, or it has not spoken since farlet's start */
  readonly probes: { readonly readiness: Result; readonly startup: Result };
  readonly terminationMessage: (containerId: string) => string | undefined;
  readonly resize?: Pick<PodResizes, 'conditions' | 'actuated'>;
  readonly hostIPs: readonly string[];
  readonly runtimeName: string;
  /** whether the pod's runtime handler can mount read-only recursively */
  readonly recursiveReadOnly?: boolean;
  /** nothing will be started any more */
  readonly isTerminal: boolean;
  /** the host could be asked, so what it lacks is gone */
  readonly isComplete: boolean;
  /** ms since the epoch */
  readonly now: number;
}

type Result = (containerId: string) => 'success' | 'failure' | 'unknown' | undefined;

/** All termination messages of a pod together (kubelet: MaxPodTerminationMessageLogLength). */
const MAX_MESSAGES = 12_288;

export function podStatus(input: StatusInput): PodStatus {
  const { pod, state, previous, hostIPs, now } = input;
  const { init, regular, ephemeral } = containerStatuses(input);
  const phase = phaseOf(input, { init, regular });
  const conditions = conditionsOf(input, { phase, init, regular });
  const cut = Math.floor(MAX_MESSAGES / Math.max(1, init.length + regular.length + ephemeral.length));
  const limited = (list: ContainerStatus[]): ContainerStatus[] =>
    list.map((status) => withShortMessages(status, cut));
  return {
    ...kept(previous, pod.status ?? {}, phase),
    ...(pod.metadata.generation === undefined
      ? {}
      : { observedGeneration: Math.max(pod.metadata.generation, previous.observedGeneration ?? 0) }),
    phase,
    conditions,
    ...addresses(pod, state, { hostIPs, previous }),
    startTime: previous.startTime ?? rfc3339(now),
    ...(init.length === 0 ? {} : { initContainerStatuses: limited(init) }),
    containerStatuses: limited(sortByName(regular)),
    ...(ephemeral.length === 0
      ? {}
      : { ephemeralContainerStatuses: limited(sortByName(ephemeral)).map(withoutStarted) }),
    qosClass: podQosClass(pod),
    ...podResources(pod),
  };
}

function containerStatuses(input: StatusInput): Record<'init' | 'regular' | 'ephemeral', ContainerStatus[]> {
  const statuses = podContainers(input.pod).map((container) => ({
    type: container.type,
    status: oneStatus(input, container),
  }));
  const ofType = (wanted: PodContainer['type']): ContainerStatus[] =>
    statuses.filter(({ type }) => type === wanted).map(({ status }) => status);
  return {
    init: ofType('init_container'),
    regular: ofType('container'),
    ephemeral: ofType('ephemeral_container'),
  };
}

interface PhaseStatuses {
  readonly init: readonly ContainerStatus[];
  readonly regular: readonly ContainerStatus[];
}

function phaseOf(input: StatusInput, statuses: PhaseStatuses): ReturnType<typeof podPhase> {
  const { pod, state, isTerminal } = input;
  const isInitialized = hasActiveRegularContainer(pod, state);
  return settledPhase(input, podPhase({ pod, ...statuses, isTerminal, isInitialized }));
}

function conditionsOf(
  { pod, state, previous, resize, isTerminal, now }: StatusInput,
  known: PhaseStatuses & { phase: ReturnType<typeof podPhase> },
): ReturnType<typeof podConditions> {
  return podConditions({
    pod,
    ...known,
    ...(couldRestartAll(pod) ? { restartingAll: mustReset(pod, state, previous) } : {}),
    sandboxReady: !sandboxVerdict(pod, state).changed,
    previous: previous.conditions ?? [],
    shown: pod.status?.conditions ?? [],
    resize: isTerminal ? [] : (resize?.conditions(pod.metadata.uid) ?? []),
    now: rfc3339(now),
  });
}

function oneStatus(input: StatusInput, container: PodContainer): ContainerStatus {
  const { pod, state, previous, failure } = input;
  const observed = state.containers.filter(({ name }) => name === container.spec.name);
  const [newest] = observed;
  const former = listOf(previous, container).find(({ name }) => name === container.spec.name);
  const status = containerStatus({
    pod,
    container,
    observed,
    previous: former,
    failure: failure(container.spec.name),
    willRestart: willRestart(input, container, newest?.state === 'exited' ? newest.exitCode : undefined),
    runtimeName: input.runtimeName,
    recursiveReadOnly: input.recursiveReadOnly ?? false,
    terminationMessage: input.terminationMessage,
    isComplete: input.isComplete,
    actuated:
      newest === undefined ? undefined : input.resize?.actuated.ofContainer(pod, container.spec, newest),
    restartingAll: restartsAll(pod, state, previous),
    wasInitialized: hasRegularContainer(pod, state),
  });
  return withProbes(status, container, input, {
    id: newest?.id,
    was: former?.containerID === status.containerID ? former : undefined,
  });
}

/**
 * Whether a regular container was ever made, as far as the runtime still knows (kuberuntime
 * HasAnyRegularContainerCreated).
 */
function hasRegularContainer(pod: Pod, state: PodRuntimeState): boolean {
  return pod.spec.containers.some(({ name }) => {
    const newest = state.containers.find((container) => container.name === name);
    return newest !== undefined && newest.state !== 'unknown';
  });
}

/**
 * Whether one was made in the sandbox that serves now: init containers of a new one run again
 * (HasAnyActiveRegularContainerStarted).
 */
function hasActiveRegularContainer(pod: Pod, state: PodRuntimeState): boolean {
  const [sandbox] = state.sandboxes;
  if (sandbox?.ready !== true) return false;
  return state.containers.some(
    ({ name, sandboxId }) =>
      sandboxId === sandbox.id && pod.spec.containers.some((container) => container.name === name),
  );
}

function willRestart(
  { pod, isTerminal }: StatusInput,
  container: PodContainer,
  exitCode: number | undefined,
): boolean {
  if (isTerminal || pod.metadata.deletionTimestamp !== undefined) return false;
  if (exitCode === undefined) return true;
  // an init container that is through is not started again because a later start failed
  if (container.type === 'init_container' && !container.sidecar && exitCode === 0) return false;
  return restartsAfter(pod, container.spec, exitCode);
}

/** started and ready (pkg/kubelet/prober/prober_manager.go UpdatePodStatus). */
function withProbes(
  status: ContainerStatus,
  container: PodContainer,
  { probes }: StatusInput,
  seen: { id: string | undefined; was: ContainerStatus | undefined },
): ContainerStatus {
  if (container.type === 'ephemeral_container') return status;
  const running = status.state?.running !== undefined;
  if (container.type === 'init_container' && !container.sidecar) {
    return { ...status, started: running, ready: status.state?.terminated?.exitCode === 0 };
  }
  if (!running || seen.id === undefined) return status;
  const { startupProbe, readinessProbe } = container.spec;
  // no result although there is a probe: the container ran before farlet did, or its probes were stopped with
  // the pod; it keeps what it was
  const passed = (result: ReturnType<Result>, was: boolean | undefined): boolean =>
    result === undefined ? was === true : result === 'success';
  const started = startupProbe === undefined || passed(probes.startup(seen.id), seen.was?.started);
  const ready =
    started && (readinessProbe === undefined || passed(probes.readiness(seen.id), seen.was?.ready));
  return { ...status, started, ready };
}

/** Succeeded and Failed are final. */
function settledPhase(
  { previous, pod }: StatusInput,
  phase: ReturnType<typeof podPhase>,
): ReturnType<typeof podPhase> {
  for (const known of [previous.phase, pod.status?.phase])
    if (known === 'Failed' || known === 'Succeeded') return known;
  return phase;
}

/** What goes with the phase goes on with it, also where somebody else has told it. */
function kept(previous: PodStatus, shown: PodStatus, phase: string): Pick<PodStatus, 'reason' | 'message'> {
  if (previous.phase !== phase) return {};
  const [reason, message] = [previous.reason ?? shown.reason, previous.message ?? shown.message];
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
}

function addresses(
  pod: Pod,
  state: PodRuntimeState,
  { hostIPs, previous }: { hostIPs: readonly string[]; previous: PodStatus },
): Partial<PodStatus> {
  // a host that has not been looked at since farlet's start is where it was
  const its = hostIPs.length === 0 ? (previous.hostIPs ?? []).map(({ ip }) => ip) : hostIPs.slice(0, 2);
  const [hostIP] = its;
  const host = hostIP === undefined ? {} : { hostIP, hostIPs: its.map((ip) => ({ ip })) };
  const ips = pod.spec.hostNetwork === true ? its : onePerFamily(state.ips, hostIP);
  const known = ips.length === 0 ? (previous.podIPs ?? []).map(({ ip }) => ip) : ips;
  const [podIP] = known;
  return { ...host, ...(podIP === undefined ? {} : { podIP, podIPs: known.map((ip) => ({ ip })) }) };
}

/** At most one address a family, the node's own family first. */
function onePerFamily(ips: readonly string[], hostIP: string | undefined): string[] {
  const is6 = (ip: string): boolean => ip.includes(':');
  const first = ips.find((ip) => hostIP === undefined || is6(ip) === is6(hostIP)) ?? ips[0];
  const second = first === undefined ? undefined : ips.find((ip) => is6(ip) !== is6(first));
  return [first, second].filter((ip) => ip !== undefined);
}

/**
 * Messages cut to so many bytes, be it within a character; what then is no UTF-8 is U+FFFD for each byte, as
 * Go's JSON has it (pkg/kubelet/status/status_manager.go normalizeStatus).
 */
function withShortMessages(status: ContainerStatus, bytes: number): ContainerStatus {
  const short = (state: ContainerStatus['state']): ContainerStatus['state'] => {
    const message = state?.terminated?.message;
    if (state?.terminated === undefined || message === undefined) return state;
    const whole = bytesOfText(message);
    const cut = whole.length <= bytes ? message : textOfBytes(whole.subarray(0, bytes));
    return { terminated: { ...state.terminated, message: cut.toWellFormed() } };
  };
  return { ...status, state: short(status.state) ?? {}, lastState: short(status.lastState) ?? {} };
}

function listOf(status: PodStatus, container: PodContainer): readonly ContainerStatus[] {
  switch (container.type) {
    case 'init_container':
      return status.initContainerStatuses ?? [];
    case 'container':
      return status.containerStatuses ?? [];
    case 'ephemeral_container':
      return status.ephemeralContainerStatuses ?? [];
  }
}

function sortByName(statuses: readonly ContainerStatus[]): ContainerStatus[] {
  return [...statuses].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function withoutStarted(status: ContainerStatus): ContainerStatus {
  const { started: _started, ...rest } = status;
  return rest;
}
