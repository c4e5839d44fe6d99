/** exec, attach, port-forward: the runtime's streaming URL, and a connection to it from its host. */
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import { urlTarget } from '../hosts/http.ts';
import { findContainer } from '../model/containers.ts';
import { kindOf, messageOf } from '../model/errors.ts';
import type { HostApp } from '../host-app.ts';
import type { StreamRequest } from '../server/backend.ts';
import { HttpFault } from '../server/http-fault.ts';
import { forwardedPorts, streamOptions } from '../server/stream-options.ts';
import { findPod, findRunning, isMeant, noContainer } from './find.ts';

const DIAL_MS = 30_000;
/** How long the runtime keeps an unused stream's token: a slot is free again by then. */
const RETRY_AFTER_S = 60;

export async function openStream(
  app: HostApp,
  request: StreamRequest,
  signal: AbortSignal,
): Promise<{ url: URL; dial: () => Promise<Duplex> }> {
  let url: URL;
  try {
    url = new URL(await streamUrl(app, request, signal));
  } catch (error) {
    throw error instanceof HttpFault ? error : streamingFault(error);
  }
  return { url, dial: () => dialUrl(app, url) };
}

/** The runtime's refusal as HTTP (cri-streaming WriteError). */
function streamingFault(error: unknown): HttpFault {
  const text = messageOf(error);
  switch (kindOf(error)) {
    case 'not-found':
      return new HttpFault(404, text);
    case 'resource-exhausted':
      return new HttpFault(429, text, { 'retry-after': String(RETRY_AFTER_S) });
    default:
      return new HttpFault(500, text);
  }
}

function streamUrl(app: HostApp, request: StreamRequest, signal: AbortSignal): Promise<string> {
  switch (request.kind) {
    case 'exec':
      return execUrl(app, request, signal);
    case 'attach':
      return attachUrl(app, request, signal);
    case 'portForward':
      return portForwardUrl(app, request, signal);
  }
}

async function execUrl(app: HostApp, { target, query }: StreamRequest, signal: AbortSignal): Promise<string> {
  const options = streamOptions(query);
  const container = findRunning(app, findPod(app, target), target);
  if (container === undefined) throw noContainer(target);
  const { url } = await app.host.cri.exec(
    { container_id: container.id, cmd: query.getAll('command'), ...options },
    { signal },
  );
  return url;
}

/** Whether there is a terminal was decided when the container was started, not by the query. */
async function attachUrl(
  app: HostApp,
  { target, query }: StreamRequest,
  signal: AbortSignal,
): Promise<string> {
  const options = streamOptions(query);
  const pod = findPod(app, target);
  const container = findRunning(app, pod, target);
  if (container === undefined) {
    const { name, namespace } = pod.metadata;
    throw new HttpFault(500, `container ${target.container ?? ''} not found in pod ${name}_${namespace}`);
  }
  const tty = findContainer(pod, container.name)?.spec.tty === true;
  const { url } = await app.host.cri.attach(
    { container_id: container.id, ...options, tty, stderr: options.stderr && !tty },
    { signal },
  );
  return url;
}

async function portForwardUrl(
  app: HostApp,
  { target, query, isWebSocket }: StreamRequest,
  signal: AbortSignal,
): Promise<string> {
  const port = isWebSocket ? forwardedPorts(query) : [];
  const pod = findPod(app, target);
  const { metadata } = pod;
  if (!isMeant(app, pod, target)) throw new HttpFault(404, 'pod not found');
  const sandbox = app.cache.get(metadata.uid)?.sandboxes.find(({ ready }) => ready);
  if (sandbox === undefined)
    throw new HttpFault(500, `pod not found ("${metadata.name}_${metadata.namespace}")`);
  return (await app.host.cri.portForward({ pod_sandbox_id: sandbox.id, port }, { signal })).url;
}

/** The URL's host is the runtime's own view: it is dialed from its host, unless the link knows better. */
async function dialUrl(app: HostApp, url: URL): Promise<Duplex> {
  const { link } = app.host;
  const signal = AbortSignal.timeout(DIAL_MS);
  if (link.dialStream !== undefined) return link.dialStream(url, { signal });
  const socket = await link.dial(urlTarget(url), { signal });
  if (url.protocol !== 'https:') return socket;
  // the stream's token in the URL is what authenticates; the runtime's certificate is its own
  return tlsConnect({ socket, rejectUnauthorized: false });
}
