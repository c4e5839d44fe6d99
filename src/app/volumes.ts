/** A node's volumes, put together, and what its metrics tell of them. Composition only. */
import type { Metrics } from '../telemetry/metrics.ts';
import { PodVolumes, type PodVolumesOptions } from '../pods/volumes/pod-volumes.ts';
import type { VolumeObservation } from '../pods/volumes/volume-observation.ts';
import { VolumeMounter, type VolumeMounterOptions } from '../pods/volumes/volume-mounter.ts';

export type NodeVolumesOptions = Pick<
  PodVolumesOptions & VolumeMounterOptions,
  'files' | 'paths' | 'events' | 'clock' | 'signal' | 'sources' | 'node'
> & { readonly metrics: Metrics };

export function buildVolumes(options: NodeVolumesOptions): PodVolumes {
  const { metrics } = options;
  const observe = ({ plugin, operation, failed, seconds }: VolumeObservation): void => {
    metrics.storage_operation_duration_seconds.observe(
      {
        volume_plugin: plugin,
        operation_name: operation,
        status: failed ? 'fail-unknown' : 'success',
        migrated: 'false',
      },
      seconds,
    );
  };
  const mounter = new VolumeMounter({
    ...options,
    observe,
    isUsedElsewhere: (name, uid) => volumes.isUsedElsewhere(name, uid),
  });
  const volumes: PodVolumes = new PodVolumes({
    ...options,
    mounter,
    observe,
    onReady: (plugin, seconds) => {
      metrics.volume_operation_total_seconds.observe(
        { plugin_name: plugin, operation_name: 'overall_volume_mount' },
        seconds,
      );
    },
  });
  return volumes;
}

/** Brings volume_manager_total_volumes up to date. */
export function showVolumeTotals(
  metrics: Metrics,
  totals: readonly { plugin: string; wanted: number; ready: number }[],
): void {
  const gauge = metrics.volume_manager_total_volumes;
  gauge.reset();
  for (const { plugin, wanted, ready } of totals) {
    gauge.inc({ plugin_name: plugin, state: 'desired_state_of_world' }, wanted);
    if (ready > 0) gauge.inc({ plugin_name: plugin, state: 'actual_state_of_world' }, ready);
  }
}
