/**
 * Volumes that are images, which the runtime itself mounts: getImageVolumes in kuberuntime_manager.go,
 * KEP-4639.
 */
import type { ImageSpec } from '../../hosts/cri/generated/runtime/v1/ImageSpec.ts';
import type { PodSandboxConfig } from '../../hosts/cri/generated/runtime/v1/PodSandboxConfig.ts';
import type { Pod, Secret } from '../../model/kube.ts';
import { podReference } from '../../model/pod-ref.ts';
import type { Fetched } from '../spec/env-entry.ts';
import type { ImagePuller, KnownImages } from './image-puller.ts';

/**
 * By volume name. What fails is kept for the container that mounts it; rejects only with the signal's reason.
 */
export async function pullImageVolumes(
  options: {
    readonly pod: Pod;
    readonly pullSecrets: readonly Secret[];
    readonly sandboxConfig: PodSandboxConfig;
    readonly known: KnownImages;
  },
  { images, signal }: { images: Pick<ImagePuller, 'ensureImage'>; signal: AbortSignal },
): Promise<Map<string, Fetched<ImageSpec>>> {
  const pulled = new Map<string, Fetched<ImageSpec>>();
  for (const volume of options.pod.spec.volumes ?? []) {
    if (volume.image === undefined) continue;
    const { reference: image = '', pullPolicy } = volume.image;
    try {
      const { imageRef } = await images.ensureImage(
        { ...options, image, pullPolicy, about: podReference(options.pod) },
        { signal },
      );
      const annotations = { ...options.pod.metadata.annotations };
      pulled.set(volume.name, { value: { image: imageRef, user_specified_image: image, annotations } });
    } catch (error) {
      signal.throwIfAborted();
      pulled.set(volume.name, { error });
    }
  }
  return pulled;
}
