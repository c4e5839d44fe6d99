/**
 * `farlet support-bundle`: what helps to find a fault, in one archive, through the API server alone. Each
 * part that can't be had is named in it; none keeps another from being there.
 */
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import { redactedEvent, redactedNode, redactedPod, redactedText } from './redact.ts';
import { overview, type Seen } from '../status/overview.ts';
import { renderOverview } from '../status/render.ts';
import { readCluster } from '../status/status.ts';
import type { KubeConnection } from '../../kube/connect.ts';
import { listAll } from '../../kube/list.ts';
import { paths } from '../../kube/paths.ts';
import { messageOf } from '../../model/errors.ts';
import type { CoreEvent, KubeNode, Pod } from '../../model/kube.ts';
import { limitSignal } from '../../util/abort.ts';

export interface BundleOptions {
  readonly client: Pick<KubeConnection, 'get' | 'stream' | 'server'>;
  /** nodes that are wanted; empty: all that farlet runs */
  readonly names: readonly string[];
  /** `farlet version`'s line */
  readonly version: string;
  /** text of the configuration, and what `farlet check` finds with it, where there is one */
  readonly config: { readonly text: string; readonly check: string } | undefined;
  /** what is being read, and what could not be */
  readonly progress: (text: string) => void;
  readonly signal: AbortSignal;
  /** ms since the epoch */
  readonly now: () => number;
}

/** Bytes that are kept of one answer: its end, for logs; its beginning, for the rest. */
const MOST = 8 * 1024 * 1024;
const LOG_LINES = 5_000;
/** Of one part; the whole has the deadline of the signal. */
const PART_MS = 30_000;

/** Pages of the kubelet API, as its proxy in the API server has them. */
const pages = [
  ['metrics.txt', 'metrics'],
  ['resource-metrics.txt', 'metrics/resource'],
  ['configz.json', 'configz'],
  ['healthz.txt', 'healthz?verbose'],
  ['stats.json', 'stats/summary?only_cpu_and_memory=true'],
] as const;

const readme = `A support bundle of farlet (farlet support-bundle).

  version.txt, status.txt      which farlet made it, and what farlet status printed
  check.json, config.yaml      with --config: what farlet check found, and the configuration
  nodes/NAME/                  the Node, its lease, its pods, events, and pages of its kubelet API
  logs/                        the logs of farlet's own pods, where it runs in the cluster
  missing.txt                  what could not be read, and why

Of pods there are no commands, arguments, values of variables, probes, termination messages and annotations of others;
ConfigMaps and Secrets were never read. Text that looks like a password, a token or a key is replaced by (redacted).
Have a look at it before you hand it on all the same: names of pods, images, hosts and addresses are in it.
`;

/** Files by path, with their text. */
export type Files = Map<string, string>;

/** Reads it all. @throws KubeError if not even the nodes can be listed */
export async function collect(options: BundleOptions): Promise<Files> {
  const { client, config, version, now } = options;
  const bundle = new Bundle(options);
  const { files } = bundle;
  files.set('README.txt', readme);
  files.set('version.txt', `${version}API server ${client.server}\n${new Date(now()).toISOString()}\n`);
  const cluster = await readCluster({ ...options, warn: (text) => bundle.missing.push(text.trim()) });
  files.set('status.txt', redactedText(renderOverview(overview(cluster), now())));
  const events = await readEvents(bundle);
  for (const node of cluster.nodes) await addNode(bundle, node, { cluster, events });
  await addLogs(bundle);
  if (config !== undefined) {
    files.set('config.yaml', redactedText(config.text));
    files.set('check.json', redactedText(config.check));
  }
  if (bundle.missing.length > 0) files.set('missing.txt', `${bundle.missing.join('\n')}\n`);
  return files;
}

/** What has been read so far, and what could not be. */
class Bundle {
  readonly options: BundleOptions;
  readonly files: Files = new Map();
  readonly missing: string[] = [];

  constructor(options: BundleOptions) {
    this.options = options;
  }

  /** One file. Rejects only with the signal's reason. */
  async part(path: string, read: (signal: AbortSignal) => Promise<string>): Promise<void> {
    const { progress, signal } = this.options;
    progress(`reading ${path}\n`);
    try {
      this.files.set(path, await read(limitSignal(PART_MS, signal)));
    } catch (error) {
      signal.throwIfAborted();
      this.lacks(path, error);
    }
  }

