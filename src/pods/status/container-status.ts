/**
 * Container statuses from what the runtime holds (pkg/kubelet/kubelet_pods.go convertToAPIContainerStatuses).
 * Pure.
 */
import type { PodContainer } from '../../model/containers.ts';
import type {
  Container,
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
  Pod,
  VolumeMount,
} from '../../model/kube.ts';
import { annotations } from '../../model/labels.ts';
import type { ResourceAmounts } from '../../model/resource-amounts.ts';
import { quantityOf } from '../../model/quantity.ts';
import {
  canonicalText,
  milliText,
  quantityMilli,
  quantityValue,
  storedText,
} from '../../model/quantity-text.ts';
import type { ObservedContainer } from '../../model/runtime-state.ts';
import { restartingAllContainers } from '../../runtime/decide/restart-all.ts';
import { rfc3339 } from '../../util/clock.ts';

/** Why the last start of a container failed, as the reason cache keeps it. */
export interface StartFailure {
  readonly reason: string;
  readonly message: string;
}

export interface ContainerStatusInput {
  readonly pod: Pod;
  readonly container: PodContainer;
  /** attempts of this container, newest first */
  readonly observed: readonly ObservedContainer[];
  readonly previous: ContainerStatus | undefined;
  readonly failure: StartFailure | undefined;
  readonly willRestart: boolean;
  readonly runtimeName: string;
  /** whether the pod's runtime handler can */
  readonly recursiveReadOnly: boolean;
  readonly terminationMessage: (containerId: string) => string | undefined;
  /** the runtime told of everything it holds, so what it lacks is gone */
  readonly isComplete: boolean;
  /** what a running container really has; undefined: what its spec says */
  readonly actuated?: ResourceAmounts | undefined;
  /** a container has asked for all to begin again */
  readonly restartingAll?: boolean;
  /** the runtime holds a regular container of the pod, so its init containers are through */
  readonly wasInitialized?: boolean;
}

const NS_PER_MS = 1_000_000;

export function containerStatus(input: ContainerStatusInput): ContainerStatus {
  const { observed, willRestart, failure } = input;
  const [newest, former] = observed;
  const status = newest === undefined ? unseen(input) : seen(input, newest, former);
  if (!willRestart || failure === undefined || newest?.state === 'running') return status;
  const waiting: ContainerState = { waiting: { reason: failure.reason, message: failure.message } };
  const last =
    status.state?.terminated === undefined ? status.lastState : { terminated: status.state.terminated };
  return { ...status, state: waiting, lastState: last ?? {} };
}

/** A container that never started, or is not there any more. */
function unseen(input: ContainerStatusInput): ContainerStatus {
  const { pod, container, previous, isComplete } = input;
  const waiting: ContainerState = {
    waiting: { reason: hasInit(pod) ? 'PodInitializing' : 'ContainerCreating' },
  };
  const base: ContainerStatus = {
    name: container.spec.name,
    state: waiting,
    lastState: previous?.lastState ?? {},
    ready: false,
    restartCount: previous?.restartCount ?? 0,
    image: container.spec.image ?? '',
    imageID: '',
    started: false,
    ...mountsOf(input),
  };
  if (
    input.restartingAll === true &&
    isComplete &&
    previous?.state !== undefined &&
    previous.state.waiting === undefined
  )
    return {
      ...base,
      state: { waiting: { reason: restartingAllContainers, message: removedToRestart } },
      lastState: {
        terminated: { exitCode: 137, reason: restartingAllContainers, message: removedToRestart },
      },
      restartCount: base.restartCount + 1,
    };
  // whole, with the resources and the user it had
  if (previous?.state?.terminated !== undefined)
    return { ...previous, lastState: previous.lastState ?? {}, ready: false, started: false };
  if (!isComplete) return base;
  const status = wasLost(previous) ? { ...base, ...lost(base, pod) } : base;
  if (!endedUnseen(input)) return status;
  return { ...status, state: { terminated: { exitCode: 0, reason: 'Completed', message: finishedUnseen } } };
}

/** It ran when last seen; an end that is told already stands. */
function wasLost(previous: ContainerStatus | undefined): boolean {
  return previous?.state?.running !== undefined && previous.lastState?.terminated === undefined;
}

