import type { Pod } from '../model/kube.ts';
import { isStaticPod, podFullName } from '../model/pod-source.ts';

/** The pods bound to this node, as their sources last told; what the kubelet calls the pod manager. */
export class PodTable {
  readonly #pods = new Map<string, Pod>();
  readonly #rejected = new Set<string>();
  #revision = 0;

  /** Grows with every change. */
  get revision(): number {
    return this.#revision;
  }

  set(pod: Pod): void {
    this.#pods.set(pod.metadata.uid, pod);
    this.#revision += 1;
  }

  delete(uid: string): void {
    this.#pods.delete(uid);
    this.#rejected.delete(uid);
    this.#revision += 1;
  }

  /** The pod was refused at admission: it holds nothing of the node and gets no worker. */
  reject(uid: string): void {
    this.#rejected.add(uid);
    this.#revision += 1;
  }

  isRejected(uid: string): boolean {
    return this.#rejected.has(uid);
  }

  get(uid: string): Pod | undefined {
    return this.#pods.get(uid);
  }

  find(namespace: string, name: string): Pod | undefined {
    return newest(
      this.all().filter(({ metadata }) => metadata.name === name && metadata.namespace === namespace),
    );
  }

  /** The static pod of a full name, which is what a mirror is found by. */
  findStatic(fullName: string): Pod | undefined {
    return newest(this.all().filter((pod) => isStaticPod(pod) && podFullName(pod) === fullName));
  }

  all(): Pod[] {
    return [...this.#pods.values()];
  }

  get size(): number {
    return this.#pods.size;
  }
}

/**
 * A pod may linger beside its successor of the same name; of two created in the same second the later arrival
 * is meant.
 */
function newest(pods: readonly Pod[]): Pod | undefined {
  const created = ({ metadata }: Pod): string => metadata.creationTimestamp ?? '';
  return pods.reduce<Pod | undefined>(
    (found, pod) => (found === undefined || created(found) <= created(pod) ? pod : found),
    undefined,
  );
}
