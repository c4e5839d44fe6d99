/** The probes of one host's pods, put together. Composition only. */
import type { HostContext } from './host-context.ts';
import { probeObserver } from './observers.ts';
import { probedContainer } from '../../pods/probes/probed-container.ts';
import { Prober } from '../../pods/probes/prober.ts';
import { holdsResources } from '../../sync/workers/worker-state.ts';

export function buildProber(context: HostContext): Prober {
  const { host, view, cache, table, queue, workers, access, metrics } = context;
  const { events, faults, clock, log, signal } = context;
  return new Prober({
    host,
    clock,
    log,
    events,
    faults,
    signal,
    look: (uid, name) =>
      probedContainer(name, {
        pod: table.get(uid),
        state: cache.get(uid),
        status: access.status.current(uid),
        hostIP: view.addresses()[0] ?? '',
        localTime: host.localTime.bind(host),
      }),
    pod: (uid) => (holdsResources(workers.state(uid)) ? table.get(uid) : undefined),
    onResult: queue.probe.bind(queue),
    ...probeObserver(metrics),
  });
}
