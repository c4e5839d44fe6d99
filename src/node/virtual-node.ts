/**
 * Registers the Node and keeps its status (pkg/kubelet/kubelet_node_status.go). It has one host or several.
 */
import { own } from '../model/own.ts';
import { isNotFound, kindOf } from '../model/errors.ts';
import type { EventRecorder } from '../model/events.ts';
import type { Faults } from '../model/faults.ts';
import { drainKey, isHostName } from '../model/host-labels.ts';
import type { KubeNode, NodeStatus, ObjectReference } from '../model/kube.ts';
import type { Log, LogFields } from '../model/log.ts';
import type { NodeEventReason } from '../model/node-event-reasons.ts';
import { nodeReference } from '../model/pod-ref.ts';
import type { KubeClient } from '../kube/client.ts';
import type { KubeConnection } from '../kube/connect.ts';
import { paths } from '../kube/paths.ts';
import { statusPatch } from '../kube/status-patch.ts';
import { isNewer } from '../kube/versions.ts';
import { Alarm } from '../util/alarm.ts';
import { backoffMs, jittered } from '../util/backoff.ts';
import type { Clock } from '../util/clock.ts';
import type { NodeHost } from './node-host.ts';
import type { NodeHosts } from './node-hosts.ts';
import { conditionEvents, schedulableEvent } from './node-events.ts';
import { defaultLabels, newNode, requiredLabels, type NodeIdentity } from './node-object.ts';
import type { NodeView } from './node-view.ts';
import { isChanged, watchNode } from './node-watch.ts';

export interface VirtualNodeOptions {
  readonly identity: NodeIdentity;
  readonly hosts: NodeHosts;
  /** undefined: there is no API server, so there is nothing to register with */
  readonly client: (KubeClient & Pick<KubeConnection, 'stream'>) | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly faults: Faults;
  readonly updateMs: number;
  readonly reportMs: number;
  /** the UID of the Node as it is registered, which its lease belongs to; undefined: it is there no more */
  readonly onRegistered: (uid: string | undefined) => void;
}

