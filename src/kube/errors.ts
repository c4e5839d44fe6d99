import { KubeError, kindOf, messageOf, type ErrorKind } from '../model/errors.ts';
import { excerpt, isJson, isRefusal, shown, UNEXPECTED } from './answers.ts';

const kinds = new Map<number, ErrorKind>([
  [400, 'invalid'],
  [401, 'unauthenticated'],
  [403, 'forbidden'],
  [404, 'not-found'],
  [409, 'conflict'],
  [410, 'gone'],
  [422, 'invalid'],
  [429, 'resource-exhausted'],
  [500, 'internal'],
  [503, 'unavailable'],
  [504, 'unavailable'],
]);
/** What is concluded from these ends something, so only the API server itself can say them, in a Status. */
const final = new Set<ErrorKind>(['invalid', 'not-found', 'conflict', 'gone']);
/** As long as a Retry-After is heeded: a server that asks for more is asked again all the same. */
const MAX_RETRY_AFTER_MS = 60_000;

export type AnswerHeaders = Record<string, string | string[] | undefined>;

/** A refusal as the API server words it, or a page of somebody who answers in its place. */
export function statusError(code: number, body: string, headers: AnswerHeaders = {}): KubeError {
  const parsed = parseJson(body);
  const status = isRefusal(parsed) ? parsed : undefined;
  const reason = textOf(status?.reason);
  const byCode = kinds.get(code) ?? (code >= 500 ? 'unavailable' : 'internal');
  const retryAfterMs = code === 429 || code >= 500 ? retryAfter(headers, status?.details) : undefined;
  if (status === undefined && (code < 400 || final.has(byCode)))
    return new KubeError('unavailable', pageMessage(code, body, headers), {
      status: code,
      reason: UNEXPECTED,
      retryAfterMs,
    });
  const kind = reason === 'AlreadyExists' ? 'already-exists' : byCode;
  const message = textOf(status?.message);
  const told = message === '' ? excerpt(body) : message.slice(0, 10_000);
  return new KubeError(kind, told === '' ? `the API server answered ${code}` : told, {
    status: code,
    reason,
    retryAfterMs,
  });
}

/** The error that a watch sends as an event. */
export function watchError(status: unknown): KubeError {
  const code = isJson(status) && typeof status.code === 'number' ? status.code : 500;
  return statusError(code, JSON.stringify(status));
}

/** ms to wait before a retry: the delay that the server asked for (429 and 503), if that is longer. */
export function waitAfter(error: unknown, ownMs: number): number {
  return Math.max(ownMs, (error instanceof KubeError ? error.retryAfterMs : undefined) ?? 0);
}

/** The server can't be reached, or what was answered instead of what was asked for. */
export function unreachable(server: string, error: unknown): KubeError {
  if (error instanceof KubeError) return error;
  return new KubeError(
    kindOf(error) === 'deadline-exceeded' ? 'deadline-exceeded' : 'unavailable',
    `the API server ${server} can't be reached: ${messageOf(error)}`,
    { status: 0, reason: 'ServiceUnavailable' },
    { cause: error },
  );
}

function pageMessage(code: number, body: string, { location }: AnswerHeaders): string {
  const where = code >= 300 && code < 400 && location !== undefined ? ` and leads to ${shown(location)}` : '';
  const what = body.trim() === '' ? '' : `: ${excerpt(body)}`;
  return `the answer is ${code}${where}, not the API server's${what}; is something else answering in its place?`;
}

/** Whole seconds, as client-go reads it (rest/with_retry.go retryAfterSeconds); in a header or a Status. */
function retryAfter(headers: AnswerHeaders, details: unknown): number | undefined {
  const asked = headers['retry-after'] ?? (isJson(details) ? details.retryAfterSeconds : undefined);
  const text = typeof asked === 'number' ? String(asked) : asked;
  if (typeof text !== 'string' || !/^\d{1,9}$/.test(text)) return undefined;
  return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
