/** How a node tells people: its events, and the faults of its parts. Composition only. */
import type { KubeClient } from '../../kube/client.ts';
import { Events } from '../../kube/events.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { Faults } from '../../model/faults.ts';
import type { Log } from '../../model/log.ts';
import { nodeReference } from '../../model/pod-ref.ts';
import { loggedEvents } from '../../telemetry/logged-events.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { reportedFaults } from '../../telemetry/reported-faults.ts';
import type { Clock } from '../../util/clock.ts';

export interface Reporting {
  readonly events: EventRecorder;
  readonly faults: Faults;
  /** The faults of one host of several. */
  faultsOf(host: string): Faults;
  /** Writes events until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Writes the events that the API server has not got yet. */
  flush(options: { signal: AbortSignal }): Promise<void>;
}

/** `client` undefined: there is no API server, and events are told in the log. */
export function buildReporting({
  client,
  node,
  metrics,
  clock,
  log,
}: {
  client: KubeClient | undefined;
  node: string;
  metrics: Metrics;
  clock: Clock;
  log: Log;
}): Reporting {
  const recorder =
    client === undefined
      ? undefined
      : new Events({
          client,
          clock,
          log,
          host: node,
          onDropped: () => {
            metrics.farlet_events_dropped_total.inc();
          },
        });
  const events = recorder ?? loggedEvents(log);
  const reported = (host?: string): Faults =>
    reportedFaults({
      ...(host === undefined ? {} : { host }),
      log,
      events,
      clock,
      node: nodeReference(node),
      count: (part) => {
        metrics.farlet_faults_total.inc({ part });
      },
    });
  return {
    events,
    faults: reported(),
    faultsOf: reported,
    run: async (signal) => recorder?.run(signal),
    flush: async (options) => recorder?.flush(options),
  };
}
