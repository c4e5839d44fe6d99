import type { Pod } from '../model/kube.ts';
import { isStaticPod, podFullName } from '../model/pod-source.ts';

/** The pods bound to this node, as their sources last told; what the kubelet calls the pod manager. */
export class PodTable {
  readonly #pods = new Map<string, Pod>();
  readonly #rejected = new Set<string>();

  set(pod: Pod): void {
    this.#pods.set(pod.metadata.uid, pod);
  }

  delete(uid: string): void {
    this.#pods.delete(uid);
    this.#rejected.delete(uid);
  }

  /** The pod was refused at admission: it holds nothing of the node and gets no worker. */
  reject(uid: string): void {
    this.#rejected.add(uid);
  }

  isRejected(uid: string): boolean {
    return this.#rejected.has(uid);
  }

  get(uid: string): Pod | undefined {
    return this.#pods.get(uid);
  }

  find(namespace: string, name: string): Pod | undefined {
    let found: Pod | undefined;
    for (const pod of this.#pods.values()) {
      if (pod.metadata.name !== name || pod.metadata.namespace !== namespace) continue;
      // a static pod's object may linger beside its successor: the newest is meant
      if (
        found === undefined ||
        (found.metadata.creationTimestamp ?? '') < (pod.metadata.creationTimestamp ?? '')
      )
        found = pod;
    }
    return found;
  }

  /** The static pod of a full name, which is what a mirror is found by. */
  findStatic(fullName: string): Pod | undefined {
    return this.all().find((pod) => isStaticPod(pod) && podFullName(pod) === fullName);
  }

  all(): Pod[] {
    return [...this.#pods.values()];
  }

  get size(): number {
    return this.#pods.size;
  }
}
