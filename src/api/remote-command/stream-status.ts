/**
 * What a command's error stream says, as the client of a WebSocket is told it (client-go remotecommand/v4.go
 * errorDecoderV4, and the kubelet's translation of it, streamtranslator.go). Pure.
 */

/** metav1.Status, as far as it is used here. */
export interface StreamStatus {
  readonly metadata: Record<string, never>;
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: { readonly causes: readonly { readonly reason?: string; readonly message: string }[] };
  readonly code?: number;
}

const NON_ZERO = 'NonZeroExitCode';
const EXIT_CODE = 'ExitCode';

/** `bytes`: all of the error stream. */
export function streamStatus(bytes: Buffer): StreamStatus {
  const text = bytes.toString();
  const said = parsed(text);
  if (said === undefined)
    return failure(`error stream protocol error: not a status in ${JSON.stringify(text)}`);
  if (said.status === 'Success') return { metadata: {}, status: 'Success' };
  if (said.status !== 'Failure') return failure('error stream protocol error: unknown error');
  return said.reason === NON_ZERO ? exited(said.details) : failure(textOf(said.message));
}

/** A failure that is none of the command's (apierrors.NewInternalError). */
export function failure(why: string): StreamStatus {
  return {
    metadata: {},
    status: 'Failure',
    message: `Internal error occurred: ${why}`,
    reason: 'InternalError',
    details: { causes: [{ message: why }] },
    code: 500,
  };
}

function exited(details: unknown): StreamStatus {
  const { causes } = record(details);
  const cause = (Array.isArray(causes) ? causes : []).map(record).find(({ reason }) => reason === EXIT_CODE);
  if (cause === undefined) return failure(`error stream protocol error: no ${EXIT_CODE} cause given`);
  const code = textOf(cause.message);
  if (!/^\d{1,3}$/.test(code) || Number(code) > 255)
    return failure(`error stream protocol error: invalid exit code value ${JSON.stringify(code)}`);
  const exit = String(Number(code));
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: command terminated with exit code ${exit}`,
    reason: NON_ZERO,
    details: { causes: [{ reason: EXIT_CODE, message: exit }] },
  };
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? record(value) : undefined;
  } catch {
    return undefined;
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
