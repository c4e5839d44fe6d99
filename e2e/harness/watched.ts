/** A namespace as a watch shows it: every status that its pods ever had, and no process for a look. */
import { before } from 'node:test';
import { startKubeApi } from './kube-api.ts';
import type { ContainerStatusJson, EventJson, Namespace, PodJson } from './namespace.ts';
import { eventually } from './processes.ts';
import type { World } from './world.ts';

/** A pod at one time. */
export interface PodSeen extends PodJson {
  readonly metadata: PodJson['metadata'] & { readonly generation?: number };
  readonly status: PodJson['status'] & {
    readonly observedGeneration?: number;
    readonly hostIP?: string;
    readonly hostIPs?: readonly { ip: string }[];
    readonly podIPs?: readonly { ip: string }[];
    readonly qosClass?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
      readonly observedGeneration?: number;
      readonly lastTransitionTime?: string;
    }[];
    readonly ephemeralContainerStatuses?: readonly ContainerStatusJson[];
  };
}

export interface Watched {
  /** the pod as it was last seen, also once it is gone; throws before that */
  pod(name: string): PodSeen;
  isGone(name: string): boolean;
  /** every version of it, oldest first */
  history(name: string): readonly PodSeen[];
  /** status of a container of any kind */
  container(pod: string, name?: string): ContainerStatusJson | undefined;
  condition(pod: string, type: string): NonNullable<PodSeen['status']['conditions']>[number] | undefined;
  /** events of one object, by its name */
  events(name: string): readonly EventJson[];
  /** Waits until the check has an answer, which it finds in what was seen. */
  until<T>(what: string, check: () => T | undefined | false, timeoutMs?: number): Promise<T>;
  untilEvent(
    object: string,
    reason: string,
    message?: string | RegExp,
    timeoutMs?: number,
  ): Promise<EventJson>;
}

/** Watches the namespace from before the tests of the calling block until the world ends. */
export function useWatched(world: World, space: Namespace): Watched {
  const pods = new Map<string, PodSeen[]>();
  const gone = new Set<string>();
  const events = new Map<string, EventJson>();
  before(async () => {
    const folder = `${world.folder}/watched-${space.name}`;
    const api = await startKubeApi({ kubeconfig: world.plane.kubeconfig, folder });
    const stop = new AbortController();
    const base = `/api/v1/namespaces/${space.name}`;
    const watching = [
      api.watch(
        `${base}/pods?watch=true`,
        ({ type, object }) => {
          const pod = object as unknown as PodSeen;
          const { name } = pod.metadata;
          if (type === 'DELETED') gone.add(name);
          else gone.delete(name);
          pods.set(name, [...(pods.get(name) ?? []), pod]);
        },
        stop.signal,
      ),
      api.watch(
        `${base}/events?watch=true`,
        ({ object }) => {
          const event = object as unknown as EventJson & { metadata: { name: string } };
          events.set(event.metadata.name, event);
        },
        stop.signal,
      ),
    ];
    world.onEnd(async () => {
      stop.abort();
      await Promise.allSettled(watching);
      await api.stop();
    });
  });
  const watched: Watched = {
    pod: (name) => {
      const pod = pods.get(name)?.at(-1);
      if (pod === undefined) throw new Error(`no pod ${name} was seen`);
      return pod;
    },
    isGone: (name) => gone.has(name),
    history: (name) => pods.get(name) ?? [],
    container: (pod, name) => {
      const { status } = watched.pod(pod);
      const all = [
        ...(status.containerStatuses ?? []),
        ...(status.initContainerStatuses ?? []),
        ...(status.ephemeralContainerStatuses ?? []),
      ];
      return all.find((each) => name === undefined || each.name === name);
    },
    condition: (pod, type) => watched.pod(pod).status.conditions?.find((each) => each.type === type),
    events: (name) => [...events.values()].filter(({ involvedObject }) => involvedObject.name === name),
    until: (what, check, timeoutMs = 60_000) =>
      eventually(what, check, {
        timeoutMs,
        everyMs: 25,
        describe: async () =>
          [
            (await space.tryKubectl(['get', 'pods', '-o', 'wide'])).stdout,
            (await space.tryKubectl(['get', 'events', '--sort-by=.lastTimestamp'])).stdout,
            (await space.tryKubectl(['get', 'pods', '-o', 'yaml'])).stdout,
            `farlet's log:\n${world.farlets.map((farlet) => farlet.log()).join('\n')}`,
          ].join('\n'),
      }),
    untilEvent: (object, reason, message = '', timeoutMs) =>
      watched.until(
        `event ${reason} of ${object}: ${String(message)}`,
        () =>
          watched
            .events(object)
            .find(
              (event) =>
                event.reason === reason &&
                (typeof message === 'string' ? event.message.includes(message) : message.test(event.message)),
            ),
        timeoutMs,
      ),
  };
  return watched;
}
