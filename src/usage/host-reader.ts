/**
 * What one host uses: one reading serves all callers within a few seconds, and those that come while it is
 * under way (a kubelet's housekeeping has figures of up to 10 s ago as well).
 */
import type { CriClient } from '../hosts/cri/calls.ts';
import type { HostFacts } from '../hosts/facts.ts';
import type { GroupLimits, HostUsage } from '../hosts/link/host-usage.ts';
import type { HostFiles } from '../hosts/link/link.ts';
import { HostError } from '../model/errors.ts';
import type { Pod } from '../model/kube.ts';
import type { PodRuntimeState } from '../model/runtime-state.ts';
import { limitSignal, orAbort } from '../util/abort.ts';
import type { Clock } from '../util/clock.ts';
import { nextTurn } from '../util/turn.ts';
import { fsFigures, type DiskReader } from './disk-reader.ts';
import { groupsById, isPlainId, isPlainPath, usualGroups } from './group-index.ts';
import { HostSamples } from './host-samples.ts';
import { limitsOf, podsOf, rootUse } from './join-reading.ts';
import type { HostReading } from './reading.ts';
import { sandboxedUse, type SandboxedUse } from './sandboxed-use.ts';
import type { ServedVolumes } from './served-volumes.ts';

export interface HostUsageReaderOptions {
  readonly host: string;
  readonly files: Pick<HostFiles, 'readUsage'>;
  readonly cri: Pick<CriClient, 'listContainerStats' | 'listPodSandboxStats'>;
  readonly disks: Pick<DiskReader, 'read'>;
  readonly served: Pick<ServedVolumes, 'read'>;
  readonly cgroups: (options: { signal: AbortSignal }) => Promise<PodPlaces>;
  readonly pods: () => readonly UsagePod[];
  /** what the host is, as far as it is known */
  readonly facts: () => HostFacts | undefined;
  /** a runtime handler's pods run on a kernel of their own: the host's has no figures of their containers */
  readonly hasOwnKernel: (handler: string) => boolean;
  /** false: there is no use in asking now */
  readonly isReady: () => boolean;
  /** whose file system is the node's */
  readonly rootDir: string;
  /** labels of everything that this node has on the runtime */
  readonly owner: Readonly<Record<string, string>>;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly signal: AbortSignal;
  /** a look at the host is over, however many wait for it */
  readonly onReading?: (reading: {
    readonly detail: Detail;
    readonly seconds: number;
    readonly failed: boolean;
  }) => void;
}

/** Where pods' groups are. */
export interface PodPlaces {
  /** undefined where the runtime places it */
  readonly pathOf: (pod: Pod) => string | undefined;
  /** those that pods' groups are in, that of all pods first; empty where there are none */
  readonly above: readonly string[];
}

/** A pod of which something runs. */
export interface UsagePod {
  readonly pod: Pod;
  readonly state: PodRuntimeState;
}

export type Detail = 'brief' | 'full';

/** Who asks within it is answered from one reading. */
const AGE_MS = 5_000;
const LIMIT_MS = 15_000;
/** Limits change by a resize only. */
const LIMITS_AGE_MS = 60_000;

