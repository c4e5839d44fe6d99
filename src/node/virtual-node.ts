/** Registers the Node and keeps its status (pkg/kubelet/kubelet_node_status.go). One host is behind it, or several. */
import { own } from '../model/own.ts';
import { FarletError, isNotFound, kindOf } from '../model/errors.ts';
import type { EventRecorder } from '../model/events.ts';
import { isHostName } from '../model/host-labels.ts';
import type { KubeNode, NodeStatus, ObjectReference } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import type { KubeClient } from '../kube/client.ts';
import { paths } from '../kube/paths.ts';
import { statusPatch } from '../kube/status-patch.ts';
import { jittered } from '../util/backoff.ts';
import type { Clock } from '../util/clock.ts';
import { keepLease } from './lease.ts';
import type { NodeHost } from './node-host.ts';
import type { NodeHosts } from './node-hosts.ts';
import { conditionEvents, schedulableEvent } from './node-events.ts';
import { defaultLabels, newNode, requiredLabels, type NodeIdentity } from './node-object.ts';
import type { NodeView } from './node-view.ts';

export interface VirtualNodeOptions {
  readonly identity: NodeIdentity;
  readonly hosts: NodeHosts;
  /** undefined: there is no API server, so there is nothing to register with */
  readonly client: KubeClient | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly updateMs: number;
  readonly reportMs: number;
  readonly leaseSeconds: number;
}

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 7_000;
const JITTER = 0.04;
export class VirtualNode {
  readonly #options: VirtualNodeOptions;
  readonly #known = Promise.withResolvers<undefined>();
  readonly #ready = Promise.withResolvers<undefined>();
  /** the Node as it would be registered, for as long as it is not */
  #local: KubeNode | undefined;
  #node: KubeNode | undefined;
  #reportedAt = -Infinity;
  #reportAfterMs = 0;
  #isUnschedulable = false;
  #wake: (() => void) | undefined;

  constructor(options: VirtualNodeOptions) {
    this.#options = options;
  }

  /** Resolves when the Node is registered and the facts of a host are known. */
  get registered(): Promise<unknown> {
    return this.#ready.promise;
  }

  node(): KubeNode | undefined {
    return this.#node;
  }

  reference(): ObjectReference {
    const { name } = this.#options.identity;
    return { apiVersion: 'v1', kind: 'Node', name, uid: name };
  }

  /** The node as the host sees it. */
  view(host: NodeHost): NodeView {
    return {
      known: Promise.all([this.#known.promise, host.known]),
      node: () => this.#node,
      info: () => this.#options.hosts.infoFor(host, this.#node ?? this.#local),
      facts: () => host.facts(),
      taints: () => this.#node?.spec?.taints ?? [],
      reference: () => this.reference(),
      refresh: (rest) => this.refresh(rest),
      statusSoon: () => {
        this.statusSoon();
      },
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { client, hosts } = this.#options;
    const unsubscribe = hosts.all.map((host) =>
      host.host.onChange(() => {
        host.outdate();
        this.#wake?.();
      }),
    );
    try {
      await this.#learn(signal);
      if (client === undefined) await this.#standAlone(signal);
      else
        await Promise.all([
          this.#serve(client, signal),
          ...hosts.all.map((host) => this.#learnHost(host, signal)),
        ]);
    } finally {
      for (const stop of unsubscribe) stop();
    }
  }

  /** Reads the Node's labels and taints anew: somebody may just have changed them. */
  async refresh({ signal }: { signal: AbortSignal }): Promise<void> {
    const { client, identity } = this.#options;
    if (client === undefined) return;
    this.observed(await client.get<KubeNode>(paths.node(identity.name), { signal }));
  }

  /** The Node as the API server has it: what others write to it counts. */
  observed(read: KubeNode): void {
    if (this.#node === undefined) return;
    this.#node = {
      ...this.#node,
      metadata: read.metadata,
      ...(read.spec === undefined ? {} : { spec: read.spec }),
    };
  }

  /** Something that the status depends on has changed. */
  statusSoon(): void {
    this.#wake?.();
  }

  async #serve(client: KubeClient, signal: AbortSignal): Promise<void> {
    const { clock, log, identity, leaseSeconds } = this.#options;
    await this.#register(client, signal);
    const lease = keepLease(
      {
        client,
        clock,
        log,
        node: identity.name,
        durationSeconds: leaseSeconds,
        nodeUid: () => this.#node?.metadata.uid,
      },
      { signal },
    );
    await Promise.all([lease, this.#statusLoop(client, signal)]);
  }

  /** What the hosts are like; tried until it can be told of one. */
  async #learn(signal: AbortSignal): Promise<void> {
    await this.#untilSeen(() => this.#look(signal), {}, signal);
    this.#known.resolve(undefined);
  }

  /** A host of a pool that was not there when the node came to be is looked at as soon as it is. */
  async #learnHost(host: NodeHost, signal: AbortSignal): Promise<void> {
    if (host.facts() !== undefined) return;
    await this.#untilSeen(() => host.lookAgain(signal), { host: host.name }, signal);
    this.statusSoon();
  }

  async #untilSeen(look: () => Promise<unknown>, fields: object, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    for (let wait = FIRST_RETRY_MS; ; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
      try {
        await look();
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (wait === FIRST_RETRY_MS || wait === MAX_RETRY_MS)
          log.warn({ err: error, ...fields }, 'the host could not be looked at: trying again');
      }
      await clock.sleep(wait, { signal });
    }
  }

  async #look(signal: AbortSignal): Promise<KubeNode> {
    const { identity, hosts } = this.#options;
    const facts = await hosts.lookAgain(signal);
    this.#local = newNode(identity, facts, hosts.status(facts, { node: this.#node, conditions: [] }));
    return this.#local;
  }

