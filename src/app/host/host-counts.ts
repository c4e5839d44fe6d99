/** What gauges tell of a host's pods: counted anew only where something of it has changed. */
import type { Pod } from '../../model/kube.ts';
import { isStaticPod } from '../../model/pod-source.ts';
import type { PodVolumes, VolumeTotal } from '../../pods/volumes/pod-volumes.ts';
import type { RuntimeCache, RuntimeCounts } from '../../runtime/observed/runtime-cache.ts';
import type { PodTable } from '../../sync/pod-table.ts';
import type { PodWorkers } from '../../sync/workers/pod-workers.ts';
import { workingPodCounts, type WorkingPodCount } from '../../sync/workers/working-pods.ts';

export interface PodCounts {
  readonly fromApi: number;
  readonly static: number;
}

export interface HostCounts {
  readonly runtime: RuntimeCounts;
  readonly desired: PodCounts;
  readonly active: PodCounts;
  readonly working: readonly WorkingPodCount[];
  readonly volumes: readonly VolumeTotal[];
}

export interface HostCounterOptions {
  readonly table: Pick<PodTable, 'all' | 'revision'>;
  readonly cache: Pick<RuntimeCache, 'counts' | 'revision'>;
  readonly workers: Pick<PodWorkers, 'working' | 'revision'>;
  readonly volumes: Pick<PodVolumes, 'totals' | 'revision'>;
  /** pods that hold resources of the host */
  readonly activePods: () => readonly Pod[];
}

export class HostCounter {
  readonly #options: HostCounterOptions;
  #counted: { readonly at: number; readonly counts: HostCounts } | undefined;

  constructor(options: HostCounterOptions) {
    this.#options = options;
  }

  /** The very object that was told before, where nothing has changed since. */
  counts(): HostCounts {
    const { table, cache, workers, volumes } = this.#options;
    // each of them only grows
    const at = table.revision + cache.revision + workers.revision + volumes.revision;
    if (this.#counted?.at !== at) this.#counted = { at, counts: this.#count() };
    return this.#counted.counts;
  }

  #count(): HostCounts {
    const { table, cache, workers, volumes, activePods } = this.#options;
    return {
      runtime: cache.counts(),
      desired: podCounts(table.all()),
      active: podCounts(activePods()),
      working: workingPodCounts(workers.working()),
      volumes: volumes.totals(),
    };
  }
}

function podCounts(pods: readonly Pod[]): PodCounts {
  const statics = pods.filter(isStaticPod).length;
  return { fromApi: pods.length - statics, static: statics };
}
