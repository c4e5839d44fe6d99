/**
 * Creates a Node, or takes over the one of that name (pkg/kubelet/kubelet_node_status.go
 * tryRegisterWithAPIServer).
 */
import type { KubeClient } from '../kube/client.ts';
import { paths } from '../kube/paths.ts';
import { isNotFound, kindOf } from '../model/errors.ts';
import { drainKey } from '../model/host-labels.ts';
import type { KubeNode } from '../model/kube.ts';
import { nodePatch } from './configured.ts';

/**
 * The Node as the API server has it then. One that is there keeps what others gave it; what is the
 * configuration's is put right, or told to `onRefused` why it must not be: a node's own identity may not
 * change its taints, nor labels that are not a kubelet's (NodeRestriction).
 */
export async function createOrReconcile(
  client: Pick<KubeClient, 'create' | 'get' | 'patch'>,
  wanted: KubeNode,
  { signal, onRefused }: { signal: AbortSignal; onRefused: (error: unknown) => void },
): Promise<KubeNode> {
  const path = paths.node(wanted.metadata.name);
  const existing = await createOrGet(client, wanted, { path, signal });
  const patch = nodePatch(existing, wanted);
  if (patch === undefined) return existing;
  try {
    return await client.patch<KubeNode>(path, 'strategic', patch, { signal });
  } catch (error) {
    if (kindOf(error) !== 'forbidden') throw error;
    onRefused(error);
    return existing;
  }
}

async function createOrGet(
  client: Pick<KubeClient, 'create' | 'get'>,
  wanted: KubeNode,
  { path, signal }: { path: string; signal: AbortSignal },
): Promise<KubeNode> {
  try {
    return await client.create<KubeNode>(paths.nodes, wanted, { signal });
  } catch (refusal) {
    if (kindOf(refusal) !== 'already-exists' && kindOf(refusal) !== 'forbidden') throw refusal;
    try {
      return await client.get<KubeNode>(path, { signal });
    } catch (error) {
      // that there is none says nothing; why it may not be made does
      throw isNotFound(error) && kindOf(refusal) === 'forbidden' ? refusal : error;
    }
  }
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
