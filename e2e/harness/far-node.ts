/**
 * A node whose host is far, while something happens to it: what must not change, and how long it takes to be
 * well again.
 */
import { paths } from '../../src/kube/paths.ts';
import { isNotFound } from '../../src/model/errors.ts';
import type { KubeNode } from '../../src/model/kube.ts';
import type { Namespace } from './namespace.ts';
import type { RemoteHost } from './remote-host.ts';
import type { World } from './world.ts';

export interface ReadyCondition {
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export interface FarNode {
  readonly host: () => RemoteHost;
  readonly ready: () => Promise<ReadyCondition>;
  /** Resolves with the Ready condition once its status is this. */
  readonly waitReady: (status: 'True' | 'False', timeoutMs: number) => Promise<ReadyCondition>;
  /** what must not change for a pod that nobody touches: object, containers, restarts, address */
  readonly identity: (pod: string) => Promise<string>;
  /** how many containers and sandboxes of pods run there, by the runtime's own word */
  readonly running: () => Promise<number>;
  readonly gone: (pod: string, timeoutMs?: number) => Promise<void>;
}

export function farNode(world: World, e2e: Namespace): FarNode {
  const { node } = e2e;
  const far: FarNode = {
    host: () => world.remote(node),
    ready: async () => {
      const { status } = await world.client.get<KubeNode>(paths.node(node));
      const found = status?.conditions?.find(({ type }) => type === 'Ready');
      const { status: is = '', reason = '', message = '' } = found ?? {};
      return { status: is, reason, message };
    },
    waitReady: (status, timeoutMs) =>
      e2e.wait(
        `node ${node}: Ready to be ${status}`,
        async () => {
          const now = await far.ready();
          return now.status === status ? now : undefined;
        },
        timeoutMs,
      ),
    identity: async (pod) => {
      const { metadata, status } = await e2e.pod(pod);
      const containers = (status.containerStatuses ?? []).map((each) => [
        each.containerID,
        each.restartCount,
      ]);
      return JSON.stringify([metadata.uid, status.podIP, containers]);
    },
    running: async () => {
      const [ids, tasks] = await Promise.all([far.host().containers(), far.host().ctr(['tasks', 'ls'])]);
      const running = tasks.split('\n').filter((line) => line.includes('RUNNING'));
      return running.filter((line) => ids.includes(line.split(/\s+/)[0] ?? '')).length;
    },
    gone: async (pod, timeoutMs) => {
      await e2e.wait(
        `pod ${pod} to be gone`,
        () =>
          e2e.pod(pod).then(
            () => false,
            (error: unknown) => isNotFound(error),
          ),
        timeoutMs,
      );
    },
  };
  return far;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
