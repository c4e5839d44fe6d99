/**
 * Claims and the volumes behind them, read by name when a pod needs them; the kubelet does not watch them
 * either.
 */
import type { PersistentVolume, PersistentVolumeClaim } from '../model/kube.ts';
import type { KubeClient } from './client.ts';
import { paths } from './paths.ts';

export interface VolumeObjects {
  claim(namespace: string, name: string, options: { signal: AbortSignal }): Promise<PersistentVolumeClaim>;
  persistentVolume(name: string, options: { signal: AbortSignal }): Promise<PersistentVolume>;
}

export function volumeObjects(client: Pick<KubeClient, 'get'>): VolumeObjects {
  return {
    claim: (namespace, name, options) => client.get(paths.persistentVolumeClaim(namespace, name), options),
    persistentVolume: (name, options) => client.get(paths.persistentVolume(name), options),
  };
}
