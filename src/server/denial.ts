/** Whether a request may pass (pkg/kubelet/server/server.go InstallAuthFilter). */
import type { IncomingMessage } from 'node:http';
import type { Log } from '../model/log.ts';
import { kindOf, messageOf } from '../model/errors.ts';
import { requestAttributes } from './attributes.ts';
import type { Backend, Identity } from './backend.ts';
import { bearerToken, certificateIdentity } from './credentials.ts';
import { HttpFault } from './http-fault.ts';
import { pathOf } from './request-target.ts';

/** Both questions to the API server together. */
const AUTH_MS = 15_000;

/** Why the request may not pass, undefined if it may. A question that can't be answered is a no. */
export async function denial(
  { backend, log }: { backend: Pick<Backend, 'identify' | 'isAllowed'>; log: Log },
  request: IncomingMessage,
): Promise<HttpFault | undefined> {
  const signal = AbortSignal.timeout(AUTH_MS);
  const who = await identity(request, { backend, log, signal });
  if (who instanceof HttpFault) return who;
  if (who === undefined) return new HttpFault(401, 'Unauthorized');
  const { verb, subresources } = requestAttributes(request.method ?? '', pathOf(request.url ?? '/'));
  for (const subresource of subresources) {
    try {
      if (await backend.isAllowed(who, verb, subresource, { signal })) return undefined;
    } catch (error) {
      const busy = tooMany(error);
      if (busy !== undefined) return busy;
      log.warn({ err: error, user: who.user, verb, subresource }, 'authorization could not be asked for');
      return new HttpFault(
        500,
        `Authorization error (user=${who.user}, verb=${verb}, resource=nodes, subresource=${subresource})`,
      );
    }
  }
  return new HttpFault(
    403,
    `Forbidden (user=${who.user}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}])\n`,
  );
}

async function identity(
  request: IncomingMessage,
  { backend, log, signal }: { backend: Pick<Backend, 'identify'>; log: Log; signal: AbortSignal },
): Promise<Identity | HttpFault | undefined> {
  const certified = certificateIdentity(request.socket);
  if (certified !== undefined) return certified;
  const token = bearerToken(request);
  if (token === undefined) return undefined;
  try {
    return await backend.identify(token, { signal });
  } catch (error) {
    const busy = tooMany(error);
    if (busy !== undefined) return busy;
    log.warn({ err: error }, 'a bearer token could not be reviewed');
    return undefined;
  }
}

/** More callers than can be asked about: it is not they who are refused, and they may come again. */
function tooMany(error: unknown): HttpFault | undefined {
  if (kindOf(error) !== 'resource-exhausted') return undefined;
  return new HttpFault(429, `${messageOf(error)}\n`, { 'retry-after': '1' });
}