function lost(base: ContainerStatus, pod: Pod): Pick<ContainerStatus, 'lastState' | 'restartCount'> {
  const terminated = {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was deleted.  The container used to be Running',
  };
  const deleting = pod.metadata.deletionTimestamp !== undefined;
  return { lastState: { terminated }, restartCount: base.restartCount + (deleting ? 0 : 1) };
}

const removedToRestart = 'The container is removed because RestartAllContainers in place';
const finishedUnseen =
  'Unable to get init container status from container runtime and pod has been initialized, treat it as exited normally';

/**
 * Init containers are removed once they are through, and what tells of them may not have reached the API
 * server.
 */
function endedUnseen({ container, wasInitialized }: ContainerStatusInput): boolean {
  return container.type === 'init_container' && !container.sidecar && wasInitialized === true;
}

function seen(
  input: ContainerStatusInput,
  newest: ObservedContainer,
  former: ObservedContainer | undefined,
): ContainerStatus {
  const { container, runtimeName, previous } = input;
  const state = stateOf(input, newest);
  const last = former === undefined ? previousEnd(previous, newest, runtimeName) : terminated(input, former);
  return {
    name: container.spec.name,
    state,
    lastState: last === undefined ? {} : { terminated: last },
    ready: false,
    restartCount: shownRestarts(newest, previous),
    image: newest.image === '' ? (container.spec.image ?? '') : newest.image,
    imageID: newest.imageRef,
    containerID: `${runtimeName}://${newest.id}`,
    started: false,
    ...resourcesOf(container.spec, newest, input.actuated),
    ...mountsOf(input),
    ...userOf(newest),
  };
}

/** The former attempt was collected already: what the status said of it still stands. */
function previousEnd(
  previous: ContainerStatus | undefined,
  newest: ObservedContainer,
  runtimeName: string,
): ContainerStateTerminated | undefined {
  if (previous === undefined) return undefined;
  const sameContainer = previous.containerID === `${runtimeName}://${newest.id}`;
  return sameContainer
    ? previous.lastState?.terminated
    : (previous.state?.terminated ?? previous.lastState?.terminated);
}

/** Never fewer than were told before: where its records were removed, a container may count again. */
function shownRestarts(newest: ObservedContainer, previous: ContainerStatus | undefined): number {
  const counted = restartCount(newest);
  const known = previous?.restartCount ?? 0;
  // how it ended is unknown, and so is whether it began again: what the runtime counts does not tell of it
  if (newest.state === 'unknown' && previous?.state?.running !== undefined) return known + 1;
  const isNext = newest.state === 'running' && previous?.state?.terminated !== undefined && known >= counted;
  return isNext ? known + 1 : Math.max(counted, known);
}

export function restartCount(observed: ObservedContainer): number {
  const recorded = observed.annotations[annotations.restartCount];
  return recorded !== undefined && /^\d{1,9}$/.test(recorded) ? Number(recorded) : observed.attempt;
}

function stateOf(input: ContainerStatusInput, observed: ObservedContainer): ContainerState {
  switch (observed.state) {
    case 'running':
      return { running: { startedAt: time(observed.startedAt) } };
    case 'created':
      return { waiting: {} };
    case 'exited':
      return { terminated: terminated(input, observed) };
    case 'unknown':
      return input.previous?.state?.running === undefined
        ? { waiting: {} }
        : {
            terminated: {
              exitCode: 137,
              reason: input.restartingAll === true ? restartingAllContainers : 'ContainerStatusUnknown',
              message: 'The container could not be located when the pod was terminated',
            },
          };
  }
}

function terminated(input: ContainerStatusInput, observed: ObservedContainer): ContainerStateTerminated {
  const file = input.terminationMessage(observed.id) ?? '';
  const message = [observed.message, file].filter((text) => text !== '').join(': ');
  return {
    exitCode: observed.exitCode,
    ...(observed.reason === '' ? {} : { reason: observed.reason }),
    startedAt: time(observed.startedAt),
    finishedAt: time(observed.finishedAt),
    containerID: `${input.runtimeName}://${observed.id}`,
    ...(message === '' ? {} : { message }),
  };
}

