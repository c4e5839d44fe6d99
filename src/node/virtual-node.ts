/** Registers the Node and keeps its status (pkg/kubelet/kubelet_node_status.go). */
import { readHostFacts, type HostFacts } from '../hosts/facts.ts';
import type { RuntimeHost } from '../hosts/runtime-host.ts';
import { FarletError, isNotFound, kindOf } from '../model/errors.ts';
import type { EventRecorder } from '../model/events.ts';
import type { KubeNode, NodeStatus, ObjectReference } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import type { NodePressure } from '../model/node-pressure.ts';
import type { NodeInfo } from '../model/node-info.ts';
import type { KubeClient } from '../kube/client.ts';
import { paths } from '../kube/paths.ts';
import { statusPatch } from '../kube/status-patch.ts';
import { withDeadline } from '../util/abort.ts';
import { jittered } from '../util/backoff.ts';
import { rfc3339, type Clock } from '../util/clock.ts';
import { nodeConditions, type PlegHealth } from './conditions.ts';
import { keepLease } from './lease.ts';
import { defaultLabels, newNode, nodeStatus, type NodeIdentity } from './node-object.ts';

export interface VirtualNodeOptions {
  readonly identity: NodeIdentity;
  readonly host: RuntimeHost;
  /** undefined: there is no API server, so there is nothing to register with */
  readonly client: KubeClient | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly rootDir: string;
  readonly pleg: () => PlegHealth;
  readonly pressures: () => readonly NodePressure[];
  readonly updateMs: number;
  readonly reportMs: number;
  readonly leaseSeconds: number;
}

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 7_000;
const MAX_IMAGES = 50;
const MAX_NAMES = 5;
/** The image list is for the scheduler's taste only: not worth a call a minute on a far host. */
const IMAGES_MS = 300_000;
const JITTER = 0.04;
/** What does not change while a host is up is looked at as rarely as cAdvisor does (update_machine_info_interval). */
const FACTS_MS = 300_000;
/** A status that tells what was known before is better than none: a host that does not answer holds it up no longer. */
const LOOK_MS = 5_000;

export class VirtualNode {
  readonly #options: VirtualNodeOptions;
  readonly #known = Promise.withResolvers<undefined>();
  readonly #ready = Promise.withResolvers<undefined>();
  /** the Node as it would be registered, for as long as it is not */
  #local: KubeNode | undefined;
  #facts: HostFacts | undefined;
  #factsAt = -Infinity;
  #node: KubeNode | undefined;
  #images: { at: number; list: NonNullable<NodeStatus['images']> } = { at: -Infinity, list: [] };
  #reportedAt = -Infinity;
  #wake: (() => void) | undefined;

  constructor(options: VirtualNodeOptions) {
    this.#options = options;
  }

  /** Resolves when the host's facts are known: pods can be admitted, whether or not the Node is registered. */
  get known(): Promise<unknown> {
    return this.#known.promise;
  }

  /** Resolves when the Node is registered and the host's facts are known. */
  get registered(): Promise<unknown> {
    return this.#ready.promise;
  }

  facts(): HostFacts | undefined {
    return this.#facts;
  }

  node(): KubeNode | undefined {
    return this.#node;
  }

  reference(): ObjectReference {
    const { name } = this.#options.identity;
    return { apiVersion: 'v1', kind: 'Node', name, uid: name };
  }

