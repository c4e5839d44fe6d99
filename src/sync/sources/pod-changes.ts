/**
 * One source's successive views of its pods → changes (kubelet: pkg/kubelet/config/config.go). Pure but for
 * its memory.
 */
import type { Pod } from '../../model/kube.ts';
import { annotations } from '../../model/labels.ts';
import type { PodChange } from '../../model/pod-update.ts';
import { rfc3339Micro } from '../../util/clock.ts';
import { sharing } from '../../util/sharing.ts';

export type PodView =
  | { readonly type: 'reset'; readonly items: readonly Pod[] }
  | { readonly type: 'upsert'; readonly object: Pod }
  | { readonly type: 'delete'; readonly object: Pod };

export class PodChanges {
  readonly #source: string;
  readonly #now: () => number;
  /** by UID: a pod that comes again under the same name is another pod */
  readonly #pods = new Map<string, Pod>();
  /** came last: pods of a node resemble each other, above all those of one template */
  #newest: Pod | undefined;

  constructor(options: { source: string; now: () => number }) {
    this.#source = options.source;
    this.#now = options.now;
  }

  /** What differs from before. New pods come oldest first, as they must be admitted. */
  apply(view: PodView): PodChange[] {
    switch (view.type) {
      case 'upsert':
        return this.#upsert(view.object);
      case 'delete':
        return this.#remove(view.object.metadata.uid, view.object);
      case 'reset': {
        const present = new Set(view.items.map((pod) => pod.metadata.uid));
        const gone = [...this.#pods.values()].filter((pod) => !present.has(pod.metadata.uid));
        return [
          ...gone.flatMap((pod) => this.#remove(pod.metadata.uid, pod)),
          ...[...view.items].sort(byCreation).flatMap((pod) => this.#upsert(pod)),
        ];
      }
    }
  }

  /**
   * Emits what differs from before, each pod on its own: one whose handler fails holds up no other, and is
   * emitted again with the next view that has it.
   * @throws the first handler's error, after the others have run
   */
  report(view: PodView, onChanges: (changes: readonly PodChange[]) => void): void {
    const before = new Map(this.#pods);
    const changes = this.apply(view);
    try {
      onChanges(changes);
      return;
    } catch (error) {
      if (changes.length <= 1) {
        for (const { pod } of changes) this.#untell(pod.metadata.uid, before);
        throw error;
      }
    }
    const failures: unknown[] = [];
    for (const change of changes) {
      try {
        onChanges([change]);
      } catch (error) {
        failures.push(error);
        this.#untell(change.pod.metadata.uid, before);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  #untell(uid: string, before: ReadonlyMap<string, Pod>): void {
    const pod = before.get(uid);
    if (pod === undefined) this.#pods.delete(uid);
    else this.#pods.set(uid, pod);
  }

  #upsert(pod: Pod): PodChange[] {
    const before = this.#pods.get(pod.metadata.uid);
    const stamped = stamp(pod, {
      [annotations.configSource]: this.#source,
      [annotations.configSeen]:
        before?.metadata.annotations?.[annotations.configSeen] ?? rfc3339Micro(this.#now()),
    });
    // a worker has the object of when something was last wanted, the status another one, the API the newest
    const next = sharing(stamped, before ?? this.#newest);
    this.#pods.set(pod.metadata.uid, next);
    if (before === undefined) {
      this.#newest = next;
      return [{ kind: 'add', pod: next }];
    }
    if (sameDesire(before, next))
      return before.status === next.status ? [] : [{ kind: 'reconcile', pod: next }];
    return [{ kind: next.metadata.deletionTimestamp === undefined ? 'update' : 'delete', pod: next }];
  }

  #remove(uid: string, last: Pod): PodChange[] {
    const known = this.#pods.get(uid);
    if (known === undefined) return [];
    this.#pods.delete(uid);
    return [{ kind: 'remove', pod: { ...known, status: last.status ?? {} } }];
  }
}

function byCreation(a: Pod, b: Pod): number {
  return (a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1;
}

/** Who set which field is for the API server to know: a large part of an object, and nobody here reads it. */
function stamp(pod: Pod, marks: Record<string, string>): Pod {
  const { managedFields: _, ...metadata } = pod.metadata;
  return { ...pod, metadata: { ...metadata, annotations: { ...metadata.annotations, ...marks } } };
}

/**
 * Whether anything but the status changed (config.go podsDifferSemantically). What says the same in both is
 * the same; farlet's own annotations are those of before.
 */
function sameDesire({ spec, metadata }: Pod, next: Pod): boolean {
  return (
    spec === next.spec &&
    metadata.labels === next.metadata.labels &&
    metadata.annotations === next.metadata.annotations &&
    metadata.deletionTimestamp === next.metadata.deletionTimestamp &&
    metadata.deletionGracePeriodSeconds === next.metadata.deletionGracePeriodSeconds
  );
}
