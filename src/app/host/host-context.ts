/**
 * What everything of one host shares. Builders take it whole; the parts that they make take what they name.
 */
import type { Config, NodeConfig } from '../config/schema.ts';
import type { ClusterAccess } from '../cluster/cluster.ts';
import type { Host } from '../../hosts/host.ts';
import type { KubeConnection } from '../../kube/connect.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { Faults } from '../../model/faults.ts';
import { isUp, mayRun, runsNamesake } from '../../model/holds.ts';
import { labels } from '../../model/labels.ts';
import type { Pod } from '../../model/kube.ts';
import type { Log } from '../../model/log.ts';
import type { HostPaths } from '../../model/paths.ts';
import type { NodeView } from '../../node/node-view.ts';
import { workersObserver } from './observers.ts';
import type { PodStartup } from '../../pods/pod-startup.ts';
import { RuntimeCache } from '../../runtime/observed/runtime-cache.ts';
import type { LinuxHost, RuntimeSettings } from '../../runtime/spec/runtime-settings.ts';
import type { NodeSources } from '../cluster/node-sources.ts';
import { activePods } from '../../sync/active-pods.ts';
import { HOUSEKEEPING_MS } from '../../sync/housekeeping.ts';
import { PodTable } from '../../sync/pod-table.ts';
import { SyncQueue } from '../../sync/sync-queue.ts';
import { UnknownPods } from '../../sync/unknown-pods.ts';
import { PodWorkers } from '../../sync/workers/pod-workers.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { PodTraces } from '../../telemetry/pod-traces.ts';
import type { Tracing } from '../../telemetry/tracing.ts';
import type { Clock } from '../../util/clock.ts';
import type { FewAtOnce } from '../../util/few-at-once.ts';

/** What a host is put together from: the node's own things, and one of its hosts. */
export interface HostAppOptions {
  readonly config: Config;
  readonly node: NodeConfig;
  readonly kube: KubeConnection;
  readonly host: Host;
  readonly view: NodeView;
  readonly sources: NodeSources;
  readonly access: ClusterAccess;
  /** false: there is no API server */
  readonly hasCluster: boolean;
  readonly metrics: Metrics;
  readonly tracing: Tracing | undefined;
  readonly traces: PodTraces | undefined;
  readonly startup: PodStartup;
  readonly events: EventRecorder;
  readonly faults: Faults;
  /** Whether the node has yet to find out if the pod is this host's: until then it is nobody's orphan. */
  readonly isUnsettled: (uid: string) => boolean;
  readonly takingUp: FewAtOnce;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface HostContext extends HostAppOptions {
  /** labels of everything that this node has on the runtime */
  readonly owner: Readonly<Record<string, string>>;
  readonly paths: HostPaths;
  readonly settings: RuntimeSettings;
  readonly table: PodTable;
  readonly cache: RuntimeCache;
  readonly queue: SyncQueue;
  /** seen to by pods/pod-syncer.ts, once that is attached */
  readonly workers: PodWorkers;
  readonly unknown: UnknownPods;
  /** pods that hold resources of the host */
  readonly activePods: () => Pod[];
  /** The pod is to be looked at by the loop. */
  readonly onDue: (uid: string) => void;
  /** @throws Error before the host has been looked at */
  readonly linuxHost: () => LinuxHost;
}

export function hostContext(options: HostAppOptions): HostContext {
  const { config, node, host, view, sources, access, metrics, faults, isUnsettled, takingUp } = options;
  const { clock, signal } = options;
  const log = node.hosts.length === 1 ? options.log : options.log.child({ host: host.name });
  const { status } = access;
  const cache = new RuntimeCache({ clock });
  const table = new PodTable();
  const queue = new SyncQueue();
  const onDue = queue.due.bind(queue);
  const workers = new PodWorkers({
    untilRound: (ms) => host.beat.from(ms, HOUSEKEEPING_MS),
    clock,
    log,
    faults,
    signal,
    runtimeHolds: (uid) => mayRun(cache.get(uid)),
    takingUp,
    isUp: (pod) => isUp(pod, cache.get(pod.metadata.uid)),
    runtimeHoldsNamesake: (pod) =>
      runsNamesake(cache.states(), pod.metadata, (uid) => table.get(uid) !== undefined),
    ...workersObserver(metrics, clock),
    onForgotten: status.forget.bind(status),
    onDue,
  });
  const paths = {
    rootDir: node.rootDir,
    podLogsDir: config.podLogsDir,
    containerLogsDir: config.podLogsDir.replace(/[^/]+\/?$/, 'containers'),
  };
  return {
    ...options,
    log,
    owner: { [labels.node]: node.name },
    paths,
    settings: runtimeSettings(options, paths),
    table,
    cache,
    queue,
    workers,
    unknown: new UnknownPods({
      table,
      workers,
      haveAllSources: sources.haveAll.bind(sources),
      isUnsettled,
      reasonOf: (uid) => status.current(uid)?.reason,
    }),
    activePods: () => activePods({ table, workers }),
    onDue,
    linuxHost: () => linuxHost(view),
  };
}

function runtimeSettings({ config, node, sources }: HostAppOptions, paths: HostPaths): RuntimeSettings {
  return {
    node: node.name,
    get cluster() {
      return sources.clusterId ?? '';
    },
    staticOwner: sources.staticOwner,
    paths,
    clusterDNS: config.clusterDNS,
    clusterDomain: config.clusterDomain,
    kubernetesService: serviceAddress(config.kubernetesServiceAddress),
    seccompDefault: config.seccompDefault,
    cpuCFSQuota: config.cpuCFSQuota,
    cpuCFSQuotaPeriod: config.cpuCFSQuotaPeriod * 1000,
  };
}

function linuxHost(node: NodeView): LinuxHost {
  const facts = node.facts();
  if (facts === undefined) throw new Error('the host has not been observed yet');
  const { memoryBytes, cgroupVersion, swapController, selinux, thermalThrottleCpus } = facts;
  return {
    memoryCapacityBytes: memoryBytes,
    hugePageSizes: node.info().hugePageSizes,
    cgroupVersion,
    swapController,
    selinux,
    thermalThrottleCpus,
  };
}

function serviceAddress(url: string | undefined): { host: string; port: number } | undefined {
  if (url === undefined) return undefined;
  const { hostname, port } = new URL(url);
  return { host: hostname, port: port === '' ? 443 : Number(port) };
}
