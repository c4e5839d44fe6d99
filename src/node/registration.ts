/**
 * Creates a Node, or takes over the one of that name (pkg/kubelet/kubelet_node_status.go
 * tryRegisterWithAPIServer).
 */
import type { KubeClient } from '../kube/client.ts';
import { paths } from '../kube/paths.ts';
import { kindOf } from '../model/errors.ts';
import { drainKey } from '../model/host-labels.ts';
import type { KubeNode } from '../model/kube.ts';
import { nodePatch } from './configured.ts';

/**
 * The Node as the API server has it then. One that is there keeps what others gave it; what is the
 * configuration's is put right.
 */
export async function createOrReconcile(
  client: Pick<KubeClient, 'create' | 'get' | 'patch'>,
  wanted: KubeNode,
  options: { signal: AbortSignal },
): Promise<KubeNode> {
  try {
    return await client.create<KubeNode>(paths.nodes, wanted, options);
  } catch (error) {
    if (kindOf(error) !== 'already-exists' && kindOf(error) !== 'forbidden') throw error;
  }
  const path = paths.node(wanted.metadata.name);
  const existing = await client.get<KubeNode>(path, options);
  const patch = nodePatch(existing, wanted);
  return patch === undefined ? existing : client.patch<KubeNode>(path, 'strategic', patch, options);
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
