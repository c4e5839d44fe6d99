/**
 * Where the spans of a host's work begin: each part as it is while tracing is off, and seen by it while it
 * is on.
 */
import type { ConnectCriOptions } from '../../hosts/cri/connect.ts';
import type { PodVolumes } from '../../pods/volumes/pod-volumes.ts';
import type { VolumeMounter } from '../../pods/volumes/volume-mounter.ts';
import type { ImagePuller } from '../../runtime/images/image-puller.ts';
import type { PodSyncer } from '../../sync/workers/pod-syncer.ts';
import type { PodTraces } from '../../telemetry/pod-traces.ts';
import type { Tracing } from '../../telemetry/tracing.ts';

/** The span of a call is named, and has the attributes, that otelgrpc gives it in a kubelet, and the host. */
export function criTrace(tracing: Tracing | undefined, host: string): ConnectCriOptions['onBegin'] {
  if (tracing === undefined) return undefined;
  return (service, method) =>
    tracing.call(`${service}/${method}`, {
      'rpc.system': 'grpc',
      'rpc.service': service,
      'rpc.method': method,
      'farlet.host': host,
    });
}

export function tracedSyncer(syncer: PodSyncer, traces: PodTraces | undefined): PodSyncer {
  if (traces === undefined) return syncer;
  return {
    syncPod: (pod, options) => traces.sync(pod, () => syncer.syncPod(pod, options)),
    stopPod: (pod, options) => traces.end('syncTerminatingPod', pod, () => syncer.stopPod(pod, options)),
    finishPod: (pod, options) => traces.end('syncTerminatedPod', pod, () => syncer.finishPod(pod, options)),
    stopOrphan: syncer.stopOrphan.bind(syncer),
  };
}

type PodsVolumes = Pick<PodVolumes, 'mount' | 'renewAt' | 'unmount'>;

/** All volumes of a pod, until they are ready. */
export function tracedVolumes(volumes: PodsVolumes, tracing: Tracing | undefined): PodsVolumes {
  if (tracing === undefined) return volumes;
  return {
    mount: (pod, options) => tracing.step('volumes', {}, () => volumes.mount(pod, options)),
    renewAt: volumes.renewAt.bind(volumes),
    unmount: volumes.unmount.bind(volumes),
  };
}

/** One attempt to make one volume ready. */
export function tracedMounter(
  mounter: Pick<VolumeMounter, 'setUp'>,
  { tracing, host }: { tracing: Tracing | undefined; host: string },
): Pick<VolumeMounter, 'setUp'> {
  if (tracing === undefined) return mounter;
  return {
    setUp: (wanted, before, options) => {
      const { name, plugin } = wanted.volume;
      return tracing.step(
        'volume',
        { 'k8s.volume.name': name, 'farlet.volume.plugin': plugin, 'farlet.host': host },
        () => mounter.setUp(wanted, before, options),
      );
    },
  };
}

type Images = Pick<ImagePuller, 'ask' | 'ensureImage'>;

/** An image of a container until it is on the host, with what its pull waits for. */
export function tracedImages(
  images: Images,
  { tracing, host }: { tracing: Tracing | undefined; host: string },
): Images {
  if (tracing === undefined) return images;
  return {
    ask: images.ask.bind(images),
    ensureImage: (request, options) =>
      tracing.step('image', { 'container.image.name': request.image, 'farlet.host': host }, () =>
        images.ensureImage(request, options),
      ),
  };
}
