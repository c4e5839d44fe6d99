import type { Pod } from '../model/kube.ts';
import type { KubeClient, RequestOptions } from './client.ts';
import { paths } from './paths.ts';

/**
 * Asks for the end of this very pod, as disruption budgets allow: one that forbids it rejects with a
 * KubeError of status 429 (policy/v1 Eviction).
 */
export async function evict(
  client: Pick<KubeClient, 'create'>,
  pod: Pod,
  options: RequestOptions,
): Promise<void> {
  const { namespace, name, uid } = pod.metadata;
  const eviction = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { namespace, name },
    deleteOptions: { preconditions: { uid } },
  };
  await client.create(paths.podEviction(namespace, name), eviction, options);
}
