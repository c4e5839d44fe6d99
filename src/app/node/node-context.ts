/**
 * What everything of one node shares. Builders take it whole; the parts that they make take what they name.
 */
import { buildClusterAccess, type ClusterAccess } from '../cluster/cluster.ts';
import { NodeSources } from '../cluster/node-sources.ts';
import type { SharedCluster } from '../cluster/shared-cluster.ts';
import type { Config, NodeConfig } from '../config/schema.ts';
import { startupObserver } from '../host/observers.ts';
import { NodeSettings } from './node-settings.ts';
import { buildReporting, type Reporting } from './reporting.ts';
import type { KubeConnection } from '../../kube/connect.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { Faults } from '../../model/faults.ts';
import type { Log } from '../../model/log.ts';
import type { NodeClaim } from '../../node/node-claim.ts';
import { kubeletVersion } from '../../node/node-object.ts';
import { PodStartup } from '../../pods/pod-startup.ts';
import { createMetrics, type Metrics } from '../../telemetry/metrics.ts';
import { PodTraces } from '../../telemetry/pod-traces.ts';
import type { Tracing } from '../../telemetry/tracing.ts';
import type { Beat } from '../../util/beat.ts';
import type { Clock } from '../../util/clock.ts';
import type { FewAtOnce } from '../../util/few-at-once.ts';
import { fenced } from '../../util/fence.ts';
import type { FollowedFiles } from '../../util/followed-files.ts';

/** What a node is put together from: what the process has, and its part of the configuration. */
export interface NodeAppOptions {
  readonly config: Config;
  readonly node: NodeConfig;
  readonly nodeIPs: readonly string[];
  /** of the machine that farlet's pod is on, if it is in one */
  readonly hostIP: string | undefined;
  /**
   * UID of the cluster's kube-system namespace, as soon as the API server has told; undefined: there is none
   */
  readonly cluster: Promise<string> | undefined;
  readonly kube: KubeConnection;
  /** what the process has one of */
  readonly common: SharedCluster;
  readonly followed: FollowedFiles;
  /** nothing is written or done on a host but through its fences */
  readonly claim: NodeClaim;
  /** Its Node was deleted as was asked for: nothing is left to be done for it. */
  readonly onLeft: () => void;
  readonly tracing: Tracing | undefined;
  readonly beat: Beat;
  readonly takingUp: FewAtOnce;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface NodeContext extends NodeAppOptions {
  /** what of `node` may change */
  readonly settings: NodeSettings;
  /** undefined: there is no API server */
  readonly client: KubeConnection | undefined;
  readonly hasCluster: boolean;
  readonly metrics: Metrics;
  readonly reporting: Reporting;
  readonly events: EventRecorder;
  readonly faults: Faults;
  readonly startup: PodStartup;
  /** undefined: none are made */
  readonly traces: PodTraces | undefined;
  readonly sources: NodeSources;
  readonly access: ClusterAccess;
  /** several hosts */
  readonly isPool: boolean;
}

export function nodeContext(options: NodeAppOptions): NodeContext {
  const { node, cluster, claim, common, tracing, clock } = options;
  const kube = fenced(options.kube, claim.api, { only: ['create', 'replace', 'patch', 'delete'] });
  const log = options.log.child({ node: node.name });
  const metrics = createMetrics({ node: node.name, kubeletVersion });
  const client = cluster === undefined ? undefined : kube;
  const reporting = buildReporting({ client, node: node.name, metrics, clock, log });
  const { events, faults } = reporting;
  const startup = new PodStartup({ now: clock.now.bind(clock), onStarted: startupObserver(metrics) });
  const traces = tracing === undefined ? undefined : new PodTraces({ tracing, node: node.name, clock });
  return {
    ...options,
    settings: new NodeSettings(node),
    kube,
    log,
    client,
    hasCluster: cluster !== undefined,
    metrics,
    reporting,
    events,
    faults,
    startup,
    traces,
    sources: new NodeSources({ ...options, client: kube, log, faults }),
    access: buildClusterAccess({ kube, common, metrics, startup, traces, clock, log }),
    isPool: node.hosts.length > 1,
  };
}
