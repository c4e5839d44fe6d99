/**
 * The volumes of this node's pods on one host (pkg/kubelet/volumemanager).
 *
 * I1. Each volume has one operation, which goes on beyond the sync that wanted it, until the pod is
 *     unmounted.
 * I2. What was ready once holds up no later sync of its pod, until the pod's sandbox is gone.
 * I3. A pod is unmounted only after its operations have ended, and what is mounted is never deleted.
 */
import type { HostFiles } from '../../hosts/link/link.ts';
import { FarletError, kindOf, messageOf, toldOf } from '../../model/errors.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { Pod } from '../../model/kube.ts';
import { podDir, podsDir, type HostPaths } from '../../model/paths.ts';
import { podReference } from '../../model/pod-ref.ts';
import { childController, orAbort, withDeadline } from '../../util/abort.ts';
import type { Clock } from '../../util/clock.ts';
import { claimName, resolveClaim } from './claims.ts';
import { MountStepError } from './mount-step-error.ts';
import type { MountedVolume } from './ready-volume.ts';
import type { VolumeSources } from './sources.ts';
import type { VolumeMounter } from './volume-mounter.ts';
import type { VolumeObservation } from './volume-observation.ts';
import {
  VolumeOperation,
  type AttemptOutcome,
  type VolumeOperationOptions,
  type VolumeToMount,
} from './volume-operation.ts';
import { planVolume, usedVolumes, type PlannedVolume, type UsedVolume } from './volume-plan.ts';

export interface PodVolumesOptions {
  readonly files: HostFiles;
  readonly paths: HostPaths;
  readonly sources: Pick<VolumeSources, 'claim' | 'persistentVolume'>;
  readonly mounter: Pick<VolumeMounter, 'setUp'>;
  readonly events: EventRecorder;
  readonly clock: Clock;
  /** ends all operations */
  readonly signal: AbortSignal;
  readonly observe: (operation: VolumeObservation) => void;
  /** a volume is ready for the first time, so long after it was wanted */
  readonly onReady: (plugin: string, seconds: number) => void;
}

export interface ServedVolume {
  /** the pod's name for it */
  readonly name: string;
  /** where it is mounted on the host */
  readonly path: string;
  readonly claim?: { readonly name: string; readonly namespace: string };
}

interface PodState {
  /** why its operations have ended */
  stopped?: FarletError;
  readonly operations: Map<string, VolumeOperation>;
  /** there was one when volumes were asked for last */
  hasSandbox: boolean;
}

/** How many volumes of a plugin are wanted, and how many of them are ready. */
export interface VolumeTotal {
  readonly plugin: string;
  readonly wanted: number;
  readonly ready: number;
}

/** pkg/kubelet/volumemanager: podAttachAndMountTimeout, podAttachAndMountRetryInterval. */
const WAIT_MS = 123_000;
const LOOK_MS = 300;

export class PodVolumes {
  readonly #options: PodVolumesOptions;
  readonly #operationOptions: VolumeOperationOptions;
  readonly #pods = new Map<string, PodState>();
  #revision = 0;

