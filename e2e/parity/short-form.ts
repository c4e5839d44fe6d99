/** A pod's status in the short form of the recordings. Pure. */
import type { Step } from './recording.ts';

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: object;
  readonly terminated?: {
    readonly exitCode?: number;
    readonly signal?: number;
    readonly reason?: string;
    readonly message?: string;
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
  readonly ready?: boolean;
  readonly started?: boolean;
  readonly restartCount?: number;
  readonly containerID?: string;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface WatchedPod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
  };
  readonly status: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly podIP?: string;
    readonly hostIP?: string;
    readonly qosClass?: string;
    readonly observedGeneration?: number;
    readonly startTime?: string;
    readonly conditions?: readonly Condition[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly ephemeralContainerStatuses?: readonly ContainerStatus[];
  };
}

/** Nothing has been said about the pod yet: it was only created. */
export function isUntouched({ status }: WatchedPod): boolean {
  return status.startTime === undefined && (status.conditions ?? []).length === 0;
}

export function shortForm({ metadata, status }: WatchedPod): Step {
  return {
    phase: status.phase ?? '',
    ...(metadata.deletionTimestamp !== undefined && { deleting: true }),
    ...present('reason', status.reason),
    ...present('message', status.message),
    ...present('podIP', status.podIP),
    ...present('hostIP', status.hostIP),
    ...present('qosClass', status.qosClass),
    ...present('observedGeneration', status.observedGeneration),
    ...(status.startTime !== undefined && { startTime: 'set' }),
    conditions: (status.conditions ?? []).map(condition),
    ...containers('initContainerStatuses', status.initContainerStatuses),
    ...containers('containerStatuses', status.containerStatuses),
    ...containers('ephemeralContainerStatuses', status.ephemeralContainerStatuses),
  };
}

function present<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined || value === '' ? {} : ({ [key]: value } as Partial<Record<K, V>>);
}

function containers<K extends string>(
  key: K,
  statuses: readonly ContainerStatus[] = [],
): Partial<Record<K, string[]>> {
  return statuses.length === 0 ? {} : ({ [key]: statuses.map(container) } as Partial<Record<K, string[]>>);
}

function condition({ type, status, reason, message }: Condition): string {
  return `${type}=${status}${reason ? ` ${reason}` : ''}${message ? `: ${message}` : ''}`;
}

function container(of: ContainerStatus): string {
  const last = state(of.lastState);
  return [
    `${of.name}:`,
    state(of.state),
    `last=${last}`,
    `ready=${String(of.ready ?? false)}`,
    `started=${of.started === undefined ? 'none' : String(of.started)}`,
    `restarts=${of.restartCount ?? 0}`,
    `id=${of.containerID ? 'set' : 'none'}`,
  ].join(' ');
}

function state(of: ContainerState | undefined): string {
  if (of?.running !== undefined) return 'running';
  const { waiting, terminated } = of ?? {};
  if (waiting !== undefined) return written('waiting', [waiting.reason, message(waiting.message)]);
  if (terminated === undefined) return '-';
  return written('terminated', [
    terminated.reason,
    `exitCode=${terminated.exitCode ?? 0}`,
    terminated.signal ? `signal=${terminated.signal}` : undefined,
    message(terminated.message),
  ]);
}

function message(text: string | undefined): string | undefined {
  return text ? `message=${JSON.stringify(text)}` : undefined;
}

function written(kind: string, parts: readonly (string | undefined)[]): string {
  const present = parts.filter((part) => part !== undefined && part !== '');
  return present.length === 0 ? kind : `${kind}(${present.join(', ')})`;
}
