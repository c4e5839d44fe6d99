/**
 * The node's conditions with the kubelet's reasons and messages (pkg/kubelet/nodestatus/setters.go). Pure.
 */
import type { HostState } from '../hosts/runtime-host.ts';
import { nodeConditionTable, type NodeConditionReason } from '../model/condition-reasons.ts';
import { goDuration } from '../model/go-time.ts';
import type { NodeCondition } from '../model/kube.ts';
import { leavingCondition } from '../model/leaving-node.ts';
import type { NodePressure } from '../model/node-info.ts';

export interface PlegHealth {
  /** ms since the last successful look, undefined before the first */
  readonly silentMs: number | undefined;
  readonly thresholdMs: number;
}

/** Why a host can't run pods; empty: it can. */
export function readyProblems(host: HostState, pleg: PlegHealth): string[] {
  if (host.at === 'connecting')
    return [
      `container runtime status check may not have completed yet${host.error === undefined ? '' : `: ${host.error}`}`,
    ];
  if (host.at === 'lost') return [`container runtime is down: ${host.error}`];
  const problems: string[] = [];
  const { runtimeReady, networkReady } = host;
  if (!runtimeReady.status)
    problems.push(
      `container runtime not ready: RuntimeReady=false reason:${runtimeReady.reason} message:${runtimeReady.message}`,
    );
  if (!networkReady.status)
    problems.push(
      `container runtime network not ready: NetworkReady=false reason:${networkReady.reason} message:${networkReady.message}`,
    );
  if (pleg.silentMs === undefined) problems.push('PLEG is not healthy: pleg has yet to be successful');
  else if (pleg.silentMs > pleg.thresholdMs) {
    problems.push(
      `PLEG is not healthy: pleg was last seen active ${goDuration(pleg.silentMs)} ago; threshold is ${goDuration(pleg.thresholdMs)}`,
    );
  }
  return problems;
}

export interface ConditionsInput {
  /** why the node is not Ready; empty: it is */
  readonly problems: readonly string[];
  /** for a node of several hosts: those that can't run pods, each with its reason */
  readonly lostHosts?: readonly string[] | undefined;
  /** the Node is being taken away, and nothing new is run there */
  readonly isLeaving: boolean;
  /** what eviction found short, now or within its transition period */
  readonly pressures: readonly NodePressure[];
  readonly previous: readonly NodeCondition[];
  /** RFC 3339 */
  readonly now: string;
}

type FarletCondition = NodeCondition & { readonly reason: NodeConditionReason };

/** Those of others, as network agents and problem detectors, stay as and where they are. */
export function nodeConditions(input: ConditionsInput): NodeCondition[] {
  const own = new Map(verdicts(input).map((condition) => [condition.type, dated(condition, input)]));
  const before = input.previous.filter(
    ({ type }) => own.has(type) || !Object.hasOwn(nodeConditionTable, type),
  );
  const known = new Set(before.map(({ type }) => type));
  return [
    ...before.map((condition) => own.get(condition.type) ?? condition),
    ...[...own.values()].filter(({ type }) => !known.has(type)),
  ];
}

function verdicts(input: ConditionsInput): FarletCondition[] {
  const { problems, lostHosts, isLeaving } = input;
  const under = (pressure: NodePressure): boolean => input.pressures.includes(pressure);
  return [
    pressure('MemoryPressure', under('MemoryPressure'), [
      'KubeletHasSufficientMemory',
      'kubelet has sufficient memory available',
      'KubeletHasInsufficientMemory',
      'kubelet has insufficient memory available',
    ]),
    pressure('DiskPressure', under('DiskPressure'), [
      'KubeletHasNoDiskPressure',
      'kubelet has no disk pressure',
      'KubeletHasDiskPressure',
      'kubelet has disk pressure',
    ]),
    pressure('PIDPressure', under('PIDPressure'), [
      'KubeletHasSufficientPID',
      'kubelet has sufficient PID available',
      'KubeletHasInsufficientPID',
      'kubelet has insufficient PID available',
    ]),
    problems.length === 0
      ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
      : {
          type: 'Ready',
          status: 'False',
          reason: 'KubeletNotReady',
          message: problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`,
        },
    ...(lostHosts === undefined ? [] : [hostsReady(lostHosts)]),
    ...(isLeaving ? [leaving] : []),
  ];
}

/** farlet's own: a node is Ready while one of its hosts is, so that the others must be told of apart. */
function hostsReady(lost: readonly string[]): FarletCondition {
  const type = 'farlet.dev/HostsReady';
  return lost.length === 0
    ? { type, status: 'True', reason: 'HostsReady', message: 'all hosts of the node are ready' }
    : { type, status: 'False', reason: 'HostNotReady', message: lost.join('; ') };
}

/** What `farlet drain --delete` waits for: from here on no pod is admitted. */
const leaving: FarletCondition = {
  type: leavingCondition,
  status: 'True',
  reason: 'NodeLeaving',
  message: 'the node is being taken away: farlet runs nothing new on it',
};

function pressure(
  type: string,
  under: boolean,
  [fine, fineText, bad, badText]: [NodeConditionReason, string, NodeConditionReason, string],
): FarletCondition {
  return under
    ? { type, status: 'True', reason: bad, message: badText }
    : { type, status: 'False', reason: fine, message: fineText };
}

function dated(condition: NodeCondition, { previous, now }: ConditionsInput): NodeCondition {
  const before = previous.find(({ type }) => type === condition.type);
  const lastTransitionTime = before?.status === condition.status ? (before.lastTransitionTime ?? now) : now;
  return { ...condition, lastHeartbeatTime: now, lastTransitionTime };
}
