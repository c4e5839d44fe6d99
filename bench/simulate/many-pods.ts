/** Pods by the thousand on many nodes, made through the API server and watched there. */
import type { KubeConnection } from '../../src/kube/connect.ts';
import { paths } from '../../src/kube/paths.ts';
import { watchObjects } from '../../src/kube/watch.ts';
import { ignoredFaults } from '../../src/model/faults.ts';
import type { Pod } from '../../src/model/kube.ts';
import { silentLog } from '../../src/model/log.ts';
import { withDeadline } from '../../src/util/abort.ts';
import { systemClock } from '../../src/util/clock.ts';
import { isReady } from '../node-pods.ts';

/** So many pods are on their way to Ready at a time: what is looked at begins when all are. */
const LANES = 64;
const READY_MS = 300_000;

export interface ManyPods {
  /** how many are Ready now */
  count(): number;
  /** Resolves once the pod is Ready. */
  isReady(uid: string, options: { signal: AbortSignal }): Promise<void>;
}

/** Watches the pods of the namespace until the signal aborts. */
export function watchPods(
  client: KubeConnection,
  namespace: string,
  { signal }: { signal: AbortSignal },
): ManyPods {
  const ready = new Set<string>();
  const waiting = new Map<string, () => void>();
  const take = (pod: Pod): void => {
    const { uid } = pod.metadata;
    if (isReady(pod)) {
      ready.add(uid);
      waiting.get(uid)?.();
    } else ready.delete(uid);
  };
  watchObjects<Pod>(
    {
      ...{ client, path: paths.podsIn(namespace), what: 'pods' },
      ...{ clock: systemClock, log: silentLog, faults: ignoredFaults },
      onEvent: (event) => {
        if (event.type === 'reset') {
          ready.clear();
          event.items.forEach(take);
        } else if (event.type === 'delete') ready.delete(event.object.metadata.uid);
        else take(event.object);
      },
    },
    { signal },
  ).catch(() => undefined);
  return {
    count: () => ready.size,
    isReady: (uid, { signal: life }) =>
      withDeadline(life, READY_MS, 'a pod to be Ready', () =>
        ready.has(uid) ? Promise.resolve() : new Promise<void>((resolve) => waiting.set(uid, resolve)),
      ).finally(() => waiting.delete(uid)),
  };
}

/** So many on each node, a few at a time; resolves once all are Ready. */
export async function createPods(
  client: KubeConnection,
  namespace: string,
  {
    nodes,
    each,
    tokens,
    pods,
    signal,
  }: { nodes: readonly string[]; each: number; tokens: boolean; pods: ManyPods; signal: AbortSignal },
): Promise<void> {
  // node by node in turn, so that all hosts start pods at the same time
  const waiting = Array.from({ length: each }, (_, index) => nodes.map((node) => ({ node, index }))).flat();
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      signal.throwIfAborted();
      const wanted = pod(next.node, next.index, tokens);
      const { metadata } = await client.create<Pod>(paths.podsIn(namespace), wanted, { signal });
      await pods.isReady(metadata.uid, { signal });
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** One container; the token volume is the API server's addition. */
function pod(node: string, index: number, tokens: boolean): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${node}-${index}`, labels: { app: 'simulate' } },
    spec: {
      nodeName: node,
      automountServiceAccountToken: tokens,
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'c', image: 'localhost/busybox:1', command: ['sleep', '1000000'] }],
    },
  };
}
