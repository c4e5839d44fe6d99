/**
 * What kubelet_working_pods tells of the workers' pods (pkg/kubelet/kubelet_pods.go HandlePodCleanups). Pure.
 */
import type { WorkerState } from './worker-state.ts';

export interface WorkingPod {
  readonly lifecycle: 'sync' | 'terminating' | 'terminated';
  /** `orphan`: its object is gone; `runtime_only`: only the runtime ever told of it */
  readonly config: 'desired' | 'orphan' | 'runtime_only';
  readonly static: '' | 'true' | 'unknown';
}

const lifecycles = ['sync', 'terminating', 'terminated'] as const;
const kinds = [
  { config: 'desired', static: '' },
  { config: 'desired', static: 'true' },
  { config: 'orphan', static: '' },
  { config: 'orphan', static: 'true' },
  { config: 'runtime_only', static: 'unknown' },
] as const;

export function lifecycleOf({ at }: Pick<WorkerState, 'at'>): WorkingPod['lifecycle'] {
  if (at === 'syncing') return 'sync';
  return at === 'stopping' ? 'terminating' : 'terminated';
}

export interface WorkingPodCount extends WorkingPod {
  readonly count: number;
}

/** A row for each combination that there can be, those with no pod too: always the same, in one order. */
export function workingPodCounts(pods: readonly WorkingPod[]): WorkingPodCount[] {
  const counts = new Map<string, number>();
  for (const key of pods.map(keyOf)) counts.set(key, (counts.get(key) ?? 0) + 1);
  return kinds.flatMap((kind) =>
    lifecycles.map((lifecycle) => {
      const row = { ...kind, lifecycle };
      return { ...row, count: counts.get(keyOf(row)) ?? 0 };
    }),
  );
}

function keyOf({ lifecycle, config, static: isStatic }: WorkingPod): string {
  return `${lifecycle} ${config} ${isStatic}`;
}
