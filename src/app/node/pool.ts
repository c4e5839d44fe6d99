/**
 * How a node's pods get to their host, and what becomes of them when that is lost or drained. Composition
 * only.
 */
import type { HostApp } from '../host/host.ts';
import { rejectWith } from '../host/rejection.ts';
import type { NodeContext } from './node-context.ts';
import type { KubeConnection } from '../../kube/connect.ts';
import { evict } from '../../kube/evict.ts';
import { paths } from '../../kube/paths.ts';
import { FarletError } from '../../model/errors.ts';
import type { Pod } from '../../model/kube.ts';
import { podFields, podReference } from '../../model/pod-ref.ts';
import type { NodeHost } from '../../node/node-host.ts';
import type { VirtualNode } from '../../node/virtual-node.ts';
import { drainedHosts, hostKey } from '../../model/host-labels.ts';
import { HostKeeper } from '../../sync/pool/host-keeper.ts';
import type { HostCandidate } from '../../sync/pool/placement.ts';
import { PodRouter, type PodRouterOptions, type PoolHost } from '../../sync/pool/pod-router.ts';

export interface PoolParts {
  readonly hosts: readonly NodeHost[];
  readonly virtualNode: VirtualNode;
}

export interface NodePool {
  readonly router: PodRouter;
  /** Those who run the pods of the hosts, in their order. */
  attach(apps: readonly HostApp[]): void;
  isDraining(host: string): boolean;
  run(signal: AbortSignal): Promise<void>;
}

interface Pool extends PoolParts {
  readonly isDraining: (host: string) => boolean;
  readonly handlerOf: (pod: Pod) => string;
}

const TICK_MS = 2_000;

export function buildPool(context: NodeContext, parts: PoolParts): NodePool {
  const { beat, clock } = context;
  const { hosts, virtualNode } = parts;
  const pool: Pool = {
    ...parts,
    isDraining: (name) =>
      hosts.some((host) => host.name === name && host.drain) ||
      drainedHosts(virtualNode.node()?.metadata.annotations).has(name),
    handlerOf: handlersOf(context),
  };
  const router = buildRouter(context, pool);
  const keeper = buildKeeper(context, pool, router);
  for (const { host } of hosts)
    host.onChange(({ at }) => {
      if (at === 'ready') router.retry();
    });
  return {
    router,
    isDraining: pool.isDraining,
    attach: (apps) => {
      attach(apps, pool, router);
    },
    run: async (life) => {
      if (hosts.length === 1) return;
      for (;;) {
        await clock.sleep(beat.until(TICK_MS), { signal: life });
        router.retry();
        keeper.tick();
      }
    },
  };
}

function handlersOf({ access: { runtimeClasses } }: NodeContext): (pod: Pod) => string {
  return ({ spec: { runtimeClassName } }) =>
    runtimeClassName === undefined ? '' : (runtimeClasses.get(runtimeClassName)?.handler ?? '');
}

function buildRouter(context: NodeContext, { handlerOf, virtualNode }: Pool): PodRouter {
  const { kube, access, events, clock, log, signal } = context;
  return new PodRouter({
    handlerOf,
    ...placements(kube),
    refreshNode: (options) => virtualNode.refresh(options),
    onRefused: rejectWith(context),
    onWaiting: (pod, why) => {
      events.event(podReference(pod), 'HostNotReady', `the pod can not be placed yet: ${why}`);
    },
    onStranded: (pod, host) => {
      const message = `host ${host} is not one of the node any more: the pod can be neither run nor stopped`;
      events.event(podReference(pod), 'HostUnknown', message);
      log.warn({ ...podFields(pod.metadata), host }, message);
    },
    onForgotten: ({ metadata }) => {
      access.status.forget(metadata.uid);
    },
    clock,
    log,
    signal,
  });
}

/** Where a pod was placed, as its annotation has it. */
function placements(kube: KubeConnection): Pick<PodRouterOptions, 'store' | 'read'> {
  return {
    store: async ({ metadata: { namespace, name, uid, resourceVersion } }, host, options) => {
      const metadata = { uid, resourceVersion, annotations: { [hostKey]: host } };
      // nodes may write there (NodeRestriction), and annotations are kept
      await kube.patch(paths.podStatus(namespace, name), 'merge', { metadata }, options);
    },
    read: async ({ metadata: { namespace, name, uid } }, options) => {
      const pod = await kube.get<Pod>(paths.pod(namespace, name), options);
      if (pod.metadata.uid !== uid) throw new FarletError('not-found', `pod ${namespace}/${name} is another`);
      return pod;
    },
  };
}

function buildKeeper(
  { config, kube, access, events, clock, log, signal }: NodeContext,
  { hosts, isDraining }: Pool,
  router: PodRouter,
): HostKeeper {
  return new HostKeeper({
    timeoutMs: config.podEvictionTimeout,
    hosts: hosts.map((host) => ({
      name: host.name,
      state: () => host.host.state(),
      isDraining: () => isDraining(host.name),
      pods: () => router.podsOf(host.name),
    })),
    status: access.status,
    events,
    remove: async (pod, options) => {
      const { namespace, name, uid } = pod.metadata;
      await kube.delete(paths.pod(namespace, name), { preconditions: { uid } }, options);
    },
    evict: (pod, options) => evict(kube, pod, options),
    clock,
    log,
    signal,
  });
}

function attach(apps: readonly HostApp[], pool: Pool, router: PodRouter): void {
  const looked = new Set<HostApp>();
  router.attach(
    pool.hosts.flatMap((host, index) => {
      const app = apps[index];
      return app === undefined ? [] : [poolHost(pool, { host, app, looked })];
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
}

interface Attached {
  readonly host: NodeHost;
  readonly app: HostApp;
  /** whose runtimes have been listed */
  readonly looked: ReadonlySet<HostApp>;
}

function poolHost(
  { hosts, virtualNode, isDraining, handlerOf }: Pool,
  { host, app, looked }: Attached,
): PoolHost {
  return {
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
  };
}

/** Why no pod can be started on the host now. */
function silence(host: NodeHost, all: readonly NodeHost[]): string | undefined {
  const [problem] = host.problems();
  if (problem !== undefined) return problem;
  const own = host.facts()?.architecture;
  if (own === undefined) return 'it has not been observed yet';
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
