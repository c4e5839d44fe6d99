import { createHash } from 'node:crypto';

/**
 * What marks the sandboxes of a node's static pods as its own in place of the cluster's id, which is not
 * known where they must run (docs/adr/0006): the same after every restart, and another for a node of the same
 * name that keeps its files elsewhere on the host. Pure.
 */
export function staticOwner(node: { name: string; rootDir: string }): string {
  const digest = createHash('sha256').update(`${node.name}\0${node.rootDir}`).digest('hex');
  return `static-${digest.slice(0, 16)}`;
}
