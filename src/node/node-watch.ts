/** A node's own object, watched: what others write to it, and that it is deleted, is seen at once. */
import { isDeepStrictEqual } from 'node:util';
import type { KubeConnection } from '../kube/connect.ts';
import { paths } from '../kube/paths.ts';
import { watchObjects } from '../kube/watch.ts';
import type { Faults } from '../model/faults.ts';
import type { KubeNode } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import type { Clock } from '../util/clock.ts';

export interface NodeWatchOptions {
  readonly client: Pick<KubeConnection, 'get' | 'stream'>;
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly faults: Faults;
  /** `listed`: read just now; others may have been overtaken by what is known already */
  readonly onSeen: (node: KubeNode, listed: boolean) => void;
  /** undefined: it was not there when it was looked for */
  readonly onGone: (uid: string | undefined) => void;
}

export async function watchNode(
  { node, onSeen, onGone, ...rest }: NodeWatchOptions,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  await watchObjects<KubeNode>(
    {
      ...rest,
      path: paths.nodes,
      what: 'the node',
      fieldSelector: `metadata.name=${node}`,
      onEvent: (event) => {
        if (event.type === 'delete') onGone(event.object.metadata.uid);
        else {
          const seen = event.type === 'reset' ? event.items[0] : event.object;
          if (seen === undefined) onGone(undefined);
          else onSeen(seen, event.type === 'reset');
        }
      },
    },
    { signal },
  );
}

/** Whether what others write to a Node differs, and it is no status. */
export function isChanged(node: KubeNode, from: KubeNode): boolean {
  const written = ({ metadata: { labels, annotations }, spec }: KubeNode): unknown => ({
    labels,
    annotations,
    spec,
  });
  return !isDeepStrictEqual(written(node), written(from));
}
