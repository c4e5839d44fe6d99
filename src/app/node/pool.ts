/**
 * How a node's pods get to their host, and what becomes of them when that is lost or drained. Composition
 * only.
 */
import type { ClusterAccess } from '../cluster/cluster.ts';
import type { Config, NodeConfig } from '../config/schema.ts';
import type { HostApp } from '../host/host.ts';
import { rejectWith } from '../host/rejection.ts';
import type { KubeConnection } from '../../kube/connect.ts';
import { paths } from '../../kube/paths.ts';
import { FarletError } from '../../model/errors.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { Pod } from '../../model/kube.ts';
import type { Log } from '../../model/log.ts';
import { podFields, podReference } from '../../model/pod-ref.ts';
import type { NodeHost } from '../../node/node-host.ts';
import type { VirtualNode } from '../../node/virtual-node.ts';
import { drainedHosts, hostKey } from '../../model/host-labels.ts';
import { HostKeeper } from '../../sync/pool/host-keeper.ts';
import type { HostCandidate } from '../../sync/pool/placement.ts';
import { PodRouter, type PoolHost } from '../../sync/pool/pod-router.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Clock } from '../../util/clock.ts';

export interface NodePoolOptions {
  readonly config: Config;
  readonly node: NodeConfig;
  readonly kube: KubeConnection;
  readonly hosts: readonly NodeHost[];
  readonly virtualNode: VirtualNode;
  readonly access: ClusterAccess;
  readonly events: EventRecorder;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface NodePool {
  readonly router: PodRouter;
  /** Those who run the pods of the hosts, in their order. */
  attach(apps: readonly HostApp[]): void;
  isDraining(host: string): boolean;
  run(signal: AbortSignal): Promise<void>;
}

const TICK_MS = 2_000;

export function buildPool(options: NodePoolOptions): NodePool {
  const { config, kube, hosts, virtualNode, access, events, clock, log, signal } = options;
  const { status, runtimeClasses } = access;
  const isDraining = (name: string): boolean =>
    hosts.some((host) => host.name === name && host.drain) ||
    drainedHosts(virtualNode.node()?.metadata.annotations).has(name);
  const handlerOf = ({ spec }: Pod): string =>
    spec.runtimeClassName === undefined ? '' : (runtimeClasses.get(spec.runtimeClassName)?.handler ?? '');

  const looked = new Set<HostApp>();

  const poolHost = (host: NodeHost, app: HostApp): PoolHost => ({
    name: host.name,
    silent: () => silence(host, hosts),
    holds: (uid) => (looked.has(app) ? app.cache.get(uid) !== undefined : undefined),
    candidate: (pod, pods) => ({
      draining: isDraining(host.name),
      hasHandler: hasHandler(host, handlerOf(pod)),
      // what is not known of a host is no reason against it: the pod waits for it
      ...(host.facts() === undefined ? { refusal: undefined, preempts: false } : verdict(app, pod, pods)),
      allocatable: virtualNode.view(host).info().allocatable,
      images: new Set(host.images().flatMap(({ names }) => names ?? [])),
    }),
    deliver: app.deliver.bind(app),
  });
  const router = new PodRouter({
    handlerOf,
    store: async ({ metadata: { namespace, name, uid, resourceVersion } }, host, options) => {
      // nodes may write there (NodeRestriction), and annotations are kept
      await kube.patch(
        paths.podStatus(namespace, name),
        'merge',
        { metadata: { uid, resourceVersion, annotations: { [hostKey]: host } } },
        options,
      );
    },
    read: async ({ metadata: { namespace, name, uid } }, options) => {
      const pod = await kube.get<Pod>(paths.pod(namespace, name), options);
      if (pod.metadata.uid !== uid) throw new FarletError('not-found', `pod ${namespace}/${name} is another`);
      return pod;
    },
    refreshNode: (options) => virtualNode.refresh(options),
    onRefused: rejectWith(options),
    onWaiting: (pod, why) => {
      events.event(podReference(pod), 'HostNotReady', `the pod can not be placed yet: ${why}`);
    },
    onStranded: (pod, host) => {
      const message = `host ${host} is not one of the node any more: the pod can be neither run nor stopped`;
      events.event(podReference(pod), 'HostUnknown', message);
      log.warn({ ...podFields(pod.metadata), host }, message);
    },
    onForgotten: ({ metadata }) => {
      status.forget(metadata.uid);
    },
    clock,
    log,
    signal,
  });
  const keeper = new HostKeeper({
    timeoutMs: config.podEvictionTimeout,
    hosts: hosts.map((host) => ({
      name: host.name,
      state: () => host.host.state(),
      isDraining: () => isDraining(host.name),
      pods: () => router.podsOf(host.name),
    })),
    status,
    events,
    remove: async (pod, options) => {
      const { namespace, name, uid } = pod.metadata;
      await kube.delete(paths.pod(namespace, name), { preconditions: { uid } }, options);
    },
    evict: async (pod, options) => {
      const { namespace, name, uid } = pod.metadata;
      const deleteOptions = { preconditions: { uid } };
      const eviction = {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { namespace, name },
        deleteOptions,
      };
      await kube.create(paths.podEviction(namespace, name), eviction, options);
    },
    clock,
    log,
    signal,
  });
  for (const { host } of hosts)
    host.onChange(({ at }) => {
      if (at === 'ready') router.retry();
    });

  const tick = async (life: AbortSignal): Promise<void> => {
    for (;;) {
      await clock.sleep(TICK_MS, { signal: life });
      router.retry();
      keeper.tick();
    }
  };

  return {
    router,
    isDraining,
    attach: (apps) => {
      router.attach(
        hosts.flatMap((host, index) => {
          const app = apps[index];
          return app === undefined ? [] : [poolHost(host, app)];
        }),
      );
      for (const app of apps)
        app.clusterRelisted.then(
          () => {
            looked.add(app);
            router.retry();
          },
          () => undefined,
        );
    },
    run: async (life) => {
      if (hosts.length === 1) return;
      await tick(life);
    },
  };
}

/** Why no pod can be started on the host now. */
function silence(host: NodeHost, all: readonly NodeHost[]): string | undefined {
  const [problem] = host.problems();
  if (problem !== undefined) return problem;
  const own = host.facts()?.architecture;
  if (own === undefined) return 'it has not been looked at yet';
  const first = all.map((each) => each.facts()?.architecture).find((each) => each !== undefined);
  return own === first
    ? undefined
    : `its architecture is ${own}, the node's ${first ?? ''}: give it a node of its own`;
}

/** A runtime that does not tell its handlers (containerd before 2.0) is believed to have them. */
function hasHandler({ host }: NodeHost, handler: string): boolean {
  const handlers = host.runtime()?.handlers ?? [];
  return handler === '' || handlers.length === 0 || handlers.some(({ name }) => name === handler);
}

function verdict(app: HostApp, pod: Pod, pods: readonly Pod[]): Pick<HostCandidate, 'refusal' | 'preempts'> {
  const judged = app.verdictOn(pod, pods);
  if (judged.kind === 'admitted') return { refusal: undefined, preempts: false };
  if (judged.kind === 'refused') return { refusal: judged, preempts: false };
  return judged.waitsFor === 'victims'
    ? { refusal: undefined, preempts: true }
    : { refusal: judged.otherwise, preempts: false };
}
