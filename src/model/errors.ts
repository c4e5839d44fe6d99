/** What callers may branch on. Nobody compares message text. */
export type ErrorKind =
  | 'not-found'
  | 'already-exists'
  | 'conflict'
  | 'gone'
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'unavailable'
  | 'deadline-exceeded'
  | 'resource-exhausted'
  | 'unimplemented'
  | 'cancelled'
  | 'internal';

/** The base of every error farlet makes: a kind from the closed list, a plain sentence, a cause. */
export class FarletError extends Error {
  readonly kind: ErrorKind;
  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.kind = kind;
  }
}

/**
 * A CRI call that failed. `message` has the form the kubelet shows for a gRPC error
 * (`rpc error: code = Unknown desc = …`); `description` is the runtime's text alone.
 */
export class CriError extends FarletError {
  readonly method: string;
  readonly host: string;
  /** the gRPC status code's number */
  readonly code: number;
  /** as Go's gRPC prints it, e.g. NotFound */
  readonly codeName: string;
  readonly description: string;
  constructor(
    fault: {
      kind: ErrorKind;
      method: string;
      host: string;
      code: number;
      codeName: string;
      description: string;
    },
    options?: ErrorOptions,
  ) {
    super(fault.kind, `rpc error: code = ${fault.codeName} desc = ${fault.description}`, options);
    this.method = fault.method;
    this.host = fault.host;
    this.code = fault.code;
    this.codeName = fault.codeName;
    this.description = fault.description;
  }
}

/**
 * An API server call that failed. `message` is the Status message where there is one, as client-go shows it.
 */
export class KubeError extends FarletError {
  /** HTTP status, 0 when no answer came */
  readonly status: number;
  /** Status.reason, e.g. NotFound, AlreadyExists, Expired */
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
  constructor(
    kind: ErrorKind,
    message: string,
    details: { status: number; reason: string; retryAfterMs?: number | undefined },
    options?: ErrorOptions,
  ) {
    super(kind, message, options);
    this.status = details.status;
    this.reason = details.reason;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** Something a host could not do for us: connect, read a file, mount. */
export class HostError extends FarletError {
  readonly host: string;
  /** what a kubelet on the host itself would say, for events and statuses; undefined: the message */
  readonly told: string | undefined;
  constructor(
    kind: ErrorKind,
    host: string,
    message: string,
    { told, ...options }: ErrorOptions & { told?: string } = {},
  ) {
    super(kind, message, options);
    this.host = host;
    this.told = told;
  }
}

/** The text of any thrown value for events and statuses of pods, in a kubelet's words where there are any. */
export function toldOf(error: unknown): string {
  return error instanceof HostError && error.told !== undefined ? error.told : messageOf(error);
}

/** The kind of any thrown value; what farlet did not make itself is `internal`, an abort is `cancelled`. */
export function kindOf(error: unknown): ErrorKind {
  if (error instanceof FarletError) return error.kind;
  if (error instanceof Error && error.name === 'AbortError') return 'cancelled';
  return 'internal';
}

/**
 * Nothing is known of what was asked: its host could not be asked, or did not answer, or nobody waits any
 * more.
 */
export function isUnanswered(error: unknown): boolean {
  return ['unavailable', 'deadline-exceeded', 'cancelled'].includes(kindOf(error));
}

export function isNotFound(error: unknown): boolean {
  return kindOf(error) === 'not-found';
}

/** For `catch`: undefined where nothing is; throws every other error. */
export function unlessNotFound(error: unknown): undefined {
  if (isNotFound(error)) return undefined;
  throw error;
}

/** The text of any thrown value, for events, statuses and logs. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
