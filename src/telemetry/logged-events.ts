import { eventWords } from '../model/event-reasons.ts';
import type { EventRecorder } from '../model/events.ts';
import type { Log } from '../model/log.ts';

/** Events where there is no API server to record them: lines of the log. */
export function loggedEvents(log: Log): EventRecorder {
  return {
    event: ({ kind = '', namespace = '', name = '', fieldPath }, key, message) => {
      const { type, reason } = eventWords(key);
      const about = `${kind} ${namespace}/${name}${fieldPath === undefined ? '' : ` ${fieldPath}`}`;
      const level = type === 'Warning' ? 'warn' : 'info';
      log[level]({ about, reason, message }, 'event');
    },
  };
}
