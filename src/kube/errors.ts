import { KubeError, type ErrorKind } from '../model/errors.ts';

interface Status {
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: { readonly retryAfterSeconds?: number };
}

const kinds: Record<number, ErrorKind> = {
  400: 'invalid',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  410: 'gone',
  422: 'invalid',
  429: 'resource-exhausted',
  500: 'internal',
  503: 'unavailable',
  504: 'unavailable',
};

/** A refusal as the API server words it. */
export function statusError(
  code: number,
  body: string,
  headers: Record<string, string | string[] | undefined> = {},
): KubeError {
  const status = parseStatus(body);
  const reason = status.reason ?? '';
  const kind =
    reason === 'AlreadyExists'
      ? 'already-exists'
      : (kinds[code] ?? (code >= 500 ? 'unavailable' : 'internal'));
  const seconds = Number(headers['retry-after'] ?? status.details?.retryAfterSeconds ?? Number.NaN);
  return new KubeError(kind, status.message ?? `the API server answered ${String(code)}`, {
    status: code,
    reason,
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : undefined,
  });
}

/** The error that a watch sends as an event. */
export function watchError(status: object): KubeError {
  const { code = 500 } = status as Status;
  return statusError(code, JSON.stringify(status));
}

function parseStatus(body: string): Status {
  try {
    return JSON.parse(body) as Status;
  } catch {
    return body === '' ? {} : { message: body.slice(0, 1000) };
  }
}
