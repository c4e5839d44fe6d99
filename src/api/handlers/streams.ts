/** exec, attach, port-forward: the runtime's streaming URL, and a connection to it from its host. */
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import { urlTarget } from '../../hosts/link/url-target.ts';
import { findContainer } from '../../model/containers.ts';
import { kindOf, messageOf } from '../../model/errors.ts';
import type { Pod } from '../../model/kube.ts';
import type { ObservedSandbox } from '../../model/runtime-state.ts';
import { dialError, hostPort } from '../../hosts/link/net-errors.ts';
import { HttpFault } from '../http/http-fault.ts';
import type { ForwardTarget, Stream, StreamOptions, StreamRequest, Target } from '../http/stream-request.ts';
import { forwardedPorts, noStreams, streamOptions } from '../http/stream-options.ts';
import { findPod, findRunning, isMeant, noContainer } from './find.ts';
import { limitSignal } from '../../util/abort.ts';
import type { PodHost } from './pod-host.ts';

const DIAL_MS = 30_000;
/** How long the runtime keeps an unused stream's token: a slot is free again by then. */
const RETRY_AFTER_S = 60;

export async function openStream(
  pods: PodHost,
  request: StreamRequest,
  signal: AbortSignal,
): Promise<Stream> {
  const target = request.kind === 'portForward' ? ownKernelTarget(pods, request) : undefined;
  if (target !== undefined) return { by: 'farlet', target };
  try {
    const { url: text, options } = await runtimeStream(pods, request, signal);
    const url = new URL(text);
    return { by: 'runtime', url, options, dial: (options) => dialUrl(pods, url, options) };
  } catch (error) {
    throw error instanceof HttpFault ? error : streamingFault(error);
  }
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

interface RuntimeStream {
  readonly url: string;
  readonly options: StreamOptions;
}

function runtimeStream(pods: PodHost, request: StreamRequest, signal: AbortSignal): Promise<RuntimeStream> {
  switch (request.kind) {
    case 'exec':
      return execStream(pods, request, signal);
    case 'attach':
      return attachStream(pods, request, signal);
    case 'portForward':
      return portForwardStream(pods, request, signal);
  }
}

async function execStream(
  pods: PodHost,
  { target, query, command }: StreamRequest,
  signal: AbortSignal,
): Promise<RuntimeStream> {
  const options = streamOptions(query);
  const container = findRunning(pods, findPod(pods, target), target);
  if (container === undefined) throw noContainer(target);
  const { url } = await pods.host.cri.exec(
    { container_id: container.id, cmd: [...command], ...options },
    { signal },
  );
  return { url, options };
}

/** Whether there is a terminal was decided when the container was started, not by the query. */
async function attachStream(
  pods: PodHost,
  { target, query }: StreamRequest,
  signal: AbortSignal,
): Promise<RuntimeStream> {
  const asked = streamOptions(query);
  const pod = findPod(pods, target);
  const container = findRunning(pods, pod, target);
  if (container === undefined) {
    const { name, namespace } = pod.metadata;
    throw new HttpFault(500, `container ${target.container ?? ''} not found in pod ${name}_${namespace}`);
  }
  const tty = findContainer(pod, container.name)?.spec.tty === true;
  const options = { ...asked, tty, stderr: asked.stderr && !tty };
  const { url } = await pods.host.cri.attach({ container_id: container.id, ...options }, { signal });
  return { url, options };
}

async function portForwardStream(
  pods: PodHost,
  { target, query, isWebSocket }: StreamRequest,
  signal: AbortSignal,
): Promise<RuntimeStream> {
  const port = isWebSocket ? forwardedPorts(query) : [];
  const { sandbox } = runningPod(pods, target);
  const { url } = await pods.host.cri.portForward({ pod_sandbox_id: sandbox.id, port }, { signal });
  return { url, options: noStreams };
}

function runningPod(pods: PodHost, target: Target): { pod: Pod; sandbox: ObservedSandbox; ip: string } {
  const pod = findPod(pods, target);
  const { metadata } = pod;
  if (!isMeant(pods, pod, target)) throw new HttpFault(404, 'pod not found');
  const state = pods.cache.get(metadata.uid);
  const sandbox = state?.sandboxes.find(({ ready }) => ready);
  if (sandbox === undefined)
    throw new HttpFault(500, `pod not found ("${metadata.name}_${metadata.namespace}")`);
  return { pod, sandbox, ip: state?.ips[0] ?? '' };
}

/**
 * Of a pod with a kernel of its own. The runtime dials the loopback of the network namespace that it made for
 * the pod, where nothing of the pod listens (kata-containers#10843); the pod's address leads into it.
 */
function ownKernelTarget(
  pods: PodHost,
  { target, query, isWebSocket }: StreamRequest,
): ForwardTarget | undefined {
  // what is wrong with the request is told before what is wrong with the pod
  if (isWebSocket) forwardedPorts(query);
  const { pod, sandbox, ip } = runningPod(pods, target);
  const { runtimeHandler } = sandbox;
  const handler = pods.host.runtime()?.handlers.find(({ name }) => name === runtimeHandler);
  if (handler?.ownKernel !== true) return undefined;
  const { name } = pod.metadata;
  return {
    pod: name,
    open: async (port, { signal }) => {
      const limit = limitSignal(DIAL_MS, signal);
      try {
        return await pods.host.link.dial({ host: ip, port }, { signal: limit });
      } catch (error) {
        const why = dialError(hostPort(ip, port), error);
        throw new Error(
          `${why}; with runtime handler ${runtimeHandler} only what listens on the pod's address can be reached, not what listens on its loopback`,
          { cause: error },
        );
      }
    },
  };
}

/** The URL's host is the runtime's own view: it is dialed from its host, unless the link knows better. */
async function dialUrl(pods: PodHost, url: URL, { signal }: { signal: AbortSignal }): Promise<Duplex> {
  const { link } = pods.host;
  const limit = limitSignal(DIAL_MS, signal);
  try {
    if (link.dialStream !== undefined) return await link.dialStream(url, { signal: limit });
    const socket = await link.dial(urlTarget(url), { signal: limit });
    if (url.protocol !== 'https:') return socket;
    // the stream's token in the URL is what authenticates; the runtime's certificate is its own
    const secure = tlsConnect({ socket, rejectUnauthorized: false });
    // one layer's end is the other's, or a client that goes amid the handshake leaves a connection behind
    secure.once('close', () => socket.destroy());
    return secure;
  } catch (error) {
    signal.throwIfAborted();
    const { host, port } = urlTarget(url);
    // with a line end, as Go's http.Error
    throw new HttpFault(500, `${dialError(hostPort(host, port), error)}\n`);
  }
}
