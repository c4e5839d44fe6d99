/** A node's being this farlet's to run, as the rest of the node knows it (docs/adr/0015). */
import { FarletError } from '../model/errors.ts';
import type { Fence } from '../util/fence.ts';

/** Another farlet runs the node: this one ends, so that it starts again and waits for its turn. */
export class LostOwnership extends FarletError {
  constructor(node: string, owner: string) {
    super(
      'conflict',
      `node ${node} is run by ${owner} now, so this farlet has stopped acting for it and ends; started again, it waits for its turn`,
    );
  }
}

/** What a node needs of its being owned. */
export interface NodeClaim {
  /** Before each write to the API server: only while the node is surely owned. */
  readonly api: Fence;
  /**
   * Before any action on a host. While the owner of the node cannot be read, its pods are cared for as by a
   * kubelet that has lost its API server.
   */
  readonly host: Fence;
  /** The Node is registered under this UID; undefined: it is gone. The lease says so at once. */
  nodeIs(uid: string | undefined): void;
}