  /** Without an API server the node is only what pods are admitted against: kept up to date. */
  async #standAlone(signal: AbortSignal): Promise<void> {
    const { clock, log, updateMs, hosts } = this.#options;
    for (;;) {
      await clock.sleep(jittered(updateMs, JITTER), { signal });
      if (hosts.all.every(({ host }) => host.state().at !== 'ready')) continue;
      try {
        await this.#look(signal);
      } catch (error) {
        signal.throwIfAborted();
        log.debug({ err: error }, 'the host could not be looked at');
      }
    }
  }

  async #register(client: KubeClient, signal: AbortSignal): Promise<void> {
    const { clock, log, events, identity } = this.#options;
    let failures = 0;
    for (let wait = FIRST_RETRY_MS; ; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
      await clock.sleep(wait, { signal });
      try {
        await this.#createOrReconcile(client, await this.#look(signal), signal);
        break;
      } catch (error) {
        signal.throwIfAborted();
        failures += 1;
        if (failures === 1 || failures % 10 === 0)
          log.warn({ err: error, failures }, 'node could not be registered: trying again');
      }
    }
    log.info({ node: identity.name, address: identity.ip, port: identity.port }, 'node registered');
    events.event(this.reference(), 'Normal', 'Starting', 'Starting kubelet.');
    this.#ready.resolve(undefined);
  }

  async #createOrReconcile(client: KubeClient, wanted: KubeNode, signal: AbortSignal): Promise<void> {
    const { identity } = this.#options;
    try {
      this.#node = await client.create<KubeNode>(paths.nodes, wanted, { signal });
      return;
    } catch (error) {
      if (kindOf(error) !== 'already-exists' && kindOf(error) !== 'forbidden') throw error;
    }
    const existing = await client.get<KubeNode>(paths.node(identity.name), { signal });
    const now = existing.metadata.labels ?? {};
    const wantedLabels = defaultLabels(identity, wanted.status?.nodeInfo?.architecture ?? '');
    // pods would be sent here for hosts that are not the node's any more
    const gone = Object.keys(now).filter((key) => isHostName(key) && !Object.hasOwn(wantedLabels, key));
    const labels = { ...wantedLabels, ...Object.fromEntries(gone.map((key) => [key, null])) };
    const stale =
      gone.length > 0 || Object.entries(wantedLabels).some(([key, value]) => own(now, key) !== value);
    this.#node = stale
      ? await client.patch<KubeNode>(
          paths.node(identity.name),
          'strategic',
          { metadata: { labels } },
          { signal },
        )
      : existing;
  }

  async #statusLoop(client: KubeClient, signal: AbortSignal): Promise<void> {
    const { clock, log, updateMs } = this.#options;
    let failed = false;
    while (!signal.aborted) {
      // set before the status is put together: what changes meanwhile is told at once, and ends a look that waits
      const woken = new AbortController();
      this.#wake = () => {
        woken.abort(new FarletError('cancelled', 'there is news to tell'));
      };
      try {
        await this.#update(client, { signal, hurry: woken.signal });
        failed = false;
      } catch (error) {
        signal.throwIfAborted();
        if (!failed) log.warn({ err: error }, 'node status could not be updated: trying again');
        failed = true;
        if (isNotFound(error)) await this.#register(client, signal);
      }
      await clock
        .sleep(failed ? 1_000 : jittered(updateMs, JITTER), {
          signal: AbortSignal.any([signal, woken.signal]),
        })
        .catch(() => {
          signal.throwIfAborted();
        });
    }
  }

  async #update(
    client: KubeClient,
    { signal, hurry }: { signal: AbortSignal; hurry: AbortSignal },
  ): Promise<void> {
    const { clock, identity, hosts, reportMs, log } = this.#options;
    const before = this.#node;
    if (before === undefined) return;
    const facts = await hosts.factsInTime(AbortSignal.any([signal, hurry]));
    signal.throwIfAborted();
    const status = hosts.status(facts, {
      node: before,
      conditions: before.status?.conditions ?? [],
    });
    this.#tellSchedulable(before.spec?.unschedulable === true);
    const labels = requiredLabels(before.metadata.labels, facts.architecture);
    const changed =
      labels !== undefined ||
      statusPatch(withoutHeartbeats(before.status ?? {}), withoutHeartbeats(status)) !== undefined;
    if (!changed && clock.monotonic() - this.#reportedAt < this.#reportAfterMs) return;
    const patch = statusPatch(before.status ?? {}, status);
    if (patch === undefined) return;
    this.#node = await client.patch<KubeNode>(
      paths.nodeStatus(identity.name),
      'strategic',
      { ...(labels === undefined ? {} : { metadata: { labels } }), status: patch },
      { signal },
    );
    this.#reportedAt = clock.monotonic();
    // nodes that had news at the same time are not to report at the same time ever after: ×0.5 to ×1.5 (calculateDelay)
    this.#reportAfterMs = changed ? jittered(reportMs / 2, 2) : reportMs;
    this.#tellTransition(before.status ?? {}, status);
    log.debug({ changed }, 'node status reported');
  }

  #tellTransition(before: NodeStatus, after: NodeStatus): void {
    const { events, identity, log } = this.#options;
    const [bootBefore = '', boot = ''] = [before.nodeInfo?.bootID, after.nodeInfo?.bootID];
    if (bootBefore !== '' && bootBefore !== boot) {
      const message = `Node ${identity.name} has been rebooted, boot id: ${boot}`;
      events.event(this.reference(), 'Warning', 'Rebooted', message);
      log.warn({ bootID: boot }, 'the host has been rebooted');
    }
    const of = (status: NodeStatus, type: string): string | undefined =>
      status.conditions?.find((each) => each.type === type)?.status;
    const messageOf = (type: string): string | undefined =>
      after.conditions?.find((each) => each.type === type)?.message;
    if (of(before, hostsReady) !== of(after, hostsReady) && of(after, hostsReady) === 'False')
      events.event(this.reference(), 'Warning', 'HostNotReady', messageOf(hostsReady) ?? '');
    for (const { type, reason } of conditionEvents(before, after)) {
      log.info({ reason, message: messageOf(type) }, 'node condition changed');
      this.#tellStatus(reason);
    }
  }

  #tellSchedulable(isUnschedulable: boolean): void {
    if (isUnschedulable === this.#isUnschedulable) return;
    this.#isUnschedulable = isUnschedulable;
    this.#tellStatus(schedulableEvent(isUnschedulable));
  }

  #tellStatus(reason: string): void {
    const { events, identity } = this.#options;
    events.event(this.reference(), 'Normal', reason, `Node ${identity.name} status is now: ${reason}`);
  }
}

const hostsReady = 'farlet.dev/HostsReady';

function withoutHeartbeats(status: NodeStatus): NodeStatus {
  return {
    ...status,
    conditions: (status.conditions ?? []).map(({ lastHeartbeatTime: _at, ...condition }) => condition),
  };
}
