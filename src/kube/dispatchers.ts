/** The connections to the API server, by what goes over them: none waits behind another's. */
import { createSecureContext, type ConnectionOptions, type SecureContext } from 'node:tls';
import type { KubeConfig } from '@kubernetes/client-node';
import { Agent, buildConnector, ProxyAgent, type Dispatcher } from 'undici';
import { FarletError } from '../model/errors.ts';
import { answerForm } from './answer-form.ts';

/**
 * Watches share HTTP/2 connections: one TLS connection each would be hundreds. Calls use a few HTTP/1.1
 * connections: a call that is given up closes its connection, where Node's HTTP/2 never recovers from a
 * stream that is destroyed while its body is on the way.
 */
const kinds = {
  /**
   * Heartbeats of nodes. Few connections are open while answers come at once. On a machine so busy that
   * answers wait to be read, a hundred nodes on few connections would queue for longer than a call may take,
   * and each call that is given up costs a handshake.
   */
  leases: { connections: 64, allowH2: false },
  /** what strangers can cause: who they are, what they may do */
  reviews: { connections: 8, allowH2: false },
  /** what begins a watch */
  lists: { connections: 4, allowH2: false },
  calls: { connections: 8, allowH2: false },
  /** of pods and nodes; the API server takes 100 streams on a connection */
  nodeWatches: { connections: 16, allowH2: true },
  /** of everything else */
  watches: { connections: 64, allowH2: true },
} as const;

export type ConnectionKind = keyof typeof kinds;
export type Dispatchers = Readonly<Record<ConnectionKind, Dispatcher>>;

const names = Object.keys(kinds) as ConnectionKind[];
/**
 * A connection that answers no ping until the next one is due is given up (undici: client-h2
 * onHttp2SendPing), so that a silent cut is detected after 15 to 30 s. client-go: a ping after 30 s of
 * silence, 15 s to answer.
 */
const PING_MS = 15_000;
const CONNECT_MS = 10_000;

export function openDispatchers(config: KubeConfig, tls: object): Dispatchers {
  const open = opener(config, tls);
  const all = Object.fromEntries(
    names.map((name) => {
      const shared = { keepAliveTimeout: 60_000, h2Options: { pingInterval: PING_MS } };
      return [name, () => open({ ...shared, ...kinds[name] })];
    }),
  ) as Record<ConnectionKind, () => Dispatcher>;
  return renewedWhenSilent(all);
}

/**
 * A connection of a watch that answers no ping was cut without a word, and those that calls have kept were
 * as well, most likely: the next calls would wait on them for as long as a call may take. They get new ones.
 */
function renewedWhenSilent(open: Readonly<Record<ConnectionKind, () => Dispatcher>>): Dispatchers {
  const current = Object.fromEntries(names.map((name) => [name, open[name]()])) as Record<
    ConnectionKind,
    Dispatcher
  >;
  const renew = (): void => {
    for (const name of names.filter((each) => !kinds[each].allowH2)) {
      // what is under way may end
      current[name].close().catch(() => undefined);
      current[name] = open[name]();
    }
  };
  for (const name of names.filter((each) => kinds[each].allowH2))
    current[name].on('disconnect', (_origin, _targets, error) => {
      // undici: client-h2 resetUnresponsiveHttp2Session
      if (error.message.includes('unresponsive')) renew();
    });
  return current;
}

function opener(config: KubeConfig, tls: object): (options: Agent.Options) => Dispatcher {
  const wanted = config.createDispatcherOptions(config.getCurrentCluster(), tls);
  switch (wanted.type) {
    case 'agent': {
      const connectorFor = connectors(wanted.connect);
      return (options) => new Agent({ ...options, connect: connectorFor(options) });
    }
    case 'none':
      return (options) => new Agent(options);
    case 'proxy': {
      const requestTls = wanted.requestTls as buildConnector.BuildOptions;
      return (options) => new ProxyAgent({ ...options, uri: wanted.uri, requestTls });
    }
    case 'socks':
      throw new FarletError(
        'unimplemented',
        `the kubeconfig's proxy ${wanted.uri} is a SOCKS proxy, which farlet can't use; use an HTTP proxy`,
      );
  }
}

/** All connections share what is the same for them: certificates are made out once, by the first of them. */
function connectors(tls: ConnectionOptions): (options: Agent.Options) => buildConnector.connector {
  let shared: SecureContext | undefined;
  return ({ allowH2 = false }) => {
    let connect: ((...wanted: Parameters<buildConnector.connector>) => unknown) | undefined;
    return (...wanted) => {
      connect ??= buildConnector({
        // the client types its TLS options as Node's; undici's connector takes the same ones
        ...(tls as buildConnector.BuildOptions),
        secureContext: (shared ??= createSecureContext(tls)),
        allowH2,
        timeout: CONNECT_MS,
      });
      // the socket, though no type says so: undici ends it when the call that it is for is given up
      return connect(...wanted);
    };
  };
}

/** Takes no more; what is under way may end. */
export function retire(dispatchers: Dispatchers): void {
  for (const name of names) dispatchers[name].close().catch(() => undefined);
}

export async function destroy(dispatchers: Dispatchers): Promise<void> {
  await Promise.all(names.map((name) => dispatchers[name].destroy()));
}

/** Which kind a call or a watch takes, and how long a call may take. Pure. */
export function connectionFor(method: string, path: string): { kind: ConnectionKind; timeoutMs: number } {
  // as the kubelet's own client for leases (cmd/kubelet/app/server.go): one that hangs must not outlast the
  // lease
  if (path.startsWith('/apis/coordination.k8s.io/')) return { kind: 'leases', timeoutMs: 10_000 };
  if (/^\/apis\/(authentication|authorization)\.k8s\.io\//.test(path))
    return { kind: 'reviews', timeoutMs: 10_000 };
  const isWholeList = answerForm(method, path).is === 'list' && !path.includes('/namespaces/');
  return { kind: isWholeList ? 'lists' : 'calls', timeoutMs: 30_000 };
}

export function watchConnection(path: string): ConnectionKind {
  return path === '/api/v1/pods' || path === '/api/v1/nodes' ? 'nodeWatches' : 'watches';
}
