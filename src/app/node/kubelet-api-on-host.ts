/** The kubelet API at the host's own address (`kubeletAPI: host`). Composition only. */
import type { NodeConfig } from '../config/schema.ts';
import { listeningLink, PublishedPort } from '../../hosts/published-port.ts';
import type { Log } from '../../model/log.ts';
import { nodeReference } from '../../model/pod-ref.ts';
import type { NodeApp } from './node.ts';
import type { Clock } from '../../util/clock.ts';
import { supervise } from '../../util/supervise.ts';

/** A kubelet's, which agents on a host know by heart. */
export const KUBELET_PORT = 10_250;

/** Where the Node says that its kubelet API is; `ips` undefined: at the addresses of its host. */
export function kubeletApiAt(
  { kubeletAPI, hosts, port }: NodeConfig,
  nodeIPs: readonly string[],
): { readonly ips: readonly string[] | undefined; readonly port: number } {
  if (kubeletAPI === 'farlet') return { ips: nodeIPs, port };
  // farlet itself listens on this machine
  const isHere = hosts.every(({ endpoint }) => endpoint.startsWith('unix:'));
  return { ips: undefined, port: isHere ? port : KUBELET_PORT };
}

export interface OnHostOptions {
  readonly app: NodeApp;
  readonly node: NodeConfig;
  /** where farlet's own listener is */
  readonly to: { readonly host: string; readonly port: number };
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Leads the host's port to farlet until the signal aborts, where the node is to be found there. */
export function publishOnHost({ app, node, to, clock, log, signal }: OnHostOptions): void {
  const [first] = app.hosts;
  if (node.kubeletAPI === 'farlet' || first === undefined) return;
  const link = listeningLink(first.host.link);
  if (link === undefined) return;
  const { name } = link;
  let isReported = false;
  const port = new PublishedPort({
    link,
    port: KUBELET_PORT,
    to,
    addresses: app.addresses.bind(app),
    onChange: (problem) => {
      app.metrics.farlet_kubelet_api_on_host.set({ host: name }, problem === undefined ? 1 : 0);
      if (problem === undefined) log.info({ host: name }, "the host's port leads to the kubelet API");
      else log.warn({ host: name, reason: problem.text }, "the host's port does not lead to the kubelet API");
      const reason = problem === undefined ? 'KubeletAPIOnHost' : 'KubeletAPINotOnHost';
      if (problem !== undefined || isReported)
        app.events.event(
          nodeReference(node.name),
          reason,
          problem?.text ?? `port ${String(KUBELET_PORT)} of ${name}`,
        );
      isReported = problem !== undefined;
    },
    clock,
  });
  supervise('kubelet-api', (life) => port.run(life), { faults: app.faults, clock, signal }).catch(
    () => undefined,
  );
}
