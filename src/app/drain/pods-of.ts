import type { Target } from './targets.ts';
import type { KubeClient } from '../../kube/client.ts';
import { listAll } from '../../kube/list.ts';
import { paths } from '../../kube/paths.ts';
import { hostKey } from '../../model/host-labels.ts';
import type { Pod } from '../../model/kube.ts';
import { own } from '../../model/own.ts';

/** The pods of a node, or those that are on one of its hosts. */
export async function podsOf(
  { node, host }: Target,
  { client, signal }: { readonly client: Pick<KubeClient, 'get'>; readonly signal: AbortSignal },
): Promise<Pod[]> {
  const fieldSelector = `spec.nodeName=${node}`;
  const { items } = await listAll<Pod>(client, { path: paths.pods, fieldSelector, signal });
  return host === undefined
    ? items
    : items.filter(({ metadata }) => own(metadata.annotations, hostKey) === host);
}

/** As people write it. */
export function podName({ namespace, name }: Pod['metadata']): string {
  return `${namespace}/${name}`;
}

/** As people write them. */
export function namesByUid(pods: readonly Pod[]): Map<string, string> {
  return new Map(pods.map(({ metadata }) => [metadata.uid, podName(metadata)]));
}

/** Takes those out that are there no more, and says so; `known` are names by UID. */
export function dropGone(
  known: Map<string, string>,
  there: readonly Pod[],
  print: (text: string) => void,
): void {
  for (const [uid, name] of known)
    if (!there.some(({ metadata }) => metadata.uid === uid)) {
      print(`pod ${name} is gone\n`);
      known.delete(uid);
    }
}
