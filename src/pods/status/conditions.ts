/** The conditions a kubelet owns (pkg/kubelet/status/generate.go). Pure. */
import type { PodConditionReason } from '../../model/condition-reasons.ts';
import { isSidecar } from '../../model/containers.ts';
import type { ContainerStatus, Pod, PodCondition } from '../../model/kube.ts';
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
  readonly reason?: PodConditionReason;
  readonly message?: string;
}

export interface ConditionsInput {
  readonly pod: Pod;
  readonly phase: PodPhase;
  readonly init: readonly ContainerStatus[];
  readonly regular: readonly ContainerStatus[];
  readonly sandboxReady: boolean;
  /** all containers are about to begin again; undefined where no container could ask for that */
  readonly restartingAll?: boolean | undefined;
  /**
   * the newest conditions known: times are kept where the status stays, and what stopped the pod is kept
   * whole
   */
  readonly previous: readonly PodCondition[];
  /** as the API server shows them: those of others are kept whole, and readiness gates go by them */
  readonly shown: readonly PodCondition[];
  /** resizes that wait or are under way */
  readonly resize?: readonly PodCondition[];
  /** RFC 3339 */
  readonly now: string;
}

export function podConditions(input: ConditionsInput): PodCondition[] {
  const { pod } = input;
  const foreign = foreignConditions(input);
  const containers = containersReady(input);
  const verdicts: [string, Verdict][] = [
    ['PodReadyToStartContainers', { status: input.sandboxReady ? 'True' : 'False' }],
    ['Initialized', initialized(input)],
    ['Ready', podReady(pod, containers, foreign)],
    ['ContainersReady', containers],
    ['PodScheduled', { status: 'True' }],
    ...restartingAll(input),
  ];
  return [
    ...foreign,
    ...(input.resize ?? []),
    ...verdicts.map(([type, verdict]) => condition(type, verdict, input)),
  ];
}

/**
 * Others' conditions; DisruptionTarget is shared: what this kubelet said when it stopped the pod goes before.
 */
function foreignConditions({ shown, previous }: ConditionsInput): PodCondition[] {
  const foreign = shown.filter(({ type }) => !ownedConditions.includes(type));
  const disruption = previous.find(({ type }) => type === 'DisruptionTarget');
  if (disruption === undefined) return foreign;
  const at = foreign.findIndex(({ type }) => type === 'DisruptionTarget');
  return at === -1 ? [...foreign, disruption] : foreign.with(at, disruption);
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
    ({ state }) => state?.running !== undefined || state?.terminated !== undefined,
  );
  if (started || unknown.length + unready.length === 0) return { status: 'True' };
  // once initialized a pod stays so, although its init containers may run again
  if (previous.some(({ type, status }) => type === 'Initialized' && status === 'True'))
    return { status: 'True' };
  return {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: listed({ unknown, incomplete: unready }),
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
  const message = listed({ unknown, unready });
  return message === '' ? { status: 'True' } : { status: 'False', reason: 'ContainersNotReady', message };
}

/** Names by what is the matter with their status, in order; what is empty is left out. */
function listed(names: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(names)
    .filter(([, list]) => list.length > 0)
    .map(([what, list]) => `containers with ${what} status: [${list.join(' ')}]`)
    .join(', ');
}

function podReady(pod: Pod, containers: Verdict, foreign: readonly PodCondition[]): Verdict {
  if (containers.status === 'False') return containers;
  const problems = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const found = foreign.find(({ type }) => type === conditionType);
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
