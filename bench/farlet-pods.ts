/**
 * Pods through farlet, as a user of the API server sees them: create, Ready on a watch, delete, gone on the
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

export interface FarletPodsOptions {
  readonly client: KubeConnection;
  readonly node: string;
  readonly namespace: string;
  readonly signal: AbortSignal;
  /** of the pods, besides what they have anyway */
  readonly volumes?: readonly object[];
  readonly volumeMounts?: readonly object[];
  /** they have a service account token; default: true */
  readonly tokens?: boolean;
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

const WAIT_MS = 120_000;

export class FarletPods {
  readonly #options: FarletPodsOptions;
  readonly #seen = new Map<string, Seen>();

  constructor(options: FarletPodsOptions) {
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
        },
      },
      { signal },
    ).catch(() => undefined);
  }

  async start(name: string): Promise<StartedPod> {
    const { client, namespace, signal } = this.#options;
    const seen: Seen = {
      uid: '',
      added: undefined,
      ready: Promise.withResolvers(),
      gone: Promise.withResolvers(),
    };
    this.#seen.set(name, seen);
    const sentAt = performance.now();
    const pod = await client.create<Pod>(`/api/v1/namespaces/${namespace}/pods`, this.#pod(name));
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

  /**
   * One container that ends at once when told to; the rest is what the API server makes of it, token volume
   * included.
   */
  #pod(name: string): object {
    const { node, volumes = [], volumeMounts = [], tokens = true } = this.#options;
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: 'bench' } },
      spec: {
        nodeName: node,
        volumes,
        automountServiceAccountToken: tokens,
        terminationGracePeriodSeconds: 2,
        containers: [
          {
            name: 'c',
            volumeMounts,
            image: 'localhost/busybox:1',
            command: ['sh', '-c', 'trap "exit 0" TERM; sleep 1000000 & wait'],
          },
        ],
      },
    };
  }

  #take(event: WatchEvent<Pod>): void {
    const now = performance.now();
    if (event.type === 'reset') return;
    const { object, type } = event;
    const seen = this.#seen.get(object.metadata.name);
    if (seen === undefined) return;
    seen.added ??= now;
    if (type === 'delete') seen.gone.resolve(now);
    else if (
      object.status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true
    )
      seen.ready.resolve(now);
  }
}
