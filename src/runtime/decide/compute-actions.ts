/**
 * What a pod needs, from its spec and what its runtime holds (kuberuntime_manager.go computePodActions).
 * Pure.
 */
import type { PodContainer } from '../../model/containers.ts';
import type { Container, EphemeralContainer, Pod } from '../../model/kube.ts';
import type { ContainerKill, PodActions } from '../../model/pod-actions.ts';
import type { ObservedContainer, PodRuntimeState } from '../../model/runtime-state.ts';
import { initActions, isChanged, killOf, newestOf, type ProbeResults } from './init-actions.ts';
import { containersToReset } from './restart-all.ts';
import { restartsWhenKilled, shouldRestart } from './restart-decision.ts';
import { sandboxVerdict } from './sandbox-changed.ts';

export interface ActionsInput {
  readonly pod: Pod;
  readonly state: PodRuntimeState;
  readonly probes: ProbeResults;
  /** a container has asked for all to begin again, and it has not been done yet */
  readonly restartAll?: boolean;
}

export function computeActions(input: ActionsInput): PodActions {
  const { pod, state } = input;
  const verdict = sandboxVerdict(pod, state);
  const base: PodActions = {
    reset: [],
    killPod: verdict.changed,
    createSandbox: verdict.changed,
    sandbox: verdict.sandbox,
    attempt: verdict.attempt,
    kill: [],
    startEphemeral: [],
    startInit: [],
    start: [],
  };
  if (input.restartAll === true)
    return { ...base, killPod: false, createSandbox: false, reset: containersToReset(pod, state) };
  return verdict.changed ? withNewSandbox(base, pod, state) : inSandbox(base, input);
}

/** Nothing to carry out. */
export function isIdle(actions: PodActions): boolean {
  return (
    !actions.killPod &&
    !actions.createSandbox &&
    actions.kill.length +
      actions.reset.length +
      actions.startEphemeral.length +
      actions.startInit.length +
      actions.start.length ===
      0
  );
}

function withNewSandbox(base: PodActions, pod: Pod, state: PodRuntimeState): PodActions {
  if (pod.spec.restartPolicy === 'Never' && base.attempt !== 0 && state.containers.length > 0)
    return { ...base, createSandbox: false };
  const start = pod.spec.containers.filter(
    (spec) => !(runsOnce(pod, spec) && hasSucceeded(state, spec.name)),
  );
  const wasInitialized = pod.spec.containers.some(({ name }) => newestOf(state, name) !== undefined);
  if (start.length === 0 && wasInitialized) return { ...base, createSandbox: false };
  const first = pod.spec.initContainers?.[0];
  if (first === undefined) return { ...base, start: start.map(regular) };
  return {
    ...base,
    startInit: [{ type: 'init_container', spec: first, sidecar: first.restartPolicy === 'Always' }],
  };
}

function inSandbox(base: PodActions, { pod, state, probes }: ActionsInput): PodActions {
  const startEphemeral = (pod.spec.ephemeralContainers ?? [])
    .filter(({ name }) => newestOf(state, name) === undefined)
    .map(ephemeral);
  const init = initActions(pod, state, probes);
  const withInit = { ...base, startEphemeral, startInit: init.start, kill: init.kill };
  if (init.killPod) return { ...withInit, killPod: true };
  if (!init.initialized) return withInit;
  const kill: ContainerKill[] = [];
  const start: PodContainer[] = [];
  let kept = 0;
  for (const spec of pod.spec.containers) {
    const observed = newestOf(state, spec.name);
    if (observed?.state !== 'running') {
      if (!shouldRestart(pod, spec, observed)) continue;
      start.push(regular(spec));
      if (observed?.state === 'unknown')
        kill.push(
          killOf(observed, 'Container is in "unknown" state, try killing it before restart', 'unknown-state'),
        );
      continue;
    }
    const reason = killReason(spec, observed, probes);
    if (reason === undefined) {
      kept += 1;
      continue;
    }
    const restart = reason.kind === 'changed' || restartsWhenKilled(pod, spec);
    if (restart) start.push(regular(spec));
    kill.push(
      killOf(
        observed,
        `Container ${spec.name} ${reason.text}${restart ? ', will be restarted' : ''}`,
        reason.kind,
      ),
    );
  }
  // sidecars alone don't keep a pod alive
  if (kept === 0 && start.length === 0)
    return { ...base, killPod: true, startEphemeral, kill: [...init.kill, ...kill] };
  return { ...withInit, kill: [...init.kill, ...kill], start };
}

function killReason(
  spec: Container,
  observed: ObservedContainer,
  probes: ProbeResults,
): { kind: 'changed' | 'liveness-probe' | 'startup-probe'; text: string } | undefined {
  if (isChanged(spec, observed)) return { kind: 'changed', text: 'definition changed' };
  if (probes.liveness(observed.id) === 'failure')
    return { kind: 'liveness-probe', text: 'failed liveness probe' };
  if (probes.startup(observed.id) === 'failure')
    return { kind: 'startup-probe', text: 'failed startup probe' };
  return undefined;
}

function runsOnce(pod: Pod, spec: Container): boolean {
  return (spec.restartPolicy ?? pod.spec.restartPolicy) === 'OnFailure';
}

function hasSucceeded(state: PodRuntimeState, name: string): boolean {
  const observed = newestOf(state, name);
  return observed?.state === 'exited' && observed.exitCode === 0;
}

function regular(spec: Container): PodContainer {
  return { type: 'container', spec, sidecar: false };
}

function ephemeral(spec: EphemeralContainer): PodContainer {
  return { type: 'ephemeral_container', spec, sidecar: false };
}
