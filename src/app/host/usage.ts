/** What reads the use of one host, put together. Composition only. */
import type { HostContext } from './host-context.ts';
import { usageObserver } from './observers.ts';
import { runsContainer } from '../../model/holds.ts';
import type { PodVolumes } from '../../pods/volumes/pod-volumes.ts';
import type { PodCgroups } from '../../resources/cgroups/pod-cgroups.ts';
import { DiskReader } from '../../usage/disk-reader.ts';
import { HostUsageReader } from '../../usage/host-reader.ts';
import { ServedVolumes } from '../../usage/served-volumes.ts';

export function buildUsage(
  context: HostContext,
  { cgroups, volumes }: { cgroups: PodCgroups; volumes: PodVolumes },
): HostUsageReader {
  const { host, view, table, cache, owner, paths, metrics, clock, log, signal } = context;
  const { cri, link } = host;
  return new HostUsageReader({
    host: host.name,
    files: link.files,
    cri,
    disks: new DiskReader({ cri, files: link.files, paths, owner, clock, log, signal }),
    served: new ServedVolumes({ files: link.files, volumes: volumes.served.bind(volumes), clock, signal }),
    cgroups: cgroups.places.bind(cgroups),
    pods: () =>
      table.all().flatMap((pod) => {
        const state = cache.get(pod.metadata.uid);
        return state !== undefined && runsContainer(state) ? [{ pod, state }] : [];
      }),
    facts: view.facts.bind(view),
    hasOwnKernel: (handler) =>
      host.runtime()?.handlers.some(({ name, ownKernel }) => name === handler && ownKernel) ?? false,
    isReady: () => host.state().at === 'ready',
    rootDir: paths.rootDir,
    owner,
    clock,
    signal,
    onReading: usageObserver(metrics, host.name),
  });
}
