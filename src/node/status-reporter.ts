/** Writes the status of a Node: what changed at once, and otherwise now and then (tryUpdateNodeStatus). */
import type { KubeClient } from '../kube/client.ts';
import { paths } from '../kube/paths.ts';
import { statusPatch } from '../kube/status-patch.ts';
import type { KubeNode, NodeStatus } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import { jittered } from '../util/backoff.ts';
import type { Beat } from '../util/beat.ts';
import type { Clock } from '../util/clock.ts';
import type { NodeHosts } from './node-hosts.ts';
import { requiredLabels, withOthers } from './node-object.ts';
import type { NodeTransitions } from './node-transitions.ts';
import type { RegisteredNode } from './registered-node.ts';

export interface StatusReporterOptions {
  readonly client: Pick<KubeClient, 'patch'>;
  readonly node: string;
  readonly hosts: NodeHosts;
  readonly registered: RegisteredNode;
  readonly transitions: NodeTransitions;
  /** a status that says nothing new is written after so long */
  readonly reportMs: number;
  readonly beat: Pick<Beat, 'isDue'>;
  readonly clock: Clock;
  readonly log: Log;
}

export class StatusReporter {
  readonly #options: StatusReporterOptions;
  #reportedAt = -Infinity;
  #reportAfterMs = 0;

  constructor(options: StatusReporterOptions) {
    this.#options = options;
  }

  /** `hurry`: something has changed meanwhile, hosts that have not answered yet are not waited for. */
  async report({ signal, hurry }: { signal: AbortSignal; hurry: AbortSignal }): Promise<void> {
    const { client, node, beat, clock, hosts, registered, transitions, reportMs, log } = this.#options;
    const began = clock.monotonic();
    const before = registered.current();
    if (before === undefined) return;
    await hosts.assignPodCIDRs(before, { signal });
    const facts = await hosts.factsInTime(hurry);
    signal.throwIfAborted();
    const old = before.status ?? {};
    const own = hosts.status(facts, { node: before, conditions: old.conditions ?? [] });
    const status = withOthers(own, old);
    transitions.schedulable(before.spec?.unschedulable === true);
    const labels = requiredLabels(before.metadata.labels, facts.architecture);
    const changed = labels !== undefined || isNews(old, status);
    if (!changed && !beat.isDue(this.#reportedAt, this.#reportAfterMs)) return;
    const patch = statusPatch(old, status);
    if (patch === undefined) return;
    const written = await client.patch<KubeNode>(
      paths.nodeStatus(node),
      'strategic',
      { ...(labels === undefined ? {} : { metadata: { labels } }), status: patch },
      { signal },
    );
    registered.written(written);
    this.#reportedAt = began;
    // nodes that had news at the same time are not to report at the same time ever after: ×0.5 to ×1.5
    // (calculateDelay)
    this.#reportAfterMs = changed ? jittered(reportMs / 2, 2) : reportMs;
    transitions.status(old, status);
    log.debug({ changed }, 'node status reported');
  }
}

/** Whether they differ in more than when it was looked at. */
function isNews(before: NodeStatus, after: NodeStatus): boolean {
  return statusPatch(withoutHeartbeats(before), withoutHeartbeats(after)) !== undefined;
}

function withoutHeartbeats(status: NodeStatus): NodeStatus {
  return {
    ...status,
    conditions: (status.conditions ?? []).map(({ lastHeartbeatTime: _at, ...condition }) => condition),
  };
}
