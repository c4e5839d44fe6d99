/**
 * What a runtime holds of pods, asked of it directly: the judge of what farlet did. Farlet's own helper is
 * none of them.
 */
import { connectCri } from '../../src/hosts/cri/connect.ts';
import { helperLabels, labels } from '../../src/model/labels.ts';

export interface Held {
  readonly sandboxes: readonly { readonly id: string; readonly uid: string; readonly ready: boolean }[];
  readonly containers: readonly {
    readonly id: string;
    readonly uid: string;
    readonly name: string;
    readonly running: boolean;
  }[];
}

export async function sandboxesAndContainers(socket: string): Promise<Held> {
  const cri = connectCri({ endpoint: { target: `unix:${socket}` }, host: socket });
  try {
    const [sandboxes, containers] = await Promise.all([
      cri.listPodSandbox({}, { timeoutMs: 10_000 }),
      cri.listContainers({}, { timeoutMs: 10_000 }),
    ]);
    return {
      sandboxes: sandboxes.items.filter(isOfPod).map(({ id, labels: own, state }) => ({
        id,
        uid: own[labels.podUid] ?? '',
        ready: state === 'SANDBOX_READY',
      })),
      containers: containers.containers.filter(isOfPod).map(({ id, labels: own, state, metadata }) => ({
        id,
        uid: own[labels.podUid] ?? '',
        name: metadata?.name ?? '',
        running: state === 'CONTAINER_RUNNING' || state === 'CONTAINER_CREATED',
      })),
    };
  } finally {
    cri.close();
  }
}

function isOfPod({ labels: own }: { readonly labels: Record<string, string> }): boolean {
  return own[helperLabels.node] === undefined;
}
