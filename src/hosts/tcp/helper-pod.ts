/**
 * The helper of one host: found or made when first needed, made again when it has gone.
 *
 * I1. Only one attempt is under way; all who need the helper wait for it.
 * I2. A failed look makes and removes nothing.
 * I3. It is usable only once a command of the host has run by way of it.
 */
import type { CriClient } from '../cri/calls.ts';
import { runtimeCgroupDriver, type CgroupDriver } from '../cri/cgroup-driver.ts';
import { HostError, kindOf, messageOf } from '../../model/errors.ts';
import type { Log } from '../../model/log.ts';
import { limitSignal, orAbort } from '../../util/abort.ts';
import { backoffMs } from '../../util/backoff.ts';
import type { Clock } from '../../util/clock.ts';
import { planHelper, type HelperPlan } from './helper-plan.ts';
import {
  helperContainer,
  helperSandbox,
  helperSelector,
  helperSpecHash,
  type HelperOwner,
} from './helper-spec.ts';

export interface HelperPodOptions {
  readonly host: string;
  readonly owner: HelperOwner;
  readonly image: string;
  /** used only where the runtime does not report it */
  readonly cgroupDriver: CgroupDriver;
  readonly cri: HelperCri;
  readonly clock: Clock;
  readonly log: Log;
  /** why the runtime itself can't be reached, which then is the reason */
  readonly fault: () => string | undefined;
  /** Steps into the host by way of a container; rejects if that can't be done. */
  readonly try: (container: string, options: { signal: AbortSignal }) => Promise<void>;
}

export type HelperCri = Pick<
  CriClient,
  | 'listPodSandbox'
  | 'listContainers'
  | 'stopPodSandbox'
  | 'removePodSandbox'
  | 'imageStatus'
  | 'pullImage'
  | 'runtimeConfig'
  | 'runPodSandbox'
  | 'createContainer'
  | 'startContainer'
>;

type State =
  /** nobody has needed it yet, or something has ended that ran by way of it */
  | { readonly at: 'unknown' }
  | { readonly at: 'making'; readonly made: Promise<string>; readonly before: Failure | undefined }
  | { readonly at: 'running'; readonly container: string }
  | { readonly at: 'failed'; readonly failure: Failure };

interface Failure {
  readonly error: Error;
  readonly count: number;
  readonly retryAt: number;
}

const MAKE_MS = 300_000;
const CLEAN_MS = 20_000;
const SHORT_WAIT_MS = 4_000;
/**
 * Where the runtime could not be reached at all, there is nothing to spare: the host's looks at it set the
 * pace.
 */
const UNREACHED_MS = 500;
const retry = { baseMs: 1_000, maxMs: 30_000, factor: 2, jitter: 0.2 };

export class HelperPod {
  readonly #options: HelperPodOptions;
  readonly #log: Log;
  readonly #life = new AbortController();
  #state: State = { at: 'unknown' };

  constructor(options: HelperPodOptions) {
    this.#options = options;
    this.#log = options.log.child({ host: options.host });
  }