  lacks(what: string, error: unknown): void {
    this.missing.push(`${what}: ${redactedText(messageOf(error))}`);
  }
}

/** Of all namespaces; undefined: they could not be read. */
async function readEvents(bundle: Bundle): Promise<readonly CoreEvent[] | undefined> {
  const { client, progress, signal } = bundle.options;
  progress('reading events\n');
  try {
    const list = { path: paths.allEvents, fieldSelector: undefined, signal };
    return (await listAll<CoreEvent>(client, list)).items;
  } catch (error) {
    bundle.lacks('events', error);
    return undefined;
  }
}

async function addNode(
  bundle: Bundle,
  node: KubeNode,
  { cluster, events }: { cluster: Seen; events: readonly CoreEvent[] | undefined },
): Promise<void> {
  const { files } = bundle;
  const { name } = node.metadata;
  const folder = `nodes/${name}`;
  files.set(`${folder}/node.json`, json(redactedNode(node)));
  const lease = cluster.leases?.find(({ metadata }) => metadata?.name === name);
  if (lease !== undefined) files.set(`${folder}/lease.json`, json(lease));
  const pods = cluster.pods.get(name);
  if (pods !== undefined) files.set(`${folder}/pods.json`, json(pods.map(redactedPod)));
  if (events !== undefined)
    files.set(`${folder}/events.json`, json(eventsOf(name, pods ?? [], events).map(redactedEvent)));
  for (const [file, page] of pages)
    await bundle.part(`${folder}/${file}`, (signal) =>
      text(bundle.options.client, `${paths.node(name)}/proxy/${page}`, { keep: 'head', signal }),
    );
}

/** The files as a gzipped tar archive, in a folder of that name. */
export async function archive(files: Files, folder: string, now: number): Promise<Buffer> {
  const tar = pack();
  const gzip = createGzip();
  const whole = buffer(gzip);
  const written = pipeline(tar, gzip);
  for (const [path, content] of files)
    tar.entry({ name: `${folder}/${path}`, mode: 0o600, mtime: new Date(now) }, content);
  tar.finalize();
  await written;
  return whole;
}

/** Of the Node and of its pods. */
function eventsOf(node: string, pods: readonly Pod[], events: readonly CoreEvent[]): CoreEvent[] {
  const uids = new Set(pods.map(({ metadata }) => metadata.uid));
  return events.filter(
    ({ involvedObject: { kind, name, uid } }) =>
      (kind === 'Node' && name === node) || (kind === 'Pod' && uids.has(uid ?? '')),
  );
}

/** Of farlet's own pods: its chart labels them. */
async function addLogs(bundle: Bundle): Promise<void> {
  const { client, signal } = bundle.options;
  let pods: readonly Pod[];
  try {
    const labelSelector = 'app.kubernetes.io/name=farlet';
    const query = { labelSelector, limit: 50 };
    pods = (await client.get<{ items: Pod[] }>(paths.pods, { query, signal })).items;
  } catch (error) {
    bundle.lacks("logs of farlet's pods", error);
    return;
  }
  for (const { metadata, status } of pods) {
    const restarts = status?.containerStatuses?.some(({ restartCount }) => restartCount > 0) === true;
    for (const previous of restarts ? [false, true] : [false])
      await bundle.part(`logs/${metadata.name}${previous ? '-previous' : ''}.txt`, (limit) => {
        const path = `${paths.pod(metadata.namespace, metadata.name)}/log`;
        const query = `tailLines=${String(LOG_LINES)}${previous ? '&previous=true' : ''}`;
        return text(client, `${path}?${query}`, { keep: 'tail', signal: limit });
      });
  }
}

async function text(
  client: Pick<KubeConnection, 'stream'>,
  pathAndQuery: string,
  { keep, signal }: { keep: 'head' | 'tail'; signal: AbortSignal },
): Promise<string> {
  const [path = '', query = ''] = pathAndQuery.split('?');
  const end = new AbortController();
  const { body } = await client.stream(path, {
    query: Object.fromEntries(new URLSearchParams(query)),
    signal: AbortSignal.any([signal, end.signal]),
  });
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of body) {
    pieces.push(piece);
    bytes += piece.length;
    if (keep === 'head' && bytes >= MOST) break;
    while (keep === 'tail' && bytes - (pieces[0]?.length ?? 0) > MOST) bytes -= pieces.shift()?.length ?? 0;
  }
  end.abort();
  return redactedText(Buffer.concat(pieces).toString('utf8'));
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
