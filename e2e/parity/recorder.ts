/** Runs cases on a node and records what became of them. */
import { mkdirSync } from 'node:fs';
import {
  startCriProxy,
  type CriProxy,
  type CriProxyListener,
  type ProxiedCall,
} from '../harness/cri-proxy.ts';
import { startKubeApi, type KubeApi, type WatchEvent } from '../harness/kube-api.ts';
import { isRecorded } from './cri-log.ts';
import type { Case, Recording, Step } from './recording.ts';
import { recordCase, type RecordedNode, type Watched } from './record-case.ts';

export interface Recorder {
  /**
   * Runs one case; several may run at a time. Leaves nothing of it behind in the cluster. `awaited`: the pod
   * is deleted when it is at this stage, if that takes longer than the case says, and at most a minute
   * longer.
   */
  record(of: Case, node: RecordedNode, awaited?: Step): Promise<Recording>;
  /**
   * What the kubelet of this node is to use instead of its runtime's socket; default: a socket in the
   * recorder's folder.
   */
  proxy(node: string, runtimeSocket: string, listener?: CriProxyListener): Promise<CriProxy>;
  stop(): Promise<void>;
}

export async function startRecorder(options: { kubeconfig: string; folder: string }): Promise<Recorder> {
  const { kubeconfig, folder } = options;
  mkdirSync(folder, { recursive: true });
  const api: KubeApi = await startKubeApi({ kubeconfig, folder });
  const calls = new Map<string, ProxiedCall[]>();
  const proxies: CriProxy[] = [];
  const watchers = new Map<string, (event: WatchEvent) => void>();
  const stopped = new AbortController();
  const watching = api.watch(
    '/api/v1/pods?watch=true&fieldSelector=metadata.name%3Dpod',
    (event) => watchers.get(event.object.metadata.namespace)?.(event),
    stopped.signal,
  );
  // a failure is told by stop(), and by the pods that are then waited for in vain
  watching.catch(() => undefined);
  const watched: Watched = {
    pods: (namespace, onEvent) => {
      watchers.set(namespace, onEvent);
      return () => watchers.delete(namespace);
    },
    calls: (node) => calls.get(node) ?? [],
  };
  return {
    record: (of, node, awaited) => recordCase({ of, node, awaited, api, watched }),
    proxy: async (node, runtimeSocket, listener = { socket: `${folder}/cri-${node}.sock` }) => {
      const seen: ProxiedCall[] = [];
      calls.set(node, seen);
      const proxy = await startCriProxy({
        listener,
        upstream: runtimeSocket,
        wanted: isRecorded,
        onCall: (call) => seen.push(call),
      });
      proxies.push(proxy);
      return proxy;
    },
    stop: async () => {
      stopped.abort();
      for (const proxy of proxies) proxy.stop();
      await api.stop();
      await watching;
    },
  };
}
