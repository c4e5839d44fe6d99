/**
 * Keys that mean the same on every line of the log, so that one filter finds all of a pod or host. A line may
 * have other keys beside them.
 */
export interface LogFields {
  /**
   * name of the pod that the line is about; `namespace` and `uid` go with it (podFields of model/pod-ref.ts)
   */
  readonly pod?: string | undefined;
  readonly namespace?: string | undefined;
  /** UID of that pod, or of the object that the message names */
  readonly uid?: string | undefined;
  readonly node?: string | undefined;
  /** name of the host as the configuration has it */
  readonly host?: string | undefined;
  /** name of the container */
  readonly container?: string | undefined;
  /** id of the container at the runtime */
  readonly containerId?: string | undefined;
  /** what was caught: the logger shows its message, stack and cause */
  readonly err?: unknown;
  /** why, as text, where nothing was caught */
  readonly reason?: string | undefined;
  /** other words for `err` and `reason` */
  readonly error?: never;
  readonly why?: never;
  readonly [other: string]: unknown;
}

/** The part of a pino logger that farlet's parts use: fields first, then a constant message. */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Log;
}

/** Logs nothing, for a caller that reports in another way. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};
