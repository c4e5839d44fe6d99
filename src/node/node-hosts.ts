/**
 * The hosts of one node as its status counts them: looked at, summed up, and what one of them is like for its
 * pods.
 */
import type { HostFacts } from '../hosts/facts.ts';
import { heldRequest } from '../model/held-request.ts';
import type { KubeNode, NodeStatus, Pod } from '../model/kube.ts';
import { isLeavingNode } from '../model/leaving-node.ts';
import type { Log } from '../model/log.ts';
import type { NodeInfo } from '../model/node-info.ts';
import { orAbort, withDeadline } from '../util/abort.ts';
import { rfc3339, type Clock } from '../util/clock.ts';
import { nodeConditions } from './conditions.ts';
import type { NodeHost } from './node-host.ts';
import {
  extendedResources,
  hostCapacity,
  nodeAllocatable,
  nodeStatus,
  type NodeIdentity,
} from './node-object.ts';
import {
  heldResources,
  labelsOf,
  lostHosts,
  mergeImages,
  mergeRuntimes,
  poolProblems,
  sharedPressures,
  sumResources,
} from './pool-status.ts';

export interface NodeHostsOptions {
  readonly identity: NodeIdentity;
  /** at least one */
  readonly hosts: readonly NodeHost[];
  readonly clock: Clock;
  readonly log: Log;
}

/** What is known of the hosts of a pool who leads pods to them. */
export interface PoolView {
  /** Takes no new pods. */
  isDraining(host: string): boolean;
  /** The pods that hold resources there. */
  podsOn(host: string): readonly Pod[];
}

interface Resources {
  readonly capacity: Record<string, string>;
  readonly allocatable: Record<string, string>;
}

const MAX_IMAGES = 50;
/**
 * A status with facts from before is better than none: after this time it no longer waits for hosts that do
 * not answer.
 */
const LOOK_MS = 5_000;
/** Nor do those of a pool that take their time, while others have answered. */
const POOL_LOOK_MS = 3_000;

export class NodeHosts {
  readonly all: readonly NodeHost[];
  readonly identity: NodeIdentity;
  readonly #options: NodeHostsOptions;
  #pool: PoolView = { isDraining: () => false, podsOn: () => [] };
  #cidrFailed = false;
  /** asked for with every status, and made anew when one of the two that they are made of is another */
  readonly #resources = new WeakMap<HostFacts, Resources & { told: NodeStatus['capacity'] }>();
  /** whose last look failed: told of once */
  readonly #failing = new Set<NodeHost>();

  constructor(options: NodeHostsOptions) {
    this.#options = options;
    this.all = options.hosts;
    this.identity = options.identity;
  }

  attach(pool: PoolView): void {
    this.#pool = pool;
  }

  /**
   * Updates what is known of the hosts; rejects while nothing is known of any. One host's failure is the
   * node's; a pool is reported as its hosts were last observed, without a long wait for any.
   */
  async lookAgain(signal: AbortSignal): Promise<HostFacts> {
    const seen = this.all.filter((host) => host.facts() !== undefined);
    if (this.all.length === 1) await this.all[0]?.lookAgain(signal);
    else if (seen.length > 0) await this.#lookAtPool(seen, signal);
    else await orAbort(Promise.any(this.all.map((host) => host.lookAgain(signal))), signal).catch(throwFirst);
    signal.throwIfAborted();
    const facts = this.#facts();
    if (facts === undefined) throw new Error('no host has been observed');
    return facts;
  }

  /**
   * The current facts, or the last known ones if the hosts do not answer in time. Rejects while nothing is
   * known of any.
   */
  async factsInTime(signal: AbortSignal): Promise<HostFacts> {
    const { identity, log } = this.#options;
    const known = this.#facts();
    try {
      return await withDeadline(signal, LOOK_MS, identity.name, (limit) => this.lookAgain(limit));
    } catch (error) {
      if (known === undefined) throw error;
      log.debug({ err: error }, 'the host could not be observed for the node status');
      return known;
    }
  }

  /** That its hosts are reached by; empty before they have been looked at. */
  addresses(): readonly string[] {
    return this.all.flatMap((host) => host.addresses());
  }

