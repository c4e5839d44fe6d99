/** A logger whose level can change while it runs: that of a pino child is what it was when it was made. */
import type { Log, LogFields } from '../model/log.ts';
import { logLevels, type LogLevel } from '../model/log-level.ts';
import { createLog } from './log.ts';

export interface AdjustableLog {
  readonly log: Log;
  /** Counts at once, for every child as well. */
  setLevel(level: LogLevel): void;
}

export function adjustableLog({
  format,
  level,
}: {
  format: 'json' | 'pretty';
  level: LogLevel;
}): AdjustableLog {
  const threshold = { rank: logLevels.indexOf(level) };
  return {
    log: new Adjustable(createLog({ format, level: logLevels[0] }), threshold),
    setLevel: (next) => {
      threshold.rank = logLevels.indexOf(next);
    },
  };
}

class Adjustable implements Log {
  readonly #to: Log;
  readonly #threshold: { readonly rank: number };

  constructor(to: Log, threshold: { readonly rank: number }) {
    this.#to = to;
    this.#threshold = threshold;
  }

  debug(fields: LogFields, message: string): void {
    if (this.#threshold.rank <= 0) this.#to.debug(fields, message);
  }

  info(fields: LogFields, message: string): void {
    if (this.#threshold.rank <= 1) this.#to.info(fields, message);
  }

  warn(fields: LogFields, message: string): void {
    if (this.#threshold.rank <= 2) this.#to.warn(fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.#to.error(fields, message);
  }

  child(fields: LogFields): Log {
    return new Adjustable(this.#to.child(fields), this.#threshold);
  }
}
