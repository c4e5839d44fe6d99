/**
 * A Node that is taken away for good, by `farlet drain --delete`: whoever takes it away marks it, farlet
 * answers by a condition, and the object is deleted once nothing runs there (docs/adr/0030). Pure.
 */
import type { KubeNode } from './kube.ts';
import { own } from './own.ts';

/** On the Node, `true`: nothing is to be run there any more, and its deletion is meant. */
export const leavingKey = 'farlet.dev/leaving';
/** True on the Node once farlet goes by the mark. */
export const leavingCondition = 'farlet.dev/Leaving';

export function isLeavingNode(node: Pick<KubeNode, 'metadata'> | undefined): boolean {
  return own(node?.metadata.annotations, leavingKey) === 'true';
}
