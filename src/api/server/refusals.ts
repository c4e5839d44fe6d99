/**
 * Says why callers are not known: a missing or wrong CA is otherwise seen only as kubectl's "must be logged
 * in".
 */
import type { IncomingMessage } from 'node:http';
import type { Log } from '../../model/log.ts';
import type { Clock } from '../../util/clock.ts';

const EVERY_MS = 60_000;
const MAX_AGENT = 128;

export interface Shown {
  /** what is wrong with the client certificate; undefined if there was none */
  readonly certificate: string | undefined;
  readonly hasToken: boolean;
  /** the API server could not be asked about the token, which has been logged */
  readonly isUnclear: boolean;
}

export interface RefusalsOptions {
  readonly log: Pick<Log, 'warn'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly hasClientCa: boolean;
  readonly acceptsTokens: boolean;
  /** what is wrong with the CAs of client certificates at this moment, if anything is */
  readonly caProblem: () => string | undefined;
}

/**
 * Logs at most one refusal a minute, with how many there were since the last. Never what was shown itself.
 */
export class Refusals {
  readonly #options: RefusalsOptions;
  #last = -Infinity;
  #more = 0;

  constructor(options: RefusalsOptions) {
    this.#options = options;
  }

  unauthenticated({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>, shown: Shown): void {
    if (shown.isUnclear) return;
    const now = this.#options.clock.monotonic();
    if (now - this.#last < EVERY_MS) {
      this.#more += 1;
      return;
    }
    const more = this.#more;
    this.#last = now;
    this.#more = 0;
    this.#options.log.warn(
      {
        reason: refusalReason(shown, { ...this.#options, caProblem: this.#options.caProblem() }),
        remote: socket.remoteAddress,
        userAgent: printable(headers['user-agent'] ?? ''),
        ...(more === 0 ? {} : { moreSinceLast: more }),
      },
      'a call to the kubelet API was refused with 401',
    );
  }
}

/** One sentence for people. Pure. */
export function refusalReason(
  { certificate, hasToken }: Shown,
  settings: { hasClientCa: boolean; acceptsTokens: boolean; caProblem: string | undefined },
): string {
  const { hasClientCa, acceptsTokens, caProblem } = settings;
  const token = !hasToken
    ? undefined
    : acceptsTokens
      ? 'the API server does not know its bearer token'
      : 'it showed a bearer token, and authentication.webhook.enabled is false';
  const ca = caProblem === undefined ? '' : `; the clientCAFile ${caProblem}`;
  if (certificate !== undefined)
    return `its client certificate ${certificate}${ca}${token === undefined ? '' : `; and ${token}`}`;
  if (token !== undefined) return token;
  return hasClientCa
    ? `it showed neither a client certificate nor a bearer token${ca}`
    : "it showed no bearer token, and client certificates, as the API server's, are not asked for: authentication.x509.clientCAFile is not set";
}

function printable(text: string): string {
  return text.slice(0, MAX_AGENT).replace(/[^\x20-\x7e]/g, '?');
}
