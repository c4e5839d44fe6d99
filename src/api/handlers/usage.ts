/**
 * /stats/summary, /metrics/resource, /metrics/cadvisor: what a node, its pods and their containers use on all
 * of its hosts (pkg/kubelet/server/stats, server.go).
 */
import { messageOf } from '../../model/errors.ts';
import type { Log } from '../../model/log.ts';
import { HttpFault } from '../http/http-fault.ts';
import { cadvisorFamilies } from '../../usage/cadvisor-metrics.ts';
import { expositionText } from '../../usage/exposition.ts';
import type { Detail, HostUsageReader } from '../../usage/host-reader.ts';
import { nodeReading, type NodeReading } from '../../usage/node-reading.ts';
import { resourceFamilies } from '../../usage/resource-metrics.ts';
import { summaryParts, type SummaryParts } from '../../usage/summary.ts';
import { inTurns } from '../../util/turn.ts';

export interface UsageNode {
  readonly name: string;
  readonly hosts: readonly { readonly usage: Pick<HostUsageReader, 'read'> }[];
  readonly log: Log;
}

interface Asked {
  readonly signal: AbortSignal;
}

/** The text of the answer. Rejects with HttpFault if no host can be asked. */
export async function statsSummary(
  node: UsageNode,
  query: URLSearchParams,
  { signal }: Asked,
): Promise<string> {
  const asked = query.getAll('only_cpu_and_memory');
  const isBrief = asked.length === 1 && asked[0] === 'true';
  const { reading, problem } = await readNode(node, isBrief ? 'brief' : 'full', { signal });
  if (reading === undefined) throw new HttpFault(500, `Internal Error: failed to list pod stats: ${problem}`);
  return inTurns(summaryText(summaryParts(node.name, reading, { isBrief })), { signal });
}

/** Pods that are told of between two turns of the event loop: a millisecond or two. */
const PODS = 20;

function* summaryText({ node, pods }: SummaryParts): Generator<undefined, string> {
  const texts: string[] = [];
  for (const [index, pod] of pods.entries()) {
    texts.push(`\n  ${JSON.stringify(pod(), undefined, 1).replaceAll('\n', '\n  ')}`);
    if (index % PODS === PODS - 1) yield;
  }
  const all = texts.length === 0 ? '[]' : `[${texts.join(',')}\n ]`;
  return `{\n "node": ${JSON.stringify(node, undefined, 1).replaceAll('\n', '\n ')},\n "pods": ${all}\n}`;
}

export async function resourceMetrics(node: UsageNode, options: Asked): Promise<string> {
  const { reading } = await readNode(node, 'brief', options);
  return expositionText(resourceFamilies(reading), options);
}

export async function cadvisorMetrics(
  node: UsageNode,
  options: Asked & { readonly now: number },
): Promise<string> {
  const { reading } = await readNode(node, 'full', options);
  return expositionText(cadvisorFamilies(reading, options.now), options);
}

/** A host that can't be read is missing, and said to be. Rejects with the signal's reason only. */
async function readNode(
  { name, hosts, log }: UsageNode,
  detail: Detail,
  { signal }: Asked,
): Promise<{ reading: NodeReading | undefined; problem: string }> {
  const outcomes = await Promise.allSettled(hosts.map(({ usage }) => usage.read(detail, { signal })));
  signal.throwIfAborted();
  const readings = outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const problems = outcomes.flatMap((each) => (each.status === 'rejected' ? [messageOf(each.reason)] : []));
  for (const problem of problems) log.warn({ node: name, problem }, 'what a host uses could not be read');
  const [first, ...others] = readings;
  return {
    reading:
      first === undefined ? undefined : nodeReading([first, ...others], { isPartial: problems.length > 0 }),
    problem: problems.join('; '),
  };
}
