/** An operation on a volume, as storage_operation_duration_seconds tells it (pkg/volume/util/metrics.go). */
export interface VolumeObservation {
  readonly plugin: string;
  readonly operation: 'volume_mount' | 'map_volume' | 'volume_unmount' | 'volume_apply_access_control';
  readonly failed: boolean;
  readonly seconds: number;
}