  /** The container's id. Soon after a failure this rejects at once with its reason. */
  container({ signal }: { signal: AbortSignal }): Promise<string> {
    signal.throwIfAborted();
    const state = this.#state;
    switch (state.at) {
      case 'running':
        return Promise.resolve(state.container);
      case 'making':
        return orAbort(state.made, signal);
      case 'failed':
        if (this.#options.clock.monotonic() < state.failure.retryAt)
          return Promise.reject(state.failure.error);
        return orAbort(this.#make(state.failure), signal);
      case 'unknown':
        return orAbort(this.#make(undefined), signal);
    }
  }

  /** What ran in this container has ended: it is looked at before it is used again. */
  doubt(container: string): void {
    if (this.#state.at === 'running' && this.#state.container === container) this.#state = { at: 'unknown' };
  }

  /** Why there is none, trying to mend that; asks the host only if there is reason to. */
  async problem({ signal }: { signal: AbortSignal }): Promise<string | undefined> {
    if (this.#state.at === 'running') return undefined;
    const limit = limitSignal(SHORT_WAIT_MS, signal);
    try {
      await this.container({ signal: limit });
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (!limit.aborted) return messageOf(error);
      const { host, image } = this.#options;
      const before = this.#state.at === 'making' ? this.#state.before?.error.message : undefined;
      return before ?? `${host}: the helper pod is being started (${image})`;
    }
  }

  /** Takes it off the host. */
  async remove({ signal }: { signal: AbortSignal }): Promise<void> {
    const { cri, owner } = this.#options;
    this.#state = { at: 'unknown' };
    const filter = { label_selector: helperSelector(owner) };
    const { items } = await cri.listPodSandbox({ filter }, { signal });
    await this.#removeAll(
      items.map(({ id }) => id),
      signal,
    );
  }

  /** Leaves it on the host for the next start. */
  close(): void {
    this.#life.abort(new HostError('cancelled', this.#options.host, 'the link is closed'));
  }

  #make(before: Failure | undefined): Promise<string> {
    const { clock, image } = this.#options;
    const signal = limitSignal(MAKE_MS, this.#life.signal);
    const made = this.#ensure(signal).then(
      (container) => {
        if (before !== undefined) this.#log.info({ image }, 'the helper pod is there');
        this.#state = { at: 'running', container };
        return container;
      },
      (cause: unknown) => {
        const unreached = this.#isUnreached(cause);
        const count = (before?.count ?? 0) + (unreached ? 0 : 1);
        const error = this.#failure(cause);
        const isKnown = error.message === before?.error.message || error.message === this.#options.fault();
        if (!isKnown && !this.#life.signal.aborted)
          this.#log.warn({ err: error }, 'the helper pod could not be started: trying again');
        const waitMs = unreached ? UNREACHED_MS : backoffMs(retry, count);
        this.#state = {
          at: 'failed',
          failure: { error, count, retryAt: clock.monotonic() + waitMs },
        };
        throw error;
      },
    );
    made.catch(() => undefined);
    this.#state = { at: 'making', made, before };
    return made;
  }

  async #ensure(signal: AbortSignal): Promise<string> {
    const { image } = this.#options;
    const plan = await this.#plan(signal);
    await this.#removeAll(plan.remove, signal);
    if (plan.do === 'use') {
      await this.#options.try(plan.container, { signal });
      return plan.container;
    }
    const started = await this.#start(plan.attempt, signal);
    this.#log.info({ image, containerId: started }, 'started the helper pod');
    return started;
  }

  async #plan(signal: AbortSignal): Promise<HelperPlan> {
    const { cri, owner, image } = this.#options;
    const filter = { label_selector: helperSelector(owner) };
    const [{ items }, { containers }] = await Promise.all([
      cri.listPodSandbox({ filter }, { signal }),
      cri.listContainers({ filter }, { signal }),
    ]);
    return planHelper(
      {
        sandboxes: items.map(({ id, state, labels, metadata }) => ({
          id,
          labels,
          ready: state === 'SANDBOX_READY',
          attempt: metadata?.attempt ?? 0,
        })),
        containers: containers.map(({ id, state, pod_sandbox_id: sandbox }) => ({
          id,
          sandbox,
          running: state === 'CONTAINER_RUNNING',
        })),
      },
      helperSpecHash(image),
    );
  }

  async #start(attempt: number, signal: AbortSignal): Promise<string> {
    const { cri, owner, image, cgroupDriver } = this.#options;
    const [imageId, driver] = await Promise.all([
      this.#image(signal),
      runtimeCgroupDriver(cri, cgroupDriver, { signal }),
    ]);
    const sandbox = helperSandbox({ owner, image, attempt, driver });
    const { pod_sandbox_id: id } = await cri.runPodSandbox({ config: sandbox }, { signal });
    try {
      const config = helperContainer({ owner, image, imageId });
      const { container_id: container } = await cri.createContainer(
        { pod_sandbox_id: id, config, sandbox_config: sandbox },
        { signal },
      );
      await cri.startContainer({ container_id: container }, { signal });
      await this.#options.try(container, { signal });
      return container;
    } catch (error) {
      await this.#removeAll([id], limitSignal(CLEAN_MS)).catch(() => undefined);
      throw error;
    }
  }

  /** The id of the image, which is pulled if the host has none of that name. */
  async #image(signal: AbortSignal): Promise<string> {
    const { cri, image, host } = this.#options;
    const { image: found } = await cri.imageStatus({ image: { image } }, { signal });
    if (found !== null) return found.id;
    try {
      return (await cri.pullImage({ image: { image } }, { signal })).image_ref;
    } catch (error) {
      throw new HostError(
        kindOf(error),
        host,
        `image ${image} is not there and could not be pulled: ${messageOf(error)}; bring it there (ctr -n k8s.io images pull or import), or name another in helperImage`,
        { cause: error },
      );
    }
  }

  async #removeAll(sandboxes: readonly string[], signal: AbortSignal): Promise<void> {
    const { cri } = this.#options;
    await Promise.all(
      sandboxes.map(async (id) => {
        await cri.stopPodSandbox({ pod_sandbox_id: id }, { signal });
        await cri.removePodSandbox({ pod_sandbox_id: id }, { signal });
      }),
    );
  }

  /** That says nothing of the helper. */
  #isUnreached(cause: unknown): boolean {
    const kind = kindOf(cause);
    return kind === 'deadline-exceeded' || (kind === 'unavailable' && this.#options.fault() !== undefined);
  }

  #failure(cause: unknown): HostError {
    const { host, fault } = this.#options;
    const unreached = kindOf(cause) === 'unavailable' ? fault() : undefined;
    if (unreached !== undefined) return new HostError('unavailable', host, unreached, { cause });
    const text = messageOf(cause);
    const prefix = `${host}: the helper pod: `;
    const message = text.startsWith(`${host}: `) ? `${prefix}${text.slice(host.length + 2)}` : prefix + text;
    const kind = kindOf(cause);
    return new HostError(kind === 'internal' ? 'unavailable' : kind, host, message, { cause });
  }
}