  /**
   * Hands the Node's pod CIDRs to its host. Those of a pool can't be shared out among hosts: their networks
   * have ranges of their own.
   */
  async assignPodCIDRs(node: KubeNode, { signal }: { signal: AbortSignal }): Promise<void> {
    const { log } = this.#options;
    const cidr = (node.spec?.podCIDRs ?? []).join(',');
    const [only, ...others] = this.all;
    if (cidr === '' || only === undefined || others.length > 0) return;
    try {
      await only.assignPodCIDR(cidr, { signal });
      this.#cidrFailed = false;
    } catch (error) {
      signal.throwIfAborted();
      if (!this.#cidrFailed)
        log.warn({ err: error, host: only.name, cidr }, 'the runtime could not be given the pod CIDR');
      this.#cidrFailed = true;
    }
  }

  /** What the node says of itself. `node`: as it is now; resources that others told it of stay. */
  status(
    facts: HostFacts,
    { node, conditions }: { node: KubeNode | undefined; conditions: NonNullable<NodeStatus['conditions']> },
  ): NodeStatus {
    const { identity, clock } = this.#options;
    const members = this.all.map((host) => ({
      name: host.name,
      problems: host.problems(),
      pressures: host.pressures(),
    }));
    return nodeStatus({
      identity,
      facts,
      ...this.#sum(node),
      hostAddresses: this.addresses(),
      runtime: mergeRuntimes(this.all.map(({ host }) => host.runtime()).filter((each) => each !== undefined)),
      images: mergeImages(
        this.all.map((host) => host.images()),
        MAX_IMAGES,
      ),
      conditions: nodeConditions({
        problems: poolProblems(members),
        ...(this.all.length === 1 ? {} : { lostHosts: lostHosts(members) }),
        isLeaving: isLeavingNode(node),
        pressures: sharedPressures(members),
        previous: conditions,
        now: rfc3339(clock.now()),
      }),
    });
  }

  /** The node as pods on the host see it. */
  infoFor(host: NodeHost, node: KubeNode | undefined): NodeInfo {
    const { identity } = this.#options;
    const facts = host.facts();
    const own = this.all.length === 1 ? (node?.status ?? {}) : this.#resourcesOf(host, node);
    return {
      name: identity.name,
      ips: host.addresses(),
      labels: labelsOf(host, { node: node?.metadata.labels, pool: identity.hostLabels }),
      capacity: own.capacity ?? {},
      allocatable: own.allocatable ?? {},
      hugePageSizes: [...(facts?.hugePages.keys() ?? [])].map((kib) =>
        kib >= 1024 * 1024 ? `${kib / 1024 / 1024}GB` : `${kib / 1024}MB`,
      ),
      kernelVersion: facts?.kernelVersion ?? '',
    };
  }

  async #lookAtPool(hosts: readonly NodeHost[], signal: AbortSignal): Promise<void> {
    const { log, clock } = this.#options;
    const looks = hosts.map(async (host) => {
      try {
        await host.lookAgain(signal);
        this.#failing.delete(host);
      } catch (error) {
        if (signal.aborted || this.#failing.has(host)) return;
        this.#failing.add(host);
        log.warn({ err: error, host: host.name }, 'the host could not be observed: trying again');
      }
    });
    await Promise.race([Promise.all(looks), clock.sleep(POOL_LOOK_MS, { signal })]);
  }

  /** What the node is like, as its first known host is. */
  #facts(): HostFacts | undefined {
    return this.all.map((host) => host.facts()).find((facts) => facts !== undefined);
  }

  /** One that takes no new pods counts with what those on it hold, so that none is sent there. */
  #sum(node: KubeNode | undefined): Resources {
    const isOpen = (host: NodeHost): boolean =>
      this.all.length === 1 || (host.problems().length === 0 && !this.#pool.isDraining(host.name));
    const known = this.all
      .filter((host) => host.facts() !== undefined)
      .map((host) => ({ host, ...this.#resourcesOf(host, node) }));
    return {
      capacity: sumResources(known.map(({ capacity }) => capacity)),
      allocatable: sumResources(
        known.map(({ host, allocatable }) =>
          isOpen(host)
            ? allocatable
            : heldResources(allocatable, this.#pool.podsOn(host.name).map(heldRequest)),
        ),
      ),
    };
  }

  #resourcesOf(host: NodeHost, node: KubeNode | undefined): Resources {
    const facts = host.facts();
    if (facts === undefined) return { capacity: {}, allocatable: {} };
    // which host of several has what others tell the Node of, nobody tells
    const told = this.all.length === 1 ? node?.status?.capacity : undefined;
    const known = this.#resources.get(facts);
    if (known !== undefined && known.told === told) return known;
    const { identity } = this.#options;
    const capacity = { ...hostCapacity(identity, facts), ...extendedResources(told) };
    const resources = { told, capacity, allocatable: nodeAllocatable(identity, capacity) };
    this.#resources.set(facts, resources);
    return resources;
  }
}

function throwFirst(error: unknown): never {
  throw error instanceof AggregateError ? error.errors[0] : error;
}