export class HostUsageReader {
  readonly #options: HostUsageReaderOptions;
  readonly #samples = new HostSamples();
  readonly #running = new Map<Detail, Promise<HostReading>>();
  #last: { readonly askedAt: number; readonly reading: HostReading } | undefined;
  #limits: {
    readonly at: number;
    readonly groups: ReadonlyMap<string, GroupLimits>;
    readonly ids: Set<string>;
  } = {
    at: -Infinity,
    groups: new Map(),
    ids: new Set(),
  };

  constructor(options: HostUsageReaderOptions) {
    this.#options = options;
  }

  /** Rejects with HostError if the host can't be asked within 15 s, or with the signal's reason. */
  async read(detail: Detail, { signal }: { signal: AbortSignal }): Promise<HostReading> {
    const { host, isReady } = this.#options;
    if (!isReady())
      throw new HostError('unavailable', host, `${host} does not answer: nothing is known of its use`);
    const last = this.#last;
    if (
      last !== undefined &&
      this.#options.clock.monotonic() - last.askedAt < AGE_MS &&
      (detail === 'brief' || last.reading.detail === 'full')
    )
      return last.reading;
    const running = this.#running.get('full') ?? this.#running.get(detail);
    return orAbort(running ?? this.#start(detail), signal);
  }

  #start(detail: Detail): Promise<HostReading> {
    const { clock, onReading, signal } = this.#options;
    const began = clock.monotonic();
    const over = (failed: boolean): void => {
      onReading?.({ detail, seconds: (clock.monotonic() - began) / 1000, failed });
    };
    const reading = this.#read(detail).finally(() => this.#running.delete(detail));
    this.#running.set(detail, reading);
    // the caller may be gone
    reading.then(
      () => {
        over(false);
      },
      () => {
        if (!signal.aborted) over(true);
      },
    );
    return reading;
  }

  async #read(detail: Detail): Promise<HostReading> {
    const { host, clock, disks, served: servedVolumes, cgroups, hasOwnKernel } = this.#options;
    const signal = limitSignal(LIMIT_MS, this.#options.signal);
    const askedAt = clock.monotonic();
    const pods = this.#options.pods();
    const places = await cgroups({ signal });
    await nextTurn();
    const [{ usage, at }, disk, served, sandboxed] = await Promise.all([
      this.#usage(pods, { detail, places, signal }),
      detail === 'full'
        ? disks.read(
            pods.map(({ pod }) => pod),
            pods.flatMap(({ state }) => runningIds(state)),
          )
        : undefined,
      detail === 'full' ? servedVolumes.read(pods.map(({ pod }) => pod.metadata.uid)) : undefined,
      this.#sandboxed(pods, signal),
    ]);
    await nextTurn();
    const byId = groupsById(usage.groups.keys());
    const limits = this.#limits.groups;
    const use = this.#samples.take(usage, { at, limits });
    const { networks } = usage;
    const parts = { use, byId, parentOf: places.pathOf, networks, disk, served, sandboxed, hasOwnKernel };
    const reading: HostReading = {
      host,
      at,
      detail,
      root: rootUse(usage, use.get('') ?? { at }),
      allPods: places.above[0] === undefined ? undefined : use.get(places.above[0]),
      above: new Map(
        places.above.flatMap((path) => {
          const group = use.get(path);
          return group === undefined ? [] : [[path, group] as const];
        }),
      ),
      machine: usage.machine,
      facts: this.#options.facts(),
      nodeFs: fsFigures(usage.fileSystems[0], 'all', at),
      imageFs: disk?.imageFs,
      containerFs: disk?.containerFs,
      pods: podsOf(pods, parts),
    };
    const last = this.#last;
    // what is brief and a little newer does not take the place of what is whole
    if (detail === 'full' || last?.reading.detail !== 'full' || askedAt - last.askedAt >= AGE_MS)
      this.#last = { askedAt, reading };
    return reading;
  }

  async #usage(
    pods: readonly UsagePod[],
    { detail, places, signal }: { detail: Detail; places: PodPlaces; signal: AbortSignal },
  ): Promise<{ usage: HostUsage; at: number }> {
    const { files, clock, rootDir } = this.#options;
    const running = pods.flatMap(({ state }) => idsOf(state)).filter(isPlainId);
    const now = clock.monotonic();
    const limits = now - this.#limits.at >= LIMITS_AGE_MS || running.some((id) => !this.#limits.ids.has(id));
    const parents = pods.map(({ pod }) => places.pathOf(pod));
    const before = clock.now();
    const usage = await files.readUsage(
      {
        detail,
        limits,
        parents: pods.flatMap(({ state }, index) => {
          const path = parents[index];
          return path !== undefined && isPlainPath(path)
            ? [{ path, ids: idsOf(state).filter(isPlainId) }]
            : [];
        }),
        groups: [
          ...places.above.filter(isPlainPath),
          ...pods.flatMap(({ state }, index) =>
            parents[index] === undefined ? idsOf(state).filter(isPlainId).flatMap(usualGroups) : [],
          ),
        ],
        sandboxes: pods.flatMap(({ state }) => sandboxIds(state)).filter(isPlainId),
        fileSystems: [rootDir],
      },
      { signal },
    );
    if (limits)
      this.#limits = {
        at: now,
        groups: new Map([...usage.groups].map(([path, group]) => [path, limitsOf(group)])),
        ids: new Set(running),
      };
    return { usage, at: this.#samples.timeOf(usage.uptime, (before + clock.now()) / 2) };
  }

  async #sandboxed(pods: readonly UsagePod[], signal: AbortSignal): Promise<SandboxedUse | undefined> {
    const { cri, owner, clock, hasOwnKernel } = this.#options;
    const isSandboxed = pods.some(({ state }) => hasOwnKernel(state.sandboxes[0]?.runtimeHandler ?? ''));
    return isSandboxed ? sandboxedUse(cri, owner, { clock, signal }) : undefined;
  }
}

function sandboxIds(state: PodRuntimeState): string[] {
  const ready = state.sandboxes.find((sandbox) => sandbox.ready);
  return ready === undefined ? [] : [ready.id];
}

function idsOf(state: PodRuntimeState): string[] {
  return [...runningIds(state), ...sandboxIds(state)];
}

function runningIds(state: PodRuntimeState): string[] {
  return state.containers.filter((container) => container.state === 'running').map(({ id }) => id);
}
