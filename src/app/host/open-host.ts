/** The way to a host and its runtime, through the fences of its node. Composition only. */
import type { Config, HostConfig, NodeConfig } from '../config/schema.ts';
import { connectCri } from '../../hosts/cri/connect.ts';
import { Host } from '../../hosts/host.ts';
import { fencedLink } from '../../hosts/link/fenced-link.ts';
import { openLink } from '../../hosts/open-link.ts';
import type { Log } from '../../model/log.ts';
import type { NodeClaim } from '../../node/node-claim.ts';
import { criObserver, requestObserver } from './observers.ts';
import { criTrace } from './traced.ts';
import { staticOwner } from '../../sync/sources/static-owner.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Tracing } from '../../telemetry/tracing.ts';
import type { Beat } from '../../util/beat.ts';
import type { Clock } from '../../util/clock.ts';
import type { FollowedFiles } from '../../util/followed-files.ts';
import { fenced } from '../../util/fence.ts';

export interface OpenHostOptions {
  readonly config: Config;
  readonly node: NodeConfig;
  readonly claim: NodeClaim;
  readonly followed: FollowedFiles;
  readonly metrics: Metrics;
  readonly tracing: Tracing | undefined;
  readonly beat: Beat;
  readonly clock: Clock;
  readonly log: Log;
}

export function openHost(
  address: HostConfig,
  { metrics, tracing, config, node, claim, followed, beat, clock, log }: OpenHostOptions,
): Host {
  const open = openLink(address, {
    followed,
    clock,
    log,
    // the cluster may not be known yet
    owner: { node: node.name, cluster: staticOwner(node) },
    cgroupDriver: config.cgroupDriver,
    onRequest: requestObserver(metrics, address.name),
  });
  const link = fencedLink(open, claim.host);
  const connected = connectCri({
    endpoint: link.cri(),
    host: link.name,
    onCall: criObserver(metrics, link.name),
    onBegin: criTrace(tracing, link.name),
  });
  const cri = fenced(connected, claim.host, { streams: ['getContainerEvents'], free: ['close'] });
  const host = new Host({
    link,
    cri,
    beat,
    clock,
    log,
    sandboxedHandlers: config.sandboxedRuntimeHandlers,
  });
  host.onChange(({ at }) => {
    metrics.farlet_host_up.set({ host: host.name }, at === 'ready' ? 1 : 0);
  });
  return host;
}
