/** The volumes of one host's pods, put together. Composition only. */
import type { HostContext } from './host-context.ts';
import { volumeObserver } from './observers.ts';
import { tracedMounter } from './traced.ts';
import { quantityValue } from '../../model/quantity-text.ts';
import { PodVolumes } from '../../pods/volumes/pod-volumes.ts';
import { VolumeMounter } from '../../pods/volumes/volume-mounter.ts';

export function buildVolumes({
  host,
  paths,
  view,
  access,
  events,
  metrics,
  tracing,
  clock,
  signal,
}: HostContext): PodVolumes {
  const { objects, tokens, volumeObjects } = access;
  const { observe, onReady } = volumeObserver(metrics);
  const shared = {
    files: host.link.files,
    paths,
    events,
    clock,
    signal,
    observe,
    sources: {
      configMap: objects.configMap.bind(objects),
      secret: objects.secret.bind(objects),
      token: tokens.get.bind(tokens),
      ...volumeObjects,
    },
    node: () => {
      const info = view.info();
      return { ...info, memoryBytes: Number(quantityValue(info.allocatable.memory)) };
    },
  };
  const mounter = new VolumeMounter({
    ...shared,
    isUsedElsewhere: (name, uid) => volumes.isUsedElsewhere(name, uid),
  });
  const volumes: PodVolumes = new PodVolumes({
    ...shared,
    mounter: tracedMounter(mounter, { tracing, host: host.name }),
    onReady,
  });
  return volumes;
}
