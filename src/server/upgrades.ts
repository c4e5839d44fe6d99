/** Requests that want to switch protocols: exec, attach, port-forward. */
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Log } from '../model/log.ts';
import type { Clock } from '../util/clock.ts';
import { admit, type AdmitOptions } from './admit.ts';
import type { Backend, Identity } from './backend.ts';
import { faultOf, HttpFault } from './http-fault.ts';
import { servePortForward } from './port-forward/serve-port-forward.ts';
import { refuseUpgrade } from './refuse-upgrade.ts';
import { pathOf, queryOf, queryTexts, streamTarget } from './request-target.ts';
import type { StreamLimits } from './stream-limits.ts';
import { proxyUpgrade } from './upgrade-proxy.ts';

export interface UpgradesOptions extends AdmitOptions {
  readonly backend: Backend;
  readonly log: Log;
  readonly clock: Pick<Clock, 'after' | 'now'>;
  readonly limits: StreamLimits;
  readonly idleMs: number;
  /** called once it is known who is at the other end */
  readonly onAdmitted: (request: IncomingMessage) => void;
}

interface Upgrade {
  readonly request: IncomingMessage;
  readonly client: Duplex;
  readonly head: Buffer;
}

export function serveUpgrade(options: UpgradesOptions, upgrade: Upgrade): void {
  const { client } = upgrade;
  // first of all: a client that goes while it is asked for must end what it has begun
  const life = new AbortController();
  client.once('close', () => {
    life.abort(new Error('the client has gone'));
  });
  client.on('error', () => client.destroy());
  serve(options, upgrade, life.signal).catch((error: unknown) => {
    if (client.destroyed) return;
    options.log.debug({ err: error }, 'upgrade refused');
    const { code, body, headers } = faultOf(error);
    refuseUpgrade(
      client,
      {
        code,
        reason: STATUS_CODES[code] ?? 'Error',
        body,
        headers: ['Content-Type', 'text/plain; charset=utf-8', ...Object.entries(headers).flat()],
      },
      options.clock,
    );
  });
}

async function serve(options: UpgradesOptions, upgrade: Upgrade, signal: AbortSignal): Promise<void> {
  const { backend, log, clock, idleMs, onAdmitted } = options;
  const { request, client, head } = upgrade;
  const who = await admit(options, request);
  onAdmitted(request);
  signal.throwIfAborted();
  const url = request.url ?? '/';
  const found = streamTarget(pathOf(url));
  if (found === undefined) throw new HttpFault(404, '404: Page Not Found');
  if (request.method !== 'GET' && request.method !== 'POST')
    throw new HttpFault(405, '405: Method Not Allowed', { allow: 'GET, POST' });
  takePlace(options, { client, who, target: found.target });
  const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket';
  const command = queryTexts(url, 'command');
  const stream = await backend.stream({ ...found, query: queryOf(url), command, isWebSocket }, { signal });
  signal.throwIfAborted();
  if (stream.by === 'farlet') {
    await servePortForward(request, { client, head }, { target: stream.target, clock, idleMs, log });
    return;
  }
  const socket = await stream.dial({ signal });
  if (signal.aborted) {
    socket.on('error', () => undefined);
    socket.destroy();
    return;
  }
  proxyUpgrade(request, { client, head }, { socket, url: stream.url, idleMs, clock });
}

/** One of the streams that may be open at once, until the client has gone. */
function takePlace(
  { limits }: UpgradesOptions,
  { client, who, target }: { client: Duplex; who: Identity; target: { namespace: string; pod: string } },
): void {
  const release = limits.take({ user: who.user, pod: `${target.namespace}/${target.pod}` });
  client.once('close', release);
}
