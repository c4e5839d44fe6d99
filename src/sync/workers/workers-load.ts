/** How busy pods' workers are, and whether one of them may be stuck. Pure. */

export interface WorkersLoad {
  /** a step is under way */
  readonly busy: number;
  readonly resting: number;
  /** pods that may not begin: something of their UID or their static name still stops */
  readonly waiting: number;
  /** how long the oldest step has been under way; 0: none is */
  readonly oldestBusySeconds: number;
  readonly oldestWaitingSeconds: number;
}

/** Of each worker how long its step has been under way (undefined: it rests), and of each pod that waits. */
export function workersLoad(
  busyForMs: readonly (number | undefined)[],
  waitingForMs: readonly number[],
): WorkersLoad {
  const steps = busyForMs.filter((ms) => ms !== undefined);
  return {
    busy: steps.length,
    resting: busyForMs.length - steps.length,
    waiting: waitingForMs.length,
    oldestBusySeconds: Math.max(0, ...steps) / 1000,
    oldestWaitingSeconds: Math.max(0, ...waitingForMs) / 1000,
  };
}

/** Of all hosts of a node. */
export function sumOfLoads(loads: readonly WorkersLoad[]): WorkersLoad {
  const sum = (of: (load: WorkersLoad) => number): number => loads.reduce((all, load) => all + of(load), 0);
  return {
    busy: sum(({ busy }) => busy),
    resting: sum(({ resting }) => resting),
    waiting: sum(({ waiting }) => waiting),
    oldestBusySeconds: Math.max(0, ...loads.map(({ oldestBusySeconds }) => oldestBusySeconds)),
    oldestWaitingSeconds: Math.max(0, ...loads.map(({ oldestWaitingSeconds }) => oldestWaitingSeconds)),
  };
}
