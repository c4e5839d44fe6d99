/** What starts and stops the pods of one host, put together. Composition only. */
import type { Config } from '../config/schema.ts';
import { readResolvConf } from '../../hosts/facts.ts';
import type { HostContext } from './host-context.ts';
import type { HostResources } from './resources.ts';
import { searchFault } from '../../runtime/spec/dns.ts';
import { ContainerRemover } from '../../runtime/gc/container-remover.ts';
import { PodRuntime } from '../../runtime/pod/pod-runtime.ts';
import { HostResolver } from '../../runtime/start/host-resolver.ts';
import type { ServiceReader } from '../../runtime/spec/providers.ts';
import { ImagePuller } from '../../runtime/images/image-puller.ts';
import type { PullAccess } from '../../runtime/images/pull-access.ts';
import { PullRate } from '../../runtime/images/pull-rate.ts';
import { RestartBackoff } from '../../runtime/decide/restart-backoff.ts';
import { startWidth } from '../../runtime/start/start-pace.ts';
import { StartPermits } from '../../runtime/start/start-permits.ts';
import { HookRunner } from '../../runtime/stop/hook-runner.ts';
import { ContainerKiller } from '../../runtime/stop/container-killer.ts';
import { runtimeMetrics } from './observers.ts';
import { tracedImages } from './traced.ts';
import { imageSizeLabel } from '../../telemetry/image-size-label.ts';
import type { Pleg } from '../../sync/sources/pleg.ts';
import { SubPaths } from '../../pods/volumes/sub-paths.ts';

/** What ends containers of a host: for their pods, and for collections. */
export interface ContainerEnding {
  readonly hooks: HookRunner;
  readonly killer: ContainerKiller;
  readonly remover: ContainerRemover;
}

export function buildEnding({ host, paths, metrics, events, clock, log }: HostContext): ContainerEnding {
  const { cri, link } = host;
  const hooks = new HookRunner({
    cri,
    clock,
    events,
    metrics: runtimeMetrics(metrics),
    dial: (target, options) => link.dial(target, { ...options, use: 'hook' }),
  });
  return {
    hooks,
    killer: new ContainerKiller({ cri, hooks, events, clock, log }),
    remover: new ContainerRemover({ cri, files: link.files, paths }),
  };
}

export interface RuntimeParts {
  readonly pleg: Pick<Pleg, 'told'>;
  readonly resources: HostResources;
  readonly pullAccess: PullAccess;
  readonly ending: ContainerEnding;
}

export function buildRuntime(context: HostContext, parts: RuntimeParts): PodRuntime {
  const { config, host, view, settings, linuxHost, access, metrics, tracing, events, clock, log } = context;
  const { pleg, resources, pullAccess, ending } = parts;
  const resolver = buildResolver(context);
  return new PodRuntime({
    ...ending,
    host,
    settings,
    objects: access.objects,
    events,
    clock,
    log,
    linuxHost,
    node: () => view.info(),
    nodeReference: view.reference(),
    cgroupParent: (pod) => resources.cgroups.parent(pod),
    resizer: resources.resizer,
    cpus: resources.cpus,
    images: tracedImages(buildImages(context, pullAccess), { tracing, host: host.name }),
    services: servicesOf(access),
    hostDns: (options) =>
      config.resolvConf === '' ? Promise.resolve(undefined) : resolver.settings(options),
    subPaths: new SubPaths({ files: host.link.files, paths: settings.paths, log }),
    restarts: new RestartBackoff({
      maxMs: config.crashLoopBackOff.maxContainerRestartPeriod,
      localTime: host.localTime.bind(host),
    }),
    told: pleg.told.bind(pleg),
    starts: new StartPermits({
      clock,
      width: () => startWidth(view.facts()?.cpus ?? 1),
      roundTripMs: host.roundTripMs.bind(host),
    }),
    metrics: runtimeMetrics(metrics),
  });
}

function buildImages(
  { config, host, metrics, startup, events, clock }: HostContext,
  access: PullAccess,
): ImagePuller {
  return new ImagePuller({
    cri: host.cri,
    events,
    clock,
    width: pullWidth(config),
    access,
    rate: new PullRate({ perSecond: config.registryPullQPS, burst: config.registryBurst }),
    onPulling: startup.pulling.bind(startup),
    onPulled: ({ podUid, seconds, sizeBytes }) => {
      startup.pulled(podUid);
      metrics.kubelet_image_pull_duration_seconds.observe(
        { image_size_in_bytes: imageSizeLabel(sizeBytes) },
        seconds,
      );
    },
  });
}

/** Pulls at a time. */
function pullWidth({ serializeImagePulls, maxParallelImagePulls }: Config): number {
  const isSerial = serializeImagePulls ?? (maxParallelImagePulls ?? 1) < 2;
  return isSerial ? 1 : (maxParallelImagePulls ?? Number.MAX_SAFE_INTEGER);
}

function buildResolver({ config, host, view, events, clock }: HostContext): HostResolver {
  const { resolvConf: path, clusterDomain } = config;
  return new HostResolver({
    clock,
    read: (options) => readResolvConf(host.link.files, path, options),
    onChange: (found) => {
      const fault = searchFault(found, { path, clusterDomain });
      if (fault !== undefined) events.event(view.reference(), 'CheckLimitsForResolvConf', fault);
    },
  });
}

/** What variables of a pod's containers are made of: its namespace's services, and the API server's. */
function servicesOf({ services }: HostContext['access']): ServiceReader {
  return {
    synced: () => services.isSynced,
    services: (namespace) =>
      services
        .all()
        .filter(({ metadata }) => metadata?.namespace === namespace || metadata?.namespace === 'default'),
  };
}