function time(nanoseconds: number): string {
  return rfc3339(Math.floor(nanoseconds / NS_PER_MS));
}

/** What IfPossible came to is told as what it is; a mode that can't be had counts as none. */
function mountsOf({
  container,
  recursiveReadOnly,
}: ContainerStatusInput): Pick<ContainerStatus, 'volumeMounts'> {
  const mounts = container.spec.volumeMounts ?? [];
  if (mounts.length === 0) return {};
  return {
    volumeMounts: mounts.map((mount) => ({
      name: mount.name,
      mountPath: mount.mountPath,
      ...(mount.readOnly === true
        ? {
            readOnly: true,
            recursiveReadOnly:
              recursiveReadOnly && wantsRecursive(mount.recursiveReadOnly) && isUnpropagated(mount)
                ? 'Enabled'
                : 'Disabled',
          }
        : {}),
    })),
  };
}

function wantsRecursive(mode: string | undefined): boolean {
  return mode === 'Enabled' || mode === 'IfPossible';
}

function isUnpropagated({ mountPropagation }: VolumeMount): boolean {
  return mountPropagation === undefined || mountPropagation === 'None';
}

function userOf({ user }: ObservedContainer): Pick<ContainerStatus, 'user'> {
  if (user === undefined) return {};
  return {
    user: {
      linux: {
        uid: user.uid,
        gid: user.gid,
        ...(user.supplementalGroups.length === 0 ? {} : { supplementalGroups: [...user.supplementalGroups] }),
      },
    },
  };
}

/** What a running container really has; the spec's for others (convertContainerStatusResources). */
function resourcesOf(
  spec: Container,
  observed: ObservedContainer,
  actuated: ResourceAmounts | undefined,
): Pick<ContainerStatus, 'resources' | 'allocatedResources'> {
  const requests = canonical(spec.resources?.requests);
  const limits = canonical(spec.resources?.limits);
  const known = observed.state === 'running' ? actuated : undefined;
  return {
    ...(requests === undefined ? {} : { allocatedResources: requests }),
    resources: {
      ...(limits === undefined ? {} : { limits: { ...limits, ...limitsOf(limits, known) } }),
      ...(requests === undefined ? {} : { requests: { ...requests, ...requestsOf(requests, known) } }),
    },
  };
}

type Quantities = Readonly<Record<string, string>>;

function canonical(list: Quantities | undefined): Quantities | undefined {
  const entries = Object.entries(list ?? {});
  if (entries.length === 0) return undefined;
  return Object.fromEntries(entries.map(([name, text]) => [name, canonicalText(text)]));
}

/** What cgroups can't tell apart is told as it is wanted (cm.MinMilliCPULimit, cm.MinShares). */
const leastCpuLimit = 10n;
const leastCpuRequest = 2n;

/** A limit of the whole pod is one of its containers too. */
function limitsOf(list: Quantities, known: ResourceAmounts | undefined): Quantities {
  if (known === undefined) return {};
  const { cpuLimit, memoryLimit } = known;
  const hasCpu = cpuLimit > 0n && (cpuLimit > leastCpuLimit || quantityMilli(list.cpu) > leastCpuLimit);
  return {
    ...(hasCpu ? { cpu: milliText(cpuLimit) } : {}),
    ...(memoryLimit > 0n ? { memory: storedText(quantityOf(memoryLimit, 0, 'BinarySI')) } : {}),
  };
}

/** Without a request for CPU the limit counts; a runtime knows of no memory request. */
function requestsOf(list: Quantities, known: ResourceAmounts | undefined): Quantities {
  if (known === undefined) return {};
  const cpu = known.cpuRequest === 0n ? known.cpuLimit : known.cpuRequest;
  const hasCpu = cpu > leastCpuRequest || quantityMilli(list.cpu) > leastCpuRequest;
  const sameMemory = list.memory === undefined || quantityValue(list.memory) === known.memoryRequest;
  return {
    ...(hasCpu && cpu > 0n ? { cpu: milliText(cpu) } : {}),
    ...(sameMemory ? {} : { memory: storedText(quantityOf(known.memoryRequest, 0, 'BinarySI')) }),
  };
}

function hasInit(pod: Pod): boolean {
  return (pod.spec.initContainers ?? []).length > 0;
}
