import type { HostFacts } from '../hosts/facts.ts';
import type { KubeNode, ObjectReference, Taint } from '../model/kube.ts';
import type { NodeInfo } from '../model/node-info.ts';

/** A node as one of its hosts sees it: capacity and labels are those of that host. */
export interface NodeView {
  /**
   * Resolves when this host has been observed: pods can be admitted, whether or not the Node is registered.
   */
  readonly known: Promise<unknown>;
  /** as the API server has it; undefined until it is registered */
  node(): KubeNode | undefined;
  info(): NodeInfo;
  /** of the host; undefined before the first look */
  facts(): HostFacts | undefined;
  /** of the host; empty before the first look */
  addresses(): readonly string[];
  taints(): readonly Taint[];
  reference(): ObjectReference;
  /** Reads the Node's labels and taints again: somebody may just have changed them. */
  refresh(options: { signal: AbortSignal }): Promise<void>;
  /** Something that the node's status depends on has changed. */
  statusSoon(): void;
}
