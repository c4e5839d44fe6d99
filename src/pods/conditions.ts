/** The conditions a kubelet owns (pkg/kubelet/status/generate.go). Pure. */
import { isSidecar } from '../model/containers.ts';
import type { ContainerStatus, Pod, PodCondition } from '../model/kube.ts';
import type { PodPhase } from './phase.ts';

export const ownedConditions: readonly string[] = [
  'PodResizePending',
  'PodResizeInProgress',
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
  'AllContainersRestarting',
];

interface Verdict {
  readonly status: 'True' | 'False';
  readonly reason?: string;
  readonly message?: string;
}

export interface ConditionsInput {
  readonly pod: Pod;
  readonly phase: PodPhase;
  readonly init: readonly ContainerStatus[];
  readonly regular: readonly ContainerStatus[];
  readonly sandboxReady: boolean;
  /** all containers are about to begin anew; undefined where no container could ask for that */
  readonly restartingAll?: boolean | undefined;
  /** the newest conditions known: times are kept where the status stays, foreign ones are kept whole */
  readonly previous: readonly PodCondition[];
  /** resizes that wait or are under way */
  readonly resize?: readonly PodCondition[];
  /** RFC 3339 */
  readonly now: string;
}

export function podConditions(input: ConditionsInput): PodCondition[] {
  const { pod, phase, previous } = input;
  const containers = containersReady(input);
  const verdicts: [string, Verdict][] = [
    ['PodReadyToStartContainers', { status: input.sandboxReady ? 'True' : 'False' }],
    ['Initialized', initialized(input)],
    ['Ready', podReady(pod, phase, containers, previous)],
    ['ContainersReady', containers],
    ['PodScheduled', { status: 'True' }],
    ...restartingAll(input),
  ];
  const foreign = previous.filter(({ type }) => !ownedConditions.includes(type));
  return [
    ...foreign,
    ...(input.resize ?? []),
    ...verdicts.map(([type, verdict]) => condition(type, verdict, input)),
  ];
}

function restartingAll({ restartingAll: yes, phase }: ConditionsInput): [string, Verdict][] {
  if (yes === undefined) return [];
  const type = 'AllContainersRestarting';
  if (phase === 'Succeeded') return [[type, { status: 'False', reason: 'PodCompleted' }]];
  if (phase === 'Failed') return [[type, { status: 'False', reason: 'PodFailed' }]];
  if (!yes) return [[type, { status: 'False' }]];
  const reason = 'RestartAllContainersStarted';
  return [[type, { status: 'True', reason, message: 'container exited with restart policy rule' }]];
}

function condition(type: string, verdict: Verdict, { pod, previous, now }: ConditionsInput): PodCondition {
  const before = previous.find((each) => each.type === type);
  const { generation } = pod.metadata;
  return {
    type,
    ...verdict,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastTransitionTime:
      before?.status === verdict.status && before.lastTransitionTime !== undefined
        ? before.lastTransitionTime
        : now,
  };
}

function initialized({ pod, phase, init, regular, previous }: ConditionsInput): Verdict {
  const specs = pod.spec.initContainers ?? [];
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' };
  const { unknown, unready } = sortByReadiness(specs, init, (status, spec) =>
    isSidecar(spec) ? status.started === true : status.ready,
  );
  const started = regular.some(
    (status) =>
      status.started === true ||
      status.state?.running !== undefined ||
      status.state?.terminated !== undefined,
  );
  if (started && unready.length + unknown.length > 0) return { status: 'True' };
  const incomplete = [...unknown, ...unready];
  if (incomplete.length === 0) return { status: 'True' };
  // once initialized a pod stays so, although its init containers may run anew
  if (previous.some(({ type, status }) => type === 'Initialized' && status === 'True'))
    return { status: 'True' };
  return {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${incomplete.join(' ')}]`,
  };
}

function containersReady({ pod, phase, init, regular }: ConditionsInput): Verdict {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const sidecars = sortByReadiness(
    (pod.spec.initContainers ?? []).filter(isSidecar),
    init,
    ({ ready }) => ready,
  );
  const main = sortByReadiness(pod.spec.containers, regular, ({ ready }) => ready);
  const unknown = [...sidecars.unknown, ...main.unknown];
  const unready = [...sidecars.unready, ...main.unready];
  const parts = [
    ...(unknown.length === 0 ? [] : [`containers with unknown status: [${unknown.join(' ')}]`]),
    ...(unready.length === 0 ? [] : [`containers with unready status: [${unready.join(' ')}]`]),
  ];
  return parts.length === 0
    ? { status: 'True' }
    : { status: 'False', reason: 'ContainersNotReady', message: parts.join(', ') };
}

function podReady(
  pod: Pod,
  phase: PodPhase,
  containers: Verdict,
  previous: readonly PodCondition[],
): Verdict {
  if (containers.status === 'False') return containers;
  const problems = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const found = previous.find(({ type }) => type === conditionType);
    if (found === undefined)
      return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    return found.status === 'True'
      ? []
      : [`the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`];
  });
  return problems.length === 0
    ? { status: 'True' }
    : { status: 'False', reason: 'ReadinessGatesNotReady', message: problems.join(', ') };
}

function sortByReadiness<Spec extends { name: string }>(
  specs: readonly Spec[],
  statuses: readonly ContainerStatus[],
  isReady: (status: ContainerStatus, spec: Spec) => boolean,
): { unknown: string[]; unready: string[] } {
  const unknown: string[] = [];
  const unready: string[] = [];
  for (const spec of specs) {
    const status = statuses.find(({ name }) => name === spec.name);
    if (status === undefined) unknown.push(spec.name);
    else if (!isReady(status, spec)) unready.push(spec.name);
  }
  return { unknown, unready };
}