  constructor(options: PodVolumesOptions) {
    const { clock, signal, mounter } = options;
    this.#options = options;
    this.#operationOptions = {
      clock,
      signal,
      setUp: mounter.setUp.bind(mounter),
      onAttempt: this.#attempted.bind(this),
    };
  }

  /**
   * Makes every volume that a container uses ready and current, all at once. Rejects, told in an event, for a
   * volume that can't be processed at all, and after 2 min 3 s with what is missing; an attempt that fails
   * before that is told in an event of its own. Once a pod has no sandbox any more, nothing of it runs, and
   * what was mounted for it may be gone, as after a reboot of the host: all of it is looked at, and made
   * again where it is gone.
   */
  async mount(
    pod: Pod,
    { signal, hasSandbox }: { signal: AbortSignal; hasSandbox: boolean },
  ): Promise<ReadonlyMap<string, MountedVolume>> {
    const state = this.#state(pod.metadata.uid);
    if (state.hasSandbox && !hasSandbox) {
      this.#revision += 1;
      for (const operation of state.operations.values()) operation.forget();
    }
    state.hasSandbox = hasSandbox;
    const used = usedVolumes(pod);
    const failed = new Map<string, string>();
    const wanted = new Map<VolumeOperation, number>();
    await Promise.all(
      used.map(async (each) => {
        try {
          const volume = await this.#planned(pod, each, { state, signal });
          const operation = this.#operation(state, { pod, volume });
          wanted.set(operation, operation.want({ pod, volume }));
        } catch (error) {
          signal.throwIfAborted();
          failed.set(each.volume.name, messageOf(error));
        }
      }),
    );
    if (failed.size > 0) await this.#refuse(pod, { state, failed, signal });
    try {
      await withDeadline(signal, WAIT_MS, 'volumes', (limited) =>
        Promise.all([...wanted].map(([operation, number]) => operation.settled(number, { signal: limited }))),
      );
    } catch (error) {
      signal.throwIfAborted();
      if (kindOf(error) !== 'deadline-exceeded') throw error;
      throw new FarletError('deadline-exceeded', summary(pod, state, [], 'context deadline exceeded'));
    }
    return mountedOf(state);
  }

  /** Volumes that wait after a failure are tried at once: an object that they need has changed. */
  retryNow(uid: string): void {
    for (const operation of this.#pods.get(uid)?.operations.values() ?? []) operation.retryNow();
  }

  /** When a token of the pod is to be renewed, ms since the epoch. */
  renewAt(uid: string): number | undefined {
    const times = [...(this.#pods.get(uid)?.operations.values() ?? [])]
      .map(({ ready }) => ready?.renewAt)
      .filter((at) => at !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Whether another pod has the PersistentVolume. */
  isUsedElsewhere(persistentVolume: string, podUid: string): boolean {
    return [...this.#pods].some(
      ([uid, { operations }]) =>
        uid !== podUid &&
        [...operations.values()].some(
          ({ wasReady, volume }) =>
            wasReady && volume.bound !== undefined && volume.specName === persistentVolume,
        ),
    );
  }

  /**
   * A pod's volumes that are ready and have a file system of their own, which the host's administrator or
   * another machine serves: those of which a kubelet tells what their file system has.
   */
  served(uid: string): ServedVolume[] {
    return [...(this.#pods.get(uid)?.operations.values() ?? [])].flatMap(({ ready, volume }) => {
      const { name, work, bound } = volume;
      if (ready === undefined || (work.kind !== 'local' && work.kind !== 'nfs')) return [];
      const claim = bound?.volume.spec?.claimRef;
      return [
        {
          name,
          path: work.path,
          ...(claim === undefined
            ? {}
            : { claim: { name: claim.name ?? '', namespace: claim.namespace ?? '' } }),
        },
      ];
    });
  }

  /** Grows whenever the totals may have changed. */
  get revision(): number {
    return this.#revision;
  }

  /** For volume_manager_total_volumes. */
  totals(): VolumeTotal[] {
    const totals = new Map<string, { wanted: number; ready: number }>();
    for (const { operations } of this.#pods.values())
      for (const { volume, ready } of operations.values()) {
        const total = totals.get(volume.plugin) ?? { wanted: 0, ready: 0 };
        total.wanted += 1;
        if (ready !== undefined) total.ready += 1;
        totals.set(volume.plugin, total);
      }
    return [...totals].map(([plugin, counts]) => ({ plugin, ...counts }));
  }

  /** Takes the pod's volumes and folder off the host. Never touches what another file system holds below. */
  async unmount(uid: string, { signal }: { signal: AbortSignal }): Promise<void> {
    const { files, paths } = this.#options;
    const state = this.#pods.get(uid);
    if (state !== undefined) await this.#stop(state, signal);
    const folder = podDir(paths, uid);
    const plugins = state === undefined ? await this.#pluginsOnDisk(folder, signal) : pluginsOf(state);
    await this.#observed(plugins, () =>
      files.apply(
        [
          { op: 'unmount', path: folder },
          { op: 'remove-tree', path: folder },
        ],
        { signal },
      ),
    );
    this.#pods.delete(uid);
    this.#revision += 1;
  }

  /** UIDs of the pods that have a folder on the host. */
  async podFolders({ signal }: { signal: AbortSignal }): Promise<string[]> {
    const { files, paths } = this.#options;
    return ((await files.list(podsDir(paths), { signal })) ?? [])
      .filter(({ type }) => type === 'directory')
      .map(({ name }) => name);
  }

  #state(uid: string): PodState {
    const known = this.#pods.get(uid);
    if (known !== undefined && known.stopped === undefined) return known;
    const state: PodState = { operations: new Map<string, VolumeOperation>(), hasSandbox: false };
    this.#pods.set(uid, state);
    this.#revision += 1;
    return state;
  }

  async #stop(state: PodState, signal: AbortSignal): Promise<void> {
    state.stopped ??= new FarletError('cancelled', 'the pod is unmounted');
    for (const operation of state.operations.values()) operation.stop(state.stopped);
    for (const operation of state.operations.values()) await orAbort(operation.idle(), signal);
  }

  /** What is ready stays as it was planned; until then a claim is asked for again each time. */
  async #planned(
    pod: Pod,
    used: UsedVolume,
    { state, signal }: { state: PodState; signal: AbortSignal },
  ): Promise<PlannedVolume> {
    const { paths, sources } = this.#options;
    const { volume } = used;
    const known = state.operations.get(volume.name);
    if (known?.ready !== undefined) return known.volume;
    const bound =
      claimName(pod, volume) === undefined
        ? undefined
        : await resolveClaim({ pod, ...used }, { sources, signal });
    return planVolume(pod, volume, { paths, bound });
  }

  #operation(state: PodState, wanted: VolumeToMount): VolumeOperation {
    const known = state.operations.get(wanted.volume.name);
    if (known !== undefined) {
      if (known.volume.plugin !== wanted.volume.plugin) this.#revision += 1;
      return known;
    }
    const operation = new VolumeOperation(wanted, this.#operationOptions);
    if (state.stopped !== undefined) operation.stop(state.stopped);
    state.operations.set(wanted.volume.name, operation);
    this.#revision += 1;
    return operation;
  }

  #attempted(
    { pod, volume }: VolumeToMount,
    { error, seconds, firstReadyAfter, turnedReady }: AttemptOutcome,
  ): void {
    const { events, observe, onReady } = this.#options;
    if (turnedReady) this.#revision += 1;
    const { plugin, specName, work } = volume;
    const isMap = work.kind === 'local-block' || (work.kind === 'csi' && work.block);
    const failed = error !== undefined;
    observe({ plugin, operation: isMap ? 'map_volume' : 'volume_mount', failed, seconds });
    if (firstReadyAfter !== undefined) onReady(plugin, firstReadyAfter);
    if (!failed) return;
    const step =
      error instanceof MountStepError ? error.step : `${isMap ? 'MapVolume' : 'MountVolume'}.SetUp failed`;
    events.event(
      podReference(pod),
      isMap ? 'FailedMapVolume' : 'FailedMount',
      `${step} for volume "${specName}" : ${toldOf(error)}`,
    );
  }

  /** The kubelet looks at the others' first attempts before it tells of those that can't be processed. */
  async #refuse(
    pod: Pod,
    { state, failed, signal }: { state: PodState; failed: ReadonlyMap<string, string>; signal: AbortSignal },
  ): Promise<never> {
    const { clock, events } = this.#options;
    const enough = childController(signal);
    const others = [...state.operations.values()].map((operation) =>
      operation.triedOnce({ signal: enough.signal }),
    );
    await Promise.race([Promise.allSettled(others), clock.sleep(LOOK_MS, { signal: enough.signal })]);
    enough.abort(new FarletError('cancelled', 'looked long enough'));
    const text = summary(pod, state, [...failed.keys()], [...failed.values()].join('; '));
    events.event(podReference(pod), 'FailedMount', `Unable to attach or mount volumes: ${text}`);
    throw new FarletError('unavailable', text);
  }

  /** After a restart of farlet: of a pod that is gone only its folders tell. */
  async #pluginsOnDisk(folder: string, signal: AbortSignal): Promise<string[]> {
    const { files } = this.#options;
    const plugins = (await files.list(`${folder}/volumes`, { signal })) ?? [];
    const lists = await Promise.all(
      plugins.map(async ({ name }) => {
        const volumes = (await files.list(`${folder}/volumes/${name}`, { signal, mayHang: true })) ?? [];
        return volumes.map(() => name.replace('~', '/'));
      }),
    );
    return lists.flat();
  }

  async #observed(plugins: readonly string[], work: () => Promise<void>): Promise<void> {
    const { clock, observe } = this.#options;
    const started = clock.monotonic();
    let failed = true;
    try {
      await work();
      failed = false;
    } finally {
      const seconds = (clock.monotonic() - started) / 1000;
      for (const plugin of plugins) observe({ plugin, operation: 'volume_unmount', failed, seconds });
    }
  }
}

function pluginsOf({ operations }: PodState): string[] {
  return [...operations.values()]
    .filter(({ ready }) => ready !== undefined)
    .map(({ volume }) => volume.plugin);
}

function mountedOf({ operations }: PodState): Map<string, MountedVolume> {
  return new Map(
    [...operations].flatMap(([name, { ready }]) =>
      ready === undefined ? [] : [[name, ready.mounted] as const],
    ),
  );
}

/** WaitForAttachAndMount's text; nothing is ever attached. */
function summary(pod: Pod, { operations }: PodState, notProcessed: readonly string[], why: string): string {
  const missing = usedVolumes(pod)
    .map(({ volume }) => volume.name)
    .filter((name) => operations.get(name)?.ready === undefined)
    .sort();
  return `unmounted volumes=[${missing.join(' ')}], unattached volumes=[], failed to process volumes=[${[...notProcessed].sort().join(' ')}]: ${why}`;
}
