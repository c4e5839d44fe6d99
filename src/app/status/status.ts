/** `farlet status`: asks the API server alone, so that it works from anywhere. */
import { isFarlets, overview, type NodeOverview, type Seen } from './overview.ts';
import { renderOverview } from './render.ts';
import { yamlText } from '../config/yaml.ts';
import type { KubeClient } from '../../kube/client.ts';
import { listAll } from '../../kube/list.ts';
import { paths } from '../../kube/paths.ts';
import { FarletError, KubeError, messageOf } from '../../model/errors.ts';
import type { KubeNode, Lease, Pod } from '../../model/kube.ts';
import { Semaphore } from '../../util/semaphore.ts';

export interface StatusOptions {
  readonly client: Pick<KubeClient, 'get'>;
  /** those that are wanted; empty: all that farlet runs */
  readonly names: readonly string[];
  readonly output: 'table' | 'json' | 'yaml';
  readonly print: (text: string) => void;
  /** what could not be seen */
  readonly warn: (text: string) => void;
  readonly signal: AbortSignal;
  /** ms since the epoch */
  readonly now: () => number;
}

/** Nodes whose pods are listed beside each other. */
const AT_ONCE = 8;

/**
 * Prints it; 0 if every node is ready, else 1, so that scripts can wait for it.
 * @throws KubeError if the nodes can't be listed; FarletError `not-found` for a name that is no node of
 * farlet's
 */
export async function runStatus(options: StatusOptions): Promise<number> {
  const { output, print, now } = options;
  const seen = await readCluster(options);
  const nodes = overview(seen);
  if (output === 'json') print(`${JSON.stringify({ nodes }, undefined, 2)}\n`);
  else if (output === 'yaml') print(yamlText({ nodes }));
  else print(renderOverview(nodes, now()));
  return nodes.every(isWell) ? 0 : 1;
}

function isWell({ ready, hosts }: NodeOverview): boolean {
  return ready === 'True' && hosts.every((host) => host.ready);
}

/** What the API server tells of farlet's nodes; what it refuses to tell is unknown. */
export async function readCluster(
  options: Pick<StatusOptions, 'client' | 'names' | 'warn' | 'signal' | 'now'>,
): Promise<Seen> {
  const { client, warn, signal, now } = options;
  const nodes = await farletNodes(options);
  const turns = new Semaphore(AT_ONCE);
  const listed = listAll<Lease>(client, { path: paths.leases, fieldSelector: undefined, signal });
  const leases = seen(listed, 'heartbeats and owners', warn);
  const pods = await Promise.all(
    nodes.map(async ({ metadata: { name } }) => {
      const fieldSelector = `spec.nodeName=${name}`;
      const listed = turns.run(signal, () =>
        listAll<Pod>(client, { path: paths.pods, fieldSelector, signal }),
      );
      return [name, (await seen(listed, `the pods of node ${name}`, warn))?.items] as const;
    }),
  );
  return { nodes, leases: (await leases)?.items, pods: new Map(pods), now: now() };
}

async function farletNodes({
  client,
  names,
  signal,
}: Pick<StatusOptions, 'client' | 'names' | 'signal'>): Promise<KubeNode[]> {
  if (names.length === 0) {
    const { items } = await listAll<KubeNode>(client, {
      path: paths.nodes,
      fieldSelector: undefined,
      signal,
    });
    return items.filter(isFarlets);
  }
  const nodes = await Promise.all(
    [...new Set(names)].map((name) => client.get<KubeNode>(paths.node(name), { signal })),
  );
  const other = nodes.find((node) => !isFarlets(node));
  if (other !== undefined)
    throw new FarletError('not-found', `node ${other.metadata.name} is none that farlet runs`);
  return nodes;
}

/** A failure is of this part alone. */
async function seen<T>(
  answer: Promise<T>,
  what: string,
  warn: (text: string) => void,
): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    warn(`${what} can't be seen: ${messageOf(error)}\n`);
    return undefined;
  }
}
