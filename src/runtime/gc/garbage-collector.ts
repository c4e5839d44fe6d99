/** Carries out what container-gc.ts and sandbox-gc.ts decide, for one host's pods of one virtual node. */
import type { Log, LogFields } from '../../model/log.ts';
import { podFields } from '../../model/pod-ref.ts';
import type { ObservedContainer, PodRuntimeState, Removal } from '../../model/runtime-state.ts';
import { containersToCollect, exitedToRemove } from './container-gc.ts';
import type { ContainerRemover } from './container-remover.ts';
import type { ContainerKiller } from '../stop/container-killer.ts';
import { settledBoth } from '../../util/abort.ts';
import type { Clock } from '../../util/clock.ts';
import { killSubject } from '../stop/kill-subject.ts';
import { sandboxesToCollect } from './sandbox-gc.ts';
import { unlessRefused } from './unless-refused.ts';

/** dead containers of one name that are kept, for their logs and their last state */
const kept = 1;

export interface GarbageCollectorOptions {
  readonly remover: Pick<ContainerRemover, 'remove' | 'removeSandbox' | 'removePodLogs'>;
  readonly killer: Pick<ContainerKiller, 'kill'>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
}

/** The ids that are gone for good. */
export interface Collected {
  readonly containers: readonly { readonly uid: string; readonly id: string }[];
  readonly sandboxes: readonly { readonly uid: string; readonly id: string }[];
}

export class GarbageCollector {
  readonly #options: GarbageCollectorOptions;

  constructor(options: GarbageCollectorOptions) {
    this.#options = options;
  }

  /**
   * One round over everything the runtime holds (the kubelet's every minute). What can't be removed is logged
   * and left to the next round. Rejects only with the signal's reason.
   */
  async collect(
    states: readonly PodRuntimeState[],
    forgettable: (uid: string) => boolean,
    { signal }: { signal: AbortSignal },
  ): Promise<Collected> {
    const containers: { uid: string; id: string }[] = [];
    for (const { container, state } of containersToCollect(states, { forgettable, keep: kept })) {
      if (await this.#remove(container, state, signal)) containers.push({ uid: state.uid, id: container.id });
    }
    const removed = new Set(containers.map(({ id }) => id));
    await this.#removeLogFolders(
      states.filter(({ uid }) => forgettable(uid)),
      { removed, signal },
    );
    const uids = new Map(states.flatMap(({ uid, sandboxes }) => sandboxes.map(({ id }) => [id, uid])));
    const sandboxes: { uid: string; id: string }[] = [];
    for (const { id } of sandboxesToCollect(states, { forgettable, removed })) {
      const uid = uids.get(id) ?? '';
      const work = (): Promise<void> => this.#options.remover.removeSandbox(id, { signal });
      if (await this.#trying({ uid, sandbox: id }, work, signal)) sandboxes.push({ uid, id });
    }
    return { containers, sandboxes };
  }

  /** After a container died: those of its name beyond the newest go at once. The ids that are gone. */
  async afterDeath(
    state: PodRuntimeState,
    diedId: string,
    { signal }: { signal: AbortSignal },
  ): Promise<string[]> {
    const gone: string[] = [];
    for (const container of exitedToRemove(state, { diedId, keep: kept })) {
      if (await this.#remove(container, state, signal)) gone.push(container.id);
    }
    return gone;
  }

  /**
   * Everything of a pod that is done: containers, logs, sandboxes. Nothing of it may run any more, and its
   * sandboxes have been stopped, but for those that are ready. Resolves with what is gone and with what the
   * runtime says of those that it refuses to remove: `collect` tries them again. Rejects with the first other
   * failure after having tried all, or with the signal's reason.
   */
  async removePod(state: PodRuntimeState, { signal }: { signal: AbortSignal }): Promise<Removal> {
    const { remover } = this.#options;
    // the logs before the sandboxes: as long as one is left it tells whose folder that is
    const [containers] = await settledBoth(
      this.#removeAll(state.containers, signal, (container) =>
        remover.remove(container, state, { signal, keepLogs: true }),
      ),
      remover.removePodLogs(state, state.containers, { signal }),
    );
    const sandboxes = await this.#removeAll(state.sandboxes, signal, ({ id, ready }) =>
      remover.removeSandbox(id, { signal, isStopped: !ready }),
    );
    return {
      gone: [...containers.gone, ...sandboxes.gone],
      refused: [...containers.refused, ...sandboxes.refused],
    };
  }

  /** Side by side. Rejects with the first failure once all have been tried. */
  async #removeAll<T extends { readonly id: string }>(
    all: readonly T[],
    signal: AbortSignal,
    remove: (one: T) => Promise<void>,
  ): Promise<Removal> {
    const { clock } = this.#options;
    const outcomes = await Promise.allSettled(
      all.map(async (one) => ({
        id: one.id,
        refusal: await unlessRefused(() => remove(one), { clock, signal }),
      })),
    );
    signal.throwIfAborted();
    const done = outcomes.map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    });
    return {
      gone: done.filter(({ refusal }) => refusal === undefined).map(({ id }) => id),
      refused: done.map(({ refusal }) => refusal).filter((refusal) => refusal !== undefined),
    };
  }

  /** Of pods of which nothing is left but sandboxes that go now. */
  async #removeLogFolders(
    states: readonly PodRuntimeState[],
    { removed, signal }: { removed: ReadonlySet<string>; signal: AbortSignal },
  ): Promise<void> {
    for (const state of states) {
      const isLeft =
        state.containers.some(({ id }) => !removed.has(id)) || state.sandboxes.some(({ ready }) => ready);
      if (isLeft || state.sandboxes.length === 0) continue;
      await this.#trying(
        podFields(state),
        () => this.#options.remover.removePodLogs(state, [], { signal }),
        signal,
      );
    }
  }

  async #remove(container: ObservedContainer, state: PodRuntimeState, signal: AbortSignal): Promise<boolean> {
    return this.#trying(
      { ...podFields(state), container: container.name, containerId: container.id },
      async () => {
        // one of unknown state may be running
        if (container.state === 'unknown')
          await this.#options.killer.kill(
            {
              subject: killSubject(undefined, container, state),
              reason: 'unknown-state',
              message: 'Container is in unknown state, try killing it before removal',
              podIPs: state.ips,
            },
            { signal },
          );
        await this.#options.remover.remove(container, state, { signal });
      },
      signal,
    );
  }

  async #trying(fields: LogFields, work: () => Promise<void>, signal: AbortSignal): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      signal.throwIfAborted();
      this.#options.log.warn({ ...fields, err: error }, 'not collected');
      return false;
    }
  }
}
