/** The static pods of a host and their mirrors on the API server. */
import type { KubeClient } from './client.ts';
import { isMirrorOf, MirrorPods } from './mirror-pods.ts';
import type { KubeNode, Pod } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import { isStaticPod, podFullName } from '../model/pod-source.ts';
import type { PodChange } from '../model/pod-update.ts';
import { jittered } from '../util/backoff.ts';
import type { Clock } from '../util/clock.ts';

export interface HostMirrorsOptions {
  readonly client: Pick<KubeClient, 'create' | 'delete' | 'get'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly table: { all(): readonly Pod[]; findStatic(fullName: string): Pod | undefined };
  readonly node: () => KubeNode | undefined;
  /** what the watch tells of a static pod's mirror; undefined: it is gone */
  readonly onMirrored: (pod: Pod, mirror: Pod | undefined) => void;
  /** the pod is to be looked at by the loop */
  readonly onDue: (uid: string) => void;
}

const RETRY_MS = 10_000;

export class HostMirrors {
  readonly #options: HostMirrorsOptions;
  readonly #mirrors: MirrorPods;

  constructor(options: HostMirrorsOptions) {
    const { clock, table, onDue } = options;
    this.#options = options;
    this.#mirrors = new MirrorPods({
      ...options,
      onFailed: (fullName) => {
        clock.after(jittered(RETRY_MS, 0.5), () => {
          const pod = table.findStatic(fullName);
          if (pod !== undefined) onDue(pod.metadata.uid);
        });
      },
    });
  }

  get size(): number {
    return this.#mirrors.size;
  }

  /** The mirror of a static pod, as the watch last told. */
  get(fullName: string): Pod | undefined {
    return this.#mirrors.get(fullName);
  }

  /** Sees to the pod's mirror, without waiting for it. */
  ensure(pod: Pod): void {
    this.#mirrors.ensure(pod);
  }

  ensureAll(): void {
    for (const pod of this.#options.table.all()) if (isStaticPod(pod)) this.#mirrors.ensure(pod);
  }

  /** What the watch tells of a mirror. */
  observed(change: PodChange): void {
    const { table, onMirrored, onDue } = this.#options;
    this.#mirrors.observed(change);
    const fullName = podFullName(change.pod);
    const own = table.findStatic(fullName);
    if (own === undefined) return;
    const mirror = this.#mirrors.get(fullName);
    // the status of a former manifest's mirror is not this pod's
    onMirrored(own, mirror !== undefined && isMirrorOf(own, mirror) ? mirror : undefined);
    onDue(own.metadata.uid);
  }

  /** Takes down mirrors of pods that are neither wanted nor still being stopped here. */
  collect(isHeld: (fullName: string) => boolean): void {
    this.#mirrors.collect(
      (fullName) => this.#options.table.findStatic(fullName) !== undefined || isHeld(fullName),
    );
  }
}
