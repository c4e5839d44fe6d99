/** Every reason of a condition that farlet sets, by condition. docs/events.md lists them (`npm run gen`). */
export interface ConditionRow {
  readonly status: 'True' | 'False';
  readonly meaning: string;
}

type ConditionTable = Readonly<Record<string, Readonly<Record<string, ConditionRow>>>>;

export const nodeConditionTable = {
  MemoryPressure: {
    KubeletHasSufficientMemory: { status: 'False', meaning: 'The host has enough memory.' },
    KubeletHasInsufficientMemory: {
      status: 'True',
      meaning: 'A threshold of memory is met; pods are evicted.',
    },
  },
  DiskPressure: {
    KubeletHasNoDiskPressure: { status: 'False', meaning: 'The disks of the host have enough room.' },
    KubeletHasDiskPressure: {
      status: 'True',
      meaning: 'A threshold of disk space or inodes is met; images are removed and pods evicted.',
    },
  },
  PIDPressure: {
    KubeletHasSufficientPID: { status: 'False', meaning: 'The host has enough process ids.' },
    KubeletHasInsufficientPID: { status: 'True', meaning: 'A threshold of process ids is met.' },
  },
  Ready: {
    KubeletReady: { status: 'True', meaning: 'The node can run pods.' },
    KubeletNotReady: { status: 'False', meaning: 'The node cannot run pods; the message says why.' },
  },
  'farlet.dev/HostsReady': {
    HostsReady: { status: 'True', meaning: 'All hosts of a node of several hosts can run pods.' },
    HostNotReady: {
      status: 'False',
      meaning: 'Some hosts of the node cannot run pods; the message has each with its reason.',
    },
  },
  'farlet.dev/Leaving': {
    NodeLeaving: {
      status: 'True',
      meaning:
        'The node is being taken away (`farlet drain --delete`): no pod is admitted, and a Node that is deleted then is not registered again.',
    },
  },
} as const satisfies ConditionTable;

const completed = { status: 'False', meaning: 'All containers of the pod succeeded.' } as const;
const failed = { status: 'False', meaning: 'The pod failed.' } as const;
const unready = {
  status: 'False',
  meaning: 'Containers of the pod are not ready, or their status is not known; the message names them.',
} as const;

export const podConditionTable = {
  Initialized: {
    ContainersNotInitialized: { status: 'False', meaning: 'Init containers of the pod are not complete.' },
    PodCompleted: { status: 'True', meaning: 'All containers of the pod succeeded.' },
  },
  Ready: {
    ContainersNotReady: unready,
    ReadinessGatesNotReady: {
      status: 'False',
      meaning: 'The containers are ready and a condition that the pod names as a readiness gate is not True.',
    },
    PodCompleted: completed,
    PodFailed: failed,
    HostLost: {
      status: 'False',
      meaning: "The pod's host, one of several of its node, does not answer (farlet's own).",
    },
  },
  ContainersReady: { ContainersNotReady: unready, PodCompleted: completed, PodFailed: failed },
  AllContainersRestarting: {
    RestartAllContainersStarted: {
      status: 'True',
      meaning: 'A container ended with a restart rule that restarts all containers of the pod.',
    },
    PodCompleted: completed,
    PodFailed: failed,
  },
  DisruptionTarget: {
    TerminationByKubelet: {
      status: 'True',
      meaning: 'The pod was evicted for a shortage of the node, or preempted by a critical pod.',
    },
  },
  PodResizePending: {
    Deferred: { status: 'True', meaning: 'The resize waits until the node has room for it.' },
    Infeasible: { status: 'True', meaning: 'The node can never grant the resize.' },
  },
  PodResizeInProgress: {
    Error: { status: 'True', meaning: 'The resize was granted and failed; it is tried again.' },
  },
} as const satisfies ConditionTable;

type ReasonOf<T> = { [Type in keyof T]: keyof T[Type] }[keyof T];
export type NodeConditionReason = ReasonOf<typeof nodeConditionTable>;
export type PodConditionReason = ReasonOf<typeof podConditionTable>;