type Client = NonNullable<VirtualNodeOptions['client']>;

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 7_000;
const JITTER = 0.04;
const register = { baseMs: 2 * FIRST_RETRY_MS, maxMs: MAX_RETRY_MS, factor: 2 };
/** Who deletes a Node may be about to make it anew; who deletes it again and again means it. */
const registerAgain = { baseMs: 2_000, maxMs: 300_000, factor: 2, jitter: 0.1 };

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
  readonly #alarm: Alarm;
  /**
   * The Node object was deleted while it was in use, so many times in a row; ms (monotonic) when it comes
   * again.
   */
  #deleted: { readonly again: number } | undefined;
  #deletions = { times: 0, at: -Infinity };

  constructor(options: VirtualNodeOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock);
  }

  /** Resolves when the Node is registered and the facts of a host are known. */
  get registered(): Promise<unknown> {
    return this.#ready.promise;
  }

  node(): KubeNode | undefined {
    return this.#node;
  }

  reference(): ObjectReference {
    return nodeReference(this.#options.identity.name);
  }

  /** What is wrong with the Node object; undefined: nothing. */
  problem(): string | undefined {
    if (this.#deleted === undefined) return undefined;
    const seconds = Math.max(0, (this.#deleted.again - this.#options.clock.monotonic()) / 1000);
    return `its Node object was deleted: it is registered again in ${seconds.toFixed()} s`;
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
        this.#alarm.ring();
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

  /** The Node as the API server has it: what others write to it counts. `listed`: read just now. */
  observed(read: KubeNode, { listed }: { listed: boolean } = { listed: true }): void {
    const before = this.#node;
    if (before === undefined || (!listed && !isNewer(read, before))) return;
    const isBack = this.#deleted !== undefined;
    this.#take(read);
    // what others write into the status is put right with the next one: not at once, for they may do the same
    if (isBack || isChanged(read, before)) this.#alarm.ring();
  }

  /** Something that the status depends on has changed. */
  statusSoon(): void {
    this.#alarm.ring();
  }

  async #serve(client: Client, signal: AbortSignal): Promise<void> {
    const { clock, log, faults, identity } = this.#options;
    await this.#register(client, signal);
    const watched = watchNode(
      {
        client,
        clock,
        log,
        faults,
        node: identity.name,
        onSeen: (read, listed) => {
          this.observed(read, { listed });
        },
        onGone: (uid) => {
          this.#gone(uid);
        },
      },
      { signal },
    );
    await Promise.all([watched, this.#statusLoop(client, signal)]);
  }

  #take(node: KubeNode): void {
    this.#node = node;
    this.#deleted = undefined;
    this.#options.onRegistered(node.metadata.uid);
  }

  /** The Node object is not there any more: the next turn of the status loop sees to it. */
  #gone(uid: string | undefined): void {
    const { clock, log, onRegistered } = this.#options;
    const { metadata } = this.#node ?? {};
    if (metadata === undefined || this.#deleted !== undefined) return;
    if (uid !== undefined && uid !== metadata.uid) return;
    const now = clock.monotonic();
    const isOver = now - this.#deletions.at > 2 * registerAgain.maxMs;
    this.#deletions = { times: isOver ? 1 : this.#deletions.times + 1, at: now };
    const waitMs = Math.round(backoffMs(registerAgain, this.#deletions.times));
    this.#deleted = { again: now + waitMs };
    log.warn(
      { uid: metadata.uid, waitMs },
      'the Node object was deleted: it is registered again; stop farlet to be rid of it',
    );
    onRegistered(undefined);
    this.#alarm.ring();
  }

  /**
   * Pods of a Node that is gone are deleted after a while: it comes back before, and as closed to new ones as
   * it was.
   */
  async #registerAgain(client: Client, signal: AbortSignal): Promise<void> {
    const { clock, log, events, hosts, identity } = this.#options;
    const former = this.#node;
    let failures = 0;
    while (this.#deleted !== undefined) {
      const leftMs = this.#deleted.again - clock.monotonic();
      if (leftMs > 0) {
        // somebody may make it meanwhile
        await this.#alarm.arm(signal).sleep(leftMs);
        continue;
      }
      try {
        const facts = await hosts.factsInTime(signal);
        const status = hosts.status(facts, { node: former, conditions: [] });
        await this.#createOrReconcile(client, asClosed(newNode(identity, facts, status), former), signal);
        log.warn({ uid: this.#node?.metadata.uid }, 'the node is registered again');
        const message = `The Node object was deleted while farlet runs node ${identity.name}: it is registered again`;
        events.event(this.reference(), 'NodeDeleted', message);
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (failures === 0) log.warn({ err: error }, 'node could not be registered: trying again');
        failures += 1;
        await clock.sleep(backoffMs(register, failures), { signal });
      }
    }
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

  async #untilSeen(look: () => Promise<unknown>, fields: LogFields, signal: AbortSignal): Promise<void> {
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

  async #register(client: Client, signal: AbortSignal): Promise<void> {
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
    log.info({ address: identity.ip, port: identity.port }, 'node registered');
    events.event(this.reference(), 'Starting', 'Starting kubelet.');
    this.#ready.resolve(undefined);
  }

  async #createOrReconcile(client: Client, wanted: KubeNode, signal: AbortSignal): Promise<void> {
    const { identity } = this.#options;
    try {
      this.#take(await client.create<KubeNode>(paths.nodes, wanted, { signal }));
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
    this.#take(
      stale
        ? await client.patch<KubeNode>(
            paths.node(identity.name),
            'strategic',
            { metadata: { labels } },
            { signal },
          )
        : existing,
    );
  }

  async #statusLoop(client: Client, signal: AbortSignal): Promise<void> {
    const { log, updateMs } = this.#options;
    let failed = false;
    while (!signal.aborted) {
      // armed before the status is put together: what changes meanwhile is reported at once, and ends a look
      // that waits
      const armed = this.#alarm.arm(signal);
      try {
        if (this.#deleted === undefined) await this.#update(client, { signal, hurry: armed.signal });
        else {
          await this.#registerAgain(client, signal);
          continue;
        }
        failed = false;
      } catch (error) {
        signal.throwIfAborted();
        if (!failed) log.warn({ err: error }, 'node status could not be updated: trying again');
        failed = true;
        if (isNotFound(error)) {
          this.#gone(this.#node?.metadata.uid);
          continue;
        }
      }
      await armed.sleep(failed ? 1_000 : jittered(updateMs, JITTER));
    }
  }

  async #update(
    client: Client,
    { signal, hurry }: { signal: AbortSignal; hurry: AbortSignal },
  ): Promise<void> {
    const { clock, identity, hosts, reportMs, log } = this.#options;
    const before = this.#node;
    if (before === undefined) return;
    const facts = await hosts.factsInTime(hurry);
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
    const written = await client.patch<KubeNode>(
      paths.nodeStatus(identity.name),
      'strategic',
      { ...(labels === undefined ? {} : { metadata: { labels } }), status: patch },
      { signal },
    );
    if (this.#node !== undefined && isNewer(written, this.#node)) this.#node = written;
    this.#reportedAt = clock.monotonic();
    // nodes that had news at the same time are not to report at the same time ever after: ×0.5 to ×1.5
    // (calculateDelay)
    this.#reportAfterMs = changed ? jittered(reportMs / 2, 2) : reportMs;
    this.#tellTransition(before.status ?? {}, status);
    log.debug({ changed }, 'node status reported');
  }

  #tellTransition(before: NodeStatus, after: NodeStatus): void {
    const { events, identity, log } = this.#options;
    const [bootBefore = '', boot = ''] = [before.nodeInfo?.bootID, after.nodeInfo?.bootID];
    if (bootBefore !== '' && bootBefore !== boot) {
      const message = `Node ${identity.name} has been rebooted, boot id: ${boot}`;
      events.event(this.reference(), 'Rebooted', message);
      log.warn({ bootID: boot }, 'the host has been rebooted');
    }
    const of = (status: NodeStatus, type: string): string | undefined =>
      status.conditions?.find((each) => each.type === type)?.status;
    const messageOf = (type: string): string | undefined =>
      after.conditions?.find((each) => each.type === type)?.message;
    if (of(before, hostsReady) !== of(after, hostsReady) && of(after, hostsReady) === 'False')
      events.event(this.reference(), 'HostNotReady', messageOf(hostsReady) ?? '');
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

  #tellStatus(reason: NodeEventReason): void {
    const { events, identity } = this.#options;
    events.event(this.reference(), reason, `Node ${identity.name} status is now: ${reason}`);
  }
}

const hostsReady = 'farlet.dev/HostsReady';

/** As little open to new pods as the Node was that somebody has deleted, perhaps after draining it. */
function asClosed(node: KubeNode, former: KubeNode | undefined): KubeNode {
  const drained = former?.metadata.annotations?.[drainKey];
  const annotations = {
    ...node.metadata.annotations,
    ...(drained === undefined ? {} : { [drainKey]: drained }),
  };
  return {
    ...node,
    metadata: { ...node.metadata, annotations },
    spec: { ...node.spec, ...(former?.spec?.unschedulable === true ? { unschedulable: true } : {}) },
  };
}

function withoutHeartbeats(status: NodeStatus): NodeStatus {
  return {
    ...status,
    conditions: (status.conditions ?? []).map(({ lastHeartbeatTime: _at, ...condition }) => condition),
  };
}