  info(): NodeInfo {
    const { identity } = this.#options;
    const node = this.#node ?? this.#local;
    return {
      name: identity.name,
      ips: [identity.ip],
      labels: node?.metadata.labels ?? {},
      capacity: node?.status?.capacity ?? {},
      allocatable: node?.status?.allocatable ?? {},
      hugePageSizes: [...(this.#facts?.hugePages.keys() ?? [])].map((kib) =>
        kib >= 1024 * 1024 ? `${kib / 1024 / 1024}GB` : `${kib / 1024}MB`,
      ),
      kernelVersion: this.#facts?.kernelVersion ?? '',
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { client, host } = this.#options;
    const unsubscribe = host.onChange(() => {
      // a host that comes back may be another machine, or have booted
      this.#factsAt = -Infinity;
      this.#wake?.();
    });
    try {
      await this.#learn(signal);
      if (client === undefined) await this.#standAlone(signal);
      else await this.#serve(client, signal);
    } finally {
      unsubscribe();
    }
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

  /** Reads the Node's labels and taints anew: somebody may just have changed them. */
  async refresh({ signal }: { signal: AbortSignal }): Promise<void> {
    const { client, identity } = this.#options;
    if (client === undefined) return;
    const read = await client.get<KubeNode>(paths.node(identity.name), { signal });
    if (this.#node !== undefined)
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

  /** What the host is like; tried until it can be told. */
  async #learn(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    for (let wait = FIRST_RETRY_MS; ; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
      try {
        await this.#look(signal);
        break;
      } catch (error) {
        signal.throwIfAborted();
        if (wait === FIRST_RETRY_MS || wait === MAX_RETRY_MS)
          log.warn({ err: error }, 'the host could not be looked at: trying again');
      }
      await clock.sleep(wait, { signal });
    }
    this.#known.resolve(undefined);
  }

  async #look(signal: AbortSignal): Promise<KubeNode> {
    const { identity } = this.#options;
    const facts = await this.#lookAgain(signal);
    this.#local = newNode(identity, facts, await this.#status(facts, [], signal));
    return this.#local;
  }

  /** Without an API server the node is only what pods are admitted against: kept up to date. */
  async #standAlone(signal: AbortSignal): Promise<void> {
    const { clock, log, updateMs, host } = this.#options;
    for (;;) {
      await clock.sleep(jittered(updateMs, JITTER), { signal });
      if (host.state().at !== 'ready') continue;
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
    const labels = defaultLabels(identity, wanted.status?.nodeInfo?.architecture ?? '');
    const stale = Object.entries(labels).some(([key, value]) => existing.metadata.labels?.[key] !== value);
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
    const { clock, identity, reportMs, log } = this.#options;
    const before = this.#node;
    if (before === undefined) return;
    const look = AbortSignal.any([signal, hurry]);
    const facts = await this.#factsOr(this.#facts, look);
    signal.throwIfAborted();
    const status = await this.#status(facts, before.status?.conditions ?? [], look);
    signal.throwIfAborted();
    const changed =
      statusPatch(withoutHeartbeats(before.status ?? {}), withoutHeartbeats(status)) !== undefined;
    if (!changed && clock.monotonic() - this.#reportedAt < reportMs) return;
    const patch = statusPatch(before.status ?? {}, status);
    if (patch === undefined) return;
    this.#node = await client.patch<KubeNode>(
      paths.nodeStatus(identity.name),
      'strategic',
      { status: patch },
      { signal },
    );
    this.#reportedAt = clock.monotonic();
    this.#tellTransition(before.status ?? {}, status);
    log.debug({ changed }, 'node status reported');
  }

  /** The host's facts as they are now, or as they were if it does not tell in time. */
  async #factsOr(known: HostFacts | undefined, signal: AbortSignal): Promise<HostFacts> {
    try {
      return await withDeadline(signal, LOOK_MS, this.#options.host.name, (limit) => this.#lookAgain(limit));
    } catch (error) {
      if (known === undefined) throw error;
      this.#options.log.debug({ err: error }, 'the host could not be looked at for the node status');
      return known;
    }
  }

  async #lookAgain(signal: AbortSignal): Promise<HostFacts> {
    const { host, clock, rootDir } = this.#options;
    const ready = host.state().at === 'ready';
    if (this.#facts !== undefined && (!ready || clock.monotonic() - this.#factsAt < FACTS_MS))
      return this.#facts;
    this.#facts = await readHostFacts(host.link.files, rootDir, { signal, known: this.#facts });
    this.#factsAt = clock.monotonic();
    return this.#facts;
  }

  #tellTransition(before: NodeStatus, after: NodeStatus): void {
    const { events, identity, log } = this.#options;
    const [bootBefore = '', boot = ''] = [before.nodeInfo?.bootID, after.nodeInfo?.bootID];
    if (bootBefore !== '' && bootBefore !== boot) {
      const message = `Node ${identity.name} has been rebooted, boot id: ${boot}`;
      events.event(this.reference(), 'Warning', 'Rebooted', message);
      log.warn({ bootID: boot }, 'the host has been rebooted');
    }
    const of = (status: NodeStatus): string | undefined =>
      status.conditions?.find(({ type }) => type === 'Ready')?.status;
    if (of(before) === of(after)) return;
    const reason = of(after) === 'True' ? 'NodeReady' : 'NodeNotReady';
    log.info(
      { reason, message: after.conditions?.find(({ type }) => type === 'Ready')?.message },
      'node condition changed',
    );
    events.event(this.reference(), 'Normal', reason, `Node ${identity.name} status is now: ${reason}`);
  }

  async #status(
    facts: HostFacts,
    previous: NonNullable<NodeStatus['conditions']>,
    signal: AbortSignal,
  ): Promise<NodeStatus> {
    const { identity, host, pleg, pressures, clock } = this.#options;
    return nodeStatus({
      identity,
      facts,
      runtime: host.runtime(),
      images: await this.#listImages(signal),
      previous: this.#node?.status,
      conditions: nodeConditions({
        host: host.state(),
        pleg: pleg(),
        pressures: pressures(),
        previous,
        now: rfc3339(clock.now()),
      }),
    });
  }

  async #listImages(signal: AbortSignal): Promise<NonNullable<NodeStatus['images']>> {
    const { host, clock, log } = this.#options;
    if (host.state().at !== 'ready' || clock.monotonic() - this.#images.at < IMAGES_MS)
      return this.#images.list;
    try {
      const { images } = await host.cri.listImages({}, { signal, timeoutMs: LOOK_MS });
      const list = images
        .map(({ repo_digests: digests, repo_tags: tags, size }) => ({
          names: [...digests, ...tags].slice(0, MAX_NAMES),
          sizeBytes: size,
        }))
        .filter(({ names }) => names.length > 0)
        .sort((a, b) => b.sizeBytes - a.sizeBytes || ((a.names[0] ?? '') < (b.names[0] ?? '') ? -1 : 1))
        .slice(0, MAX_IMAGES);
      this.#images = { at: clock.monotonic(), list };
    } catch (error) {
      log.debug({ err: error }, 'images could not be listed for the node status');
    }
    return this.#images.list;
  }
}

function withoutHeartbeats(status: NodeStatus): NodeStatus {
  return {
    ...status,
    conditions: (status.conditions ?? []).map(({ lastHeartbeatTime: _at, ...condition }) => condition),
  };
}
