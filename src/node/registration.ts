/**
 * Creates a Node, or takes over the one of that name (pkg/kubelet/kubelet_node_status.go
 * tryRegisterWithAPIServer).
 */
import type { KubeClient } from '../kube/client.ts';
import { paths } from '../kube/paths.ts';
import { kindOf } from '../model/errors.ts';
import { drainKey, isHostName } from '../model/host-labels.ts';
import type { KubeNode } from '../model/kube.ts';
import { own } from '../model/own.ts';
import { defaultLabels, type NodeIdentity } from './node-object.ts';

/**
 * The Node as the API server has it then. One that is there keeps what others gave it; its default labels are
 * put right.
 */
export async function createOrReconcile(
  client: Pick<KubeClient, 'create' | 'get' | 'patch'>,
  { identity, wanted }: { identity: NodeIdentity; wanted: KubeNode },
  options: { signal: AbortSignal },
): Promise<KubeNode> {
  try {
    return await client.create<KubeNode>(paths.nodes, wanted, options);
  } catch (error) {
    if (kindOf(error) !== 'already-exists' && kindOf(error) !== 'forbidden') throw error;
  }
  const path = paths.node(identity.name);
  const existing = await client.get<KubeNode>(path, options);
  const labels = staleLabels(
    existing.metadata.labels ?? {},
    defaultLabels(identity, wanted.status?.nodeInfo?.architecture ?? ''),
  );
  if (labels === undefined) return existing;
  return client.patch<KubeNode>(path, 'strategic', { metadata: { labels } }, options);
}

/** What the labels that are there are to be patched with; undefined: they are right. */
function staleLabels(
  there: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): Record<string, string | null> | undefined {
  // pods would be sent here for hosts that are not the node's any more
  const gone = Object.keys(there).filter((key) => isHostName(key) && !Object.hasOwn(wanted, key));
  const isStale = gone.length > 0 || Object.entries(wanted).some(([key, value]) => own(there, key) !== value);
  return isStale ? { ...wanted, ...Object.fromEntries(gone.map((key) => [key, null])) } : undefined;
}

/** As little open to new pods as the Node was that somebody has deleted, perhaps after draining it. */
export function asClosed(node: KubeNode, former: KubeNode | undefined): KubeNode {
  const drained = former?.metadata.annotations?.[drainKey];
  const annotations = {
    ...node.metadata.annotations,
    ...(drained === undefined ? {} : { [drainKey]: drained }),
  };
  return {
    ...node,
    metadata: { ...node.metadata, annotations },
    spec: { ...node.spec, ...(former?.spec?.unschedulable === true ? { unschedulable: true } : {}) },
  };
}
