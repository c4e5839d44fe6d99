/**
 * Pods of one node, as a user of the API server sees them: create, Ready on a watch, delete, gone on the
 * watch.
 */
import type { KubeConnection } from '../src/kube/connect.ts';
import { paths } from '../src/kube/paths.ts';
import { watchObjects, type WatchEvent } from '../src/kube/watch.ts';
import { silentLog } from '../src/model/log.ts';
import { ignoredFaults } from '../src/model/faults.ts';
import type { Pod } from '../src/model/kube.ts';
import { withDeadline } from '../src/util/abort.ts';
import { systemClock } from '../src/util/clock.ts';
import { plain, type PodShape } from './pod-shapes.ts';

export interface NodePodsOptions {
  readonly client: KubeConnection;
  readonly node: string;
  readonly namespace: string;
  readonly signal: AbortSignal;
  /** of pods that are started without one; default: plain */
  readonly shape?: PodShape;
  /** What happens to any pod of the node, as the watch shows it. */
  readonly onEvent?: (event: WatchEvent<Pod>) => void;
}

/** Monotonic ms of what happened to one pod. */
interface Seen {
  uid: string;
  added: number | undefined;
  readonly ready: PromiseWithResolvers<number>;
  readonly gone: PromiseWithResolvers<number>;
}

export interface StartedPod {
  readonly name: string;
  readonly uid: string;
  /** the create call was sent */
  readonly sentAt: number;
  /** it returned, or the watch showed the pod: whichever came first */
  readonly createdAt: number;
  readonly readyAt: number;
}

/** One at a time: ms of each pod. */
export interface Singles {
  /** from the create call's return, or ADDED on the watch if that is sooner, to Ready */
  readonly starts: readonly number[];
  /** from the delete call's return until the object is gone */
  readonly deletes: readonly number[];
}

const WAIT_MS = 120_000;

export class NodePods {
  readonly #options: NodePodsOptions;
  readonly #seen = new Map<string, Seen>();

  constructor(options: NodePodsOptions) {
    this.#options = options;
    const { client, node, signal } = options;
    watchObjects<Pod>(
      {
        client,
        path: paths.pods,
        fieldSelector: `spec.nodeName=${node}`,
        what: 'pods',
        clock: systemClock,
        log: silentLog,
        faults: ignoredFaults,
        onEvent: (event) => {
          this.#take(event);
          options.onEvent?.(event);
        },
      },
      { signal },
    ).catch(() => undefined);
  }

  async start(name: string, shape = this.#options.shape ?? plain): Promise<StartedPod> {
    const { client, namespace, node, signal } = this.#options;
    const seen: Seen = {
      uid: '',
      added: undefined,
      ready: Promise.withResolvers(),
      gone: Promise.withResolvers(),
    };
    this.#seen.set(name, seen);
    const sentAt = performance.now();
    const pod = await client.create<Pod>(paths.podsIn(namespace), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: 'bench' } },
      spec: { ...shape, nodeName: node },
    });
    const returned = performance.now();
    const readyAt = await withDeadline(signal, WAIT_MS, `pod ${name} to be Ready`, () => seen.ready.promise);
    const { uid } = pod.metadata;
    return { name, uid, sentAt, createdAt: Math.min(returned, seen.added ?? returned), readyAt };
  }

  /** ms from the return of the delete call until the object is gone. */
  async delete(name: string): Promise<number> {
    const { client, namespace, signal } = this.#options;
    const seen = this.#seen.get(name);
    if (seen === undefined) throw new Error(`pod ${name} was not started`);
    await client.delete(paths.pod(namespace, name));
    const returned = performance.now();
    const goneAt = await withDeadline(signal, WAIT_MS, `pod ${name} to be gone`, () => seen.gone.promise);
    this.#seen.delete(name);
    return Math.max(0, goneAt - returned);
  }

  /** One after the other, each deleted before the next. */
  async oneAtATime(names: readonly string[], shape?: PodShape): Promise<Singles> {
    const [starts, deletes]: [number[], number[]] = [[], []];
    for (const name of names) {
      const { createdAt, readyAt } = await this.start(name, shape);
      starts.push(readyAt - createdAt);
      deletes.push(await this.delete(name));
    }
    return { starts, deletes };
  }

  /** All at once: ms from the first create call to the last Ready. */
  async startAll(names: readonly string[], shape?: PodShape): Promise<number> {
    const started = await Promise.all(names.map((name) => this.start(name, shape)));
    const first = Math.min(...started.map(({ sentAt }) => sentAt));
    return Math.max(...started.map(({ readyAt }) => readyAt)) - first;
  }

  /** All at once: ms from the delete calls until the last is gone. */
  async deleteAll(names: readonly string[]): Promise<number> {
    const began = performance.now();
    await Promise.all(names.map((name) => this.delete(name)));
    return performance.now() - began;
  }

  #take(event: WatchEvent<Pod>): void {
    const now = performance.now();
    if (event.type === 'reset') return;
    const { object, type } = event;
    const seen = this.#seen.get(object.metadata.name);
    if (seen === undefined) return;
    seen.added ??= now;
    if (type === 'delete') seen.gone.resolve(now);
    else if (isReady(object)) seen.ready.resolve(now);
  }
}

export function isReady({ status }: Pod): boolean {
  return status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true;
}

export function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}
