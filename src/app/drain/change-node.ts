/** How a drain writes to a Node, and what it writes. */
import type { DrainOptions } from './drain.ts';
import { paths } from '../../kube/paths.ts';
import { kindOf } from '../../model/errors.ts';
import { drainedHosts, drainKey } from '../../model/host-labels.ts';
import type { KubeNode } from '../../model/kube.ts';
import { isLeavingNode, leavingKey } from '../../model/leaving-node.ts';

/** A merge patch; undefined: the Node is as it should be. */
type Change = { readonly metadata: object; readonly spec?: object } | undefined;

/** A Node that somebody else writes to at the same time. */
const TRIES = 5;

/** Only upon what was read: another who writes the same field is not overwritten. */
export async function changeNode(
  name: string,
  { client, signal }: Pick<DrainOptions, 'client' | 'signal'>,
  change: (node: KubeNode) => Change,
): Promise<void> {
  for (let left = TRIES - 1; ; left -= 1) {
    const patch = change(await client.get<KubeNode>(paths.node(name), { signal }));
    if (patch === undefined) return;
    try {
      await client.patch(paths.node(name), 'merge', patch, { signal });
      return;
    } catch (error) {
      if (kindOf(error) !== 'conflict' || left === 0) throw error;
    }
  }
}

/** Closed to new pods. */
export function closed({ metadata, spec }: KubeNode): Change {
  if (spec?.unschedulable === true) return undefined;
  return { metadata: versionOf(metadata), spec: { unschedulable: true } };
}

/** Open to them, and there to stay. */
export function opened(node: KubeNode): Change {
  const { metadata, spec } = node;
  const isLeaving = isLeavingNode(node);
  if (spec?.unschedulable !== true && !isLeaving) return undefined;
  return {
    metadata: { ...versionOf(metadata), ...(isLeaving ? { annotations: { [leavingKey]: null } } : {}) },
    spec: { unschedulable: null },
  };
}

/** Being taken away for good. */
export function leaving(node: KubeNode): Change {
  if (isLeavingNode(node)) return undefined;
  return { metadata: { ...versionOf(node.metadata), annotations: { [leavingKey]: 'true' } } };
}

/** One of its hosts drained, or not any more. */
export function drained({ metadata }: KubeNode, host: string, to: boolean): Change {
  const before = drainedHosts(metadata.annotations);
  if (before.has(host) === to) return undefined;
  const names = to ? [...before, host] : [...before].filter((each) => each !== host);
  const value = names.length === 0 ? null : names.join(',');
  return { metadata: { ...versionOf(metadata), annotations: { [drainKey]: value } } };
}

function versionOf({ resourceVersion }: KubeNode['metadata']): object {
  return resourceVersion === undefined ? {} : { resourceVersion };
}
