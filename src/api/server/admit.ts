/** Whether a request may pass (pkg/kubelet/server/server.go InstallAuthFilter). */
import type { IncomingMessage } from 'node:http';
import { kindOf, messageOf } from '../../model/errors.ts';
import type { Log } from '../../model/log.ts';
import type { Clock } from '../../util/clock.ts';
import { requestAttributes } from './attributes.ts';
import type { Backend, Identity } from './backend.ts';
import { bearerToken, certificateVerdict } from './credentials.ts';
import { HttpFault } from '../http/http-fault.ts';
import { pathOf } from '../http/request-target.ts';
import type { Refusals } from './refusals.ts';
import { limitSignal } from '../../util/abort.ts';

/** Both questions to the API server together. */
const AUTH_MS = 15_000;

export interface AdmitOptions {
  readonly backend: Pick<Backend, 'identify' | 'isAllowed' | 'enterVerb'>;
  readonly refusals: Refusals;
  readonly log: Log;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * Who the request is from. Rejects with HttpFault if it may not pass; a question that can't be answered is a
 * no.
 */
export async function admit(options: AdmitOptions, request: IncomingMessage): Promise<Identity> {
  const { backend, log } = options;
  const signal = limitSignal(AUTH_MS);
  const who = await identity(request, { ...options, signal });
  const { verb, subresources } = requestAttributes(
    request.method ?? '',
    pathOf(request.url ?? '/'),
    backend.enterVerb,
  );
  for (const subresource of subresources) {
    try {
      if (await backend.isAllowed(who, verb, subresource, { signal })) return who;
    } catch (error) {
      throwIfBusy(error);
      log.warn({ err: error, user: who.user, verb, subresource }, 'authorization could not be asked for');
      throw new HttpFault(
        500,
        `Authorization error (user=${who.user}, verb=${verb}, resource=nodes, subresource=${subresource})`,
      );
    }
  }
  throw new HttpFault(
    403,
    `Forbidden (user=${who.user}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}])\n`,
  );
}

async function identity(
  request: IncomingMessage,
  { backend, refusals, log, clock, signal }: AdmitOptions & { signal: AbortSignal },
): Promise<Identity> {
  const shown = certificateVerdict(request.socket, clock.now());
  if (shown?.identity !== undefined) return shown.identity;
  const token = bearerToken(request);
  let isUnclear = false;
  if (token !== undefined) {
    try {
      const found = await backend.identify(token, { signal });
      if (found !== undefined) return found;
    } catch (error) {
      throwIfBusy(error);
      isUnclear = true;
      log.warn({ err: error }, 'a bearer token could not be reviewed');
    }
  }
  refusals.unauthenticated(request, {
    certificate: shown?.problem,
    hasToken: token !== undefined,
    isUnclear,
  });
  throw new HttpFault(401, 'Unauthorized');
}

/** More callers than can be asked about: it is not they who are refused, and they may come again. */
function throwIfBusy(error: unknown): void {
  if (kindOf(error) === 'resource-exhausted')
    throw new HttpFault(429, `${messageOf(error)}\n`, { 'retry-after': '1' });
}
