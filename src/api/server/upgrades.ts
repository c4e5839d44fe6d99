/** Requests that want to switch protocols: exec, attach, port-forward. */
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Log } from '../../model/log.ts';
import type { Clock } from '../../util/clock.ts';
import { admit, type AdmitOptions } from './admit.ts';
import type { Backend, Identity } from './backend.ts';
import { faultOf, HttpFault } from '../http/http-fault.ts';
import { servePortForward } from '../port-forward/serve-port-forward.ts';
import { serveTunnel, TUNNEL_PROTOCOL } from '../port-forward/serve-tunnel.ts';
import { CHANNEL_PROTOCOL, serveRemoteCommand } from '../remote-command/serve-remote-command.ts';
import { refuseUpgrade, type UpgradeRefusal } from '../http/refuse-upgrade.ts';
import { pathOf, queryOf, queryTexts, streamTarget } from '../http/request-target.ts';
import type { StreamLimits } from './stream-limits.ts';
import { dialUntil, UpgradeRefused } from '../http/switch-protocols.ts';
import { proxyUpgrade } from '../http/upgrade-proxy.ts';
import { isWebSocket, offeredProtocols } from '../http/web-socket.ts';

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
    refuseUpgrade(client, error instanceof UpgradeRefused ? error.refusal : refusalOf(error), options.clock);
  });
}

function refusalOf(error: unknown): UpgradeRefusal {
  const { code, body, headers } = faultOf(error);
  return {
    code,
    reason: STATUS_CODES[code] ?? 'Error',
    body,
    headers: ['Content-Type', 'text/plain; charset=utf-8', ...Object.entries(headers).flat()],
  };
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
  takePlace(options, { client, who, target: found.target });
  const command = queryTexts(url, 'command');
  const offered = offeredProtocols(request);
  const isPortForward = found.kind === 'portForward';
  const isTunnel = isPortForward && offered.includes(TUNNEL_PROTOCOL);
  const stream = await backend.stream(
    { ...found, query: queryOf(url), command, isWebSocket: isWebSocket(request) && !isTunnel },
    { signal },
  );
  signal.throwIfAborted();
  if (isTunnel) await serveTunnel(request, { client, head }, { stream, signal, clock, idleMs, log });
  else if (stream.by === 'farlet')
    await servePortForward(request, { client, head }, { target: stream.target, clock, idleMs, log });
  else if (!isPortForward && offered.includes(CHANNEL_PROTOCOL))
    await serveRemoteCommand(request, { client, head }, { ...stream, signal, clock, idleMs });
  else {
    const socket = await dialUntil(stream.dial, signal);
    await proxyUpgrade(request, { client, head }, { socket, url: stream.url, idleMs, clock });
  }
}

/** One of the streams that may be open at once, until the client has gone. */
function takePlace(
  { limits }: UpgradesOptions,
  { client, who, target }: { client: Duplex; who: Identity; target: { namespace: string; pod: string } },
): void {
  const release = limits.take({ user: who.user, pod: `${target.namespace}/${target.pod}` });
  client.once('close', release);
}
