/**
 * What the nodes of a process have in common of their cluster: watched once, asked for once. Composition
 * only.
 */
import type { Config } from '../config/schema.ts';
import { AccessReviews } from '../../kube/access-reviews.ts';
import { Collection } from '../../kube/collection.ts';
import type { KubeConnection } from '../../kube/connect.ts';
import { ObjectWatches } from '../../kube/object-watches.ts';
import { paths } from '../../kube/paths.ts';
import type { Faults } from '../../model/faults.ts';
import type { RuntimeClass, Service } from '../../model/kube.ts';
import type { Log } from '../../model/log.ts';
import type { ProcessMetrics } from '../../telemetry/metrics.ts';
import type { Clock } from '../../util/clock.ts';
import { supervise } from '../../util/supervise.ts';

export interface SharedClusterOptions {
  readonly config: Config;
  readonly kube: KubeConnection;
  readonly metrics: ProcessMetrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly faults: Faults;
  readonly signal: AbortSignal;
}

export interface SharedCluster {
  readonly services: Collection<Service>;
  readonly runtimeClasses: Collection<RuntimeClass>;
  readonly objects: ObjectWatches;
  readonly reviews: AccessReviews;
  /** Watches until the signal aborts. */
  run(): Promise<void>;
}

export function buildSharedCluster(options: SharedClusterOptions): SharedCluster {
  const { config, kube, metrics, clock, log, faults, signal } = options;
  const shared = { client: kube, clock, log, faults };
  const services = new Collection<Service>({
    ...shared,
    path: paths.services,
    what: 'services',
    reduce: reduceService,
  });
  const runtimeClasses = new Collection<RuntimeClass>({
    ...shared,
    path: paths.runtimeClasses,
    what: 'runtime classes',
  });
  const { authentication, authorization } = config;
  return {
    services,
    runtimeClasses,
    objects: new ObjectWatches({ ...shared, signal }),
    reviews: new AccessReviews({
      client: kube,
      tokenTtlMs: authentication.webhook.cacheTTL,
      allowTtlMs: authorization.webhook.cacheAuthorizedTTL,
      denyTtlMs: authorization.webhook.cacheUnauthorizedTTL,
      onRefused: (kind) => {
        metrics.farlet_access_reviews_refused_total.inc({ kind });
      },
    }),
    run: async () => {
      await Promise.all([
        supervise('watch', (life) => services.run(life), { faults, clock, signal }),
        supervise('watch', (life) => runtimeClasses.run(life), { faults, clock, signal }),
      ]);
    },
  };
}

/**
 * As a node with an account of its own has it: Secrets and ConfigMaps are watched by that account, which may
 * read only those of its own pods. What is no node's is watched once for all.
 */
export function clusterOfOwnAccount(
  common: SharedCluster,
  { kube, clock, log, faults, signal }: Omit<SharedClusterOptions, 'config' | 'metrics'>,
): SharedCluster {
  return { ...common, objects: new ObjectWatches({ client: kube, clock, log, faults, signal }) };
}

/** Brings the gauges of the way to the API server up to date. */
export function showApiAccess(
  metrics: ProcessMetrics,
  { all, reviews }: { all: readonly Pick<KubeConnection, 'streams'>[]; reviews: AccessReviews | undefined },
): void {
  const counts = all.map((kube) => kube.streams());
  for (const state of ['open', 'waiting'] as const) {
    const sum = counts.reduce((total, { [state]: count }) => total + count, 0);
    metrics.farlet_api_watches.set({ state }, sum);
  }
  for (const kind of ['token', 'access'] as const)
    metrics.farlet_access_reviews_waiting.set({ kind }, reviews?.waiting(kind) ?? 0);
}

/** Only what environments are made of. */
function reduceService({ metadata, spec }: Service): Service {
  return {
    metadata: {
      ...(metadata?.name === undefined ? {} : { name: metadata.name }),
      ...(metadata?.namespace === undefined ? {} : { namespace: metadata.namespace }),
    },
    spec: {
      ...(spec?.clusterIP === undefined ? {} : { clusterIP: spec.clusterIP }),
      ports: spec?.ports ?? [],
    },
  };
}
