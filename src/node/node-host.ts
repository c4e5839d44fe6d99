/** One host as its node counts it: what it is like, which images it has, whether it is fit to run pods. */
import { isIP } from 'node:net';
import { readHostFacts, type HostFacts } from '../hosts/facts.ts';
import type { RuntimeHost } from '../hosts/runtime-host.ts';
import type { NodeStatus } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import type { NodePressure } from '../model/node-info.ts';
import type { Clock } from '../util/clock.ts';
import { readyProblems, type PlegHealth } from './conditions.ts';

export interface NodeHostOptions {
  readonly host: RuntimeHost;
  readonly rootDir: string;
  /** that others reach it by, the main one first; empty: as the host tells */
  readonly addresses: readonly string[];
  /** of those that it tells, 4 or 6; where it has none of these, all count */
  readonly families: readonly number[];
  /** where it does not tell */
  readonly fallbackAddresses: readonly string[];
  /** as the configuration has it when it is asked for */
  readonly settings: () => HostSettings;
  readonly clock: Clock;
  readonly log: Log;
}

export interface HostSettings {
  /** what pods may choose it by */
  readonly labels: Readonly<Record<string, string>>;
  /** takes no new pods */
  readonly drain: boolean;
}

/** What those know of a host who run its pods. */
export interface HostHealth {
  pleg(): PlegHealth;
  pressures(): readonly NodePressure[];
  /** What else keeps pods from being started there. */
  problem(): string | undefined;
}

/** Nobody has looked yet. */
const unseen: HostHealth = {
  pleg: () => ({ silentMs: undefined, thresholdMs: 0 }),
  pressures: () => [],
  problem: () => undefined,
};

type Images = NonNullable<NodeStatus['images']>;

/** The image list is for the scheduler's taste only: not worth a call a minute on a far host. */
const IMAGES_MS = 300_000;
const MAX_NAMES = 5;
const CALL_MS = 5_000;
/**
 * Facts that do not change while a host is up are read as rarely as cAdvisor does
 * (update_machine_info_interval).
 */
const FACTS_MS = 300_000;

export class NodeHost {
  readonly host: RuntimeHost;
  readonly #options: NodeHostOptions;
  readonly #known = Promise.withResolvers<undefined>();
  #health: HostHealth = unseen;
  #facts: HostFacts | undefined;
  #looking: Promise<void> | undefined;
  #factsAt = -Infinity;
  #podCIDR: string | undefined;
  #images: { at: number; list: Images } = { at: -Infinity, list: [] };

  constructor(options: NodeHostOptions) {
    this.#options = options;
    this.host = options.host;
  }

  attach(health: HostHealth): void {
    this.#health = health;
  }

  get name(): string {
    return this.host.name;
  }

  get labels(): Readonly<Record<string, string>> {
    return this.#options.settings().labels;
  }

  /** Takes no new pods, says the configuration. */
  get drain(): boolean {
    return this.#options.settings().drain;
  }

  /** Resolves when the host has been looked at once. */
  get known(): Promise<unknown> {
    return this.#known.promise;
  }

  /** As last seen; undefined before the first look. */
  facts(): HostFacts | undefined {
    return this.#facts;
  }

  /** That others reach it by, at most one a family, the main one first; empty before the first look. */
  addresses(): readonly string[] {
    const { addresses, families, fallbackAddresses } = this.#options;
    if (addresses.length > 0) return addresses;
    if (this.#facts === undefined) return [];
    const known = this.#facts.addresses;
    const fitting = known.filter((address) => families.includes(isIP(address)));
    if (fitting.length > 0) return fitting;
    return known.length > 0 ? known : fallbackAddresses;
  }

  /** By size, the largest first; as last listed. */
  images(): Images {
    return this.#images.list;
  }

  pressures(): readonly NodePressure[] {
    return this.#health.pressures();
  }

  /** Why pods can't run on it now; empty: they can. */
  problems(): string[] {
    const other = this.#health.problem();
    return [
      ...readyProblems(this.host.state(), this.#health.pleg()),
      ...(other === undefined ? [] : [other]),
    ];
  }

  /**
   * Tells the runtime where its pods' addresses come from, for a CNI configuration that it makes of it; once
   * for each (pkg/kubelet/kubelet_network.go updatePodCIDR). Both families with a comma.
   */
  async assignPodCIDR(cidr: string, { signal }: { signal: AbortSignal }): Promise<void> {
    if (cidr === this.#podCIDR || this.host.state().at !== 'ready') return;
    const request = { runtime_config: { network_config: { pod_cidr: cidr } } };
    await this.host.cri.updateRuntimeConfig(request, { signal, timeoutMs: CALL_MS });
    this.#podCIDR = cidr;
    this.#options.log.info({ host: this.name, cidr }, 'the runtime was given the pod CIDR');
  }

  /** The host may have booted, or be another machine: it is looked at again. */
  outdate(): void {
    this.#factsAt = -Infinity;
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { clock, rootDir } = this.#options;
    this.#facts = await readHostFacts(this.host.link.files, rootDir, { signal, known: this.#facts });
    this.#factsAt = clock.monotonic();
    this.#known.resolve(undefined);
  }

  /** Reads again what may have changed, if it is time to; joins a read that is under way. */
  async lookAgain(signal: AbortSignal): Promise<void> {
    this.#looking ??= this.#lookOnce(signal).finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
  }

  async #lookOnce(signal: AbortSignal): Promise<void> {
    const ready = this.host.state().at === 'ready';
    const isOld = this.#options.clock.monotonic() - this.#factsAt >= FACTS_MS;
    if (this.#facts === undefined || (ready && isOld)) await this.#look(signal);
    await this.#listImages(signal);
  }

  async #listImages(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    if (this.host.state().at !== 'ready' || clock.monotonic() - this.#images.at < IMAGES_MS) return;
    try {
      const { images } = await this.host.cri.listImages({}, { signal, timeoutMs: CALL_MS });
      const list = images
        .map(({ repo_digests: digests, repo_tags: tags, size }) => ({
          names: [...digests, ...tags].slice(0, MAX_NAMES),
          sizeBytes: size,
        }))
        .filter(({ names }) => names.length > 0)
        .sort(bySize);
      this.#images = { at: clock.monotonic(), list };
    } catch (error) {
      log.debug({ err: error, host: this.name }, 'images could not be listed for the node status');
    }
  }
}

/** Largest first, then by name. */
export function bySize(a: Images[number], b: Images[number]): number {
  return (b.sizeBytes ?? 0) - (a.sizeBytes ?? 0) || ((a.names?.[0] ?? '') < (b.names?.[0] ?? '') ? -1 : 1);
}
