/** /pods: what should run; /runningpods: what the runtime holds (pkg/kubelet GetPods, GetRunningPods). */
import { runs } from '../../model/holds.ts';
import type { Pod } from '../../model/kube.ts';
import { isStaticPod } from '../../model/pod-source.ts';
import type { PodRuntimeState } from '../../model/runtime-state.ts';
import type { PodHost } from './pod-host.ts';

const head = { kind: 'PodList', apiVersion: 'v1', metadata: {} };

export function podList(hosts: readonly Pick<PodHost, 'table' | 'status'>[]): object {
  const items = hosts.flatMap(({ table, status }) =>
    table.all().map((pod) => {
      // the watch tells the others' status; a static pod's is only known here
      const own = isStaticPod(pod) ? status.current(pod.metadata.uid) : undefined;
      return listed(own === undefined ? pod : { ...pod, status: own });
    }),
  );
  return { ...head, items };
}

/** A list's items carry neither their type nor who wrote which field. */
function listed({ metadata: { managedFields: _, ...metadata }, spec, status }: Pod): object {
  return { metadata, spec, status };
}

/** Pods with a sandbox or a container that runs; of each only the names of what runs. */
export function runningPods(hosts: readonly Pick<PodHost, 'cache'>[]): object {
  const states = hosts.flatMap(({ cache }) => cache.states()).filter(runs);
  return { ...head, items: states.map(runningPod) };
}

function runningPod({ uid, name, namespace, containers }: PodRuntimeState): object {
  const running = containers.filter(({ state }) => state === 'running');
  return {
    metadata: { name, namespace, uid },
    spec: {
      containers:
        running.length === 0
          ? null
          : running.map((each) => ({ name: each.name, image: each.imageId || each.imageRef, resources: {} })),
    },
    status: {},
  };
}
