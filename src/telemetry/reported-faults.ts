import { messageOf } from '../model/errors.ts';
import type { EventRecorder } from '../model/events.ts';
import type { Faults, Part } from '../model/faults.ts';
import type { ObjectReference } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import type { Clock } from '../util/clock.ts';
import { lru } from '../util/lru.ts';

export interface ReportedFaultsOptions {
  readonly log: Log;
  readonly events: EventRecorder;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** the Node, which tells of what is no pod's */
  readonly node: ObjectReference;
  readonly count: (part: Part) => void;
  /** for a node of several hosts: which of them it is about */
  readonly host?: string;
}

const MAX_TEXT = 1024;
const SAY_AGAIN_MS = 60_000;
const MAX_KNOWN = 256;

/**
 * Reports faults in farlet_faults_total, in the log and in an event (`FarletFault`). One that comes again
 * within a minute is only counted: a failure a thousand times a second must not cost more than that.
 */
export function reportedFaults({ log, events, clock, node, count, host }: ReportedFaultsOptions): Faults {
  const reported = lru<{ readonly at: number; again: number }>(MAX_KNOWN);
  return {
    report: (part, error, about = node) => {
      count(part);
      const text = messageOf(error).slice(0, MAX_TEXT);
      const key = JSON.stringify([part, about.uid, text]);
      const known = reported.get(key);
      const now = clock.monotonic();
      if (known !== undefined && now - known.at < SAY_AGAIN_MS) {
        known.again += 1;
        return;
      }
      reported.set(key, { at: now, again: 0 });
      const again = known?.again ?? 0;
      log.error(
        { err: error, part, ...(again === 0 ? {} : { again }) },
        'a part of farlet failed: the rest goes on, and it is tried again',
      );
      const where = host === undefined ? part : `${part} of host ${host}`;
      events.event(about, 'FarletFault', `${where}: ${text} (farlet tries again; its log says more)`);
    },
  };
}
