/**
 * One virtual node: looks at its hosts, registers the Node and keeps its status
 * (pkg/kubelet/kubelet_node_status.go). It has one host or several.
 */
import { isNotFound } from '../model/errors.ts';
import type { EventRecorder } from '../model/events.ts';
import type { Faults } from '../model/faults.ts';
import type { KubeNode, ObjectReference } from '../model/kube.ts';
import type { Log, LogFields } from '../model/log.ts';
import { nodeReference } from '../model/pod-ref.ts';
import type { KubeClient } from '../kube/client.ts';
import type { KubeConnection } from '../kube/connect.ts';
import { paths } from '../kube/paths.ts';
import { orAbort } from '../util/abort.ts';
import { Alarm } from '../util/alarm.ts';
import type { Beat } from '../util/beat.ts';
import type { Clock } from '../util/clock.ts';
import { isWorthTelling, retry } from '../util/retry.ts';
import type { NodeHost } from './node-host.ts';
import type { NodeHosts } from './node-hosts.ts';
import { newNode, type NodeIdentity } from './node-object.ts';
import { NodeTransitions } from './node-transitions.ts';
import type { NodeView } from './node-view.ts';
import { watchNode } from './node-watch.ts';
import { RegisteredNode } from './registered-node.ts';
import { asClosed, createOrReconcile } from './registration.ts';
import { StatusReporter } from './status-reporter.ts';

export interface VirtualNodeOptions {
  readonly identity: NodeIdentity;
  readonly hosts: NodeHosts;
  /** spec.providerID, as soon as it is known; stays without an API server */
  readonly providerID: Promise<string>;
  /** undefined: there is no API server, so there is nothing to register with */
  readonly client: (KubeClient & Pick<KubeConnection, 'stream'>) | undefined;
  readonly beat: Pick<Beat, 'until' | 'isDue'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly faults: Faults;
  readonly updateMs: number;
  readonly reportMs: number;
  /** the UID of the Node that the lease belongs to; undefined: it is there no more and will be again */
  readonly onRegistered: (uid: string | undefined) => void;
  /** whether it is being taken away, whenever that has changed: nothing of its own is run then */
  readonly onLeaving: (isLeaving: boolean) => void;
  /** it was deleted then, and stays away */
  readonly onLeft: () => void;
}

type Client = NonNullable<VirtualNodeOptions['client']>;

const FIRST_TRY_MS = 100;
const STATUS_AGAIN_MS = 1_000;
const look = { baseMs: 100, maxMs: 7_000, factor: 2 };
const register = { baseMs: 200, maxMs: 7_000, factor: 2 };

export class VirtualNode {
  readonly #options: VirtualNodeOptions;
  readonly #registered: RegisteredNode;
  readonly #transitions: NodeTransitions;
  readonly #known = Promise.withResolvers<undefined>();
  readonly #ready = Promise.withResolvers<undefined>();
  readonly #alarm: Alarm;
  /** how often the configuration has changed, and up to which of these the Node has what it says */
  #configured = { changes: 0, written: 0 };
  /** the Node as it would be registered, for as long as it is not */
  #local: KubeNode | undefined;

  constructor(options: VirtualNodeOptions) {
    this.#options = options;
    this.#registered = new RegisteredNode(options);
    this.#transitions = new NodeTransitions({ ...options, name: options.identity.name });
    this.#alarm = new Alarm(options.clock);
  }

  /** Resolves when the Node is registered and the facts of a host are known. */
  get registered(): Promise<unknown> {
    return this.#ready.promise;
  }

  node(): KubeNode | undefined {
    return this.#registered.current();
  }

  reference(): ObjectReference {
    return nodeReference(this.#options.identity.name);
  }

  /** What is wrong with the Node object; undefined: nothing. */
  problem(): string | undefined {
    const leftMs = this.#registered.againInMs();
    if (leftMs === undefined) return undefined;
    const seconds = Math.max(0, leftMs / 1000);
    return `its Node object was deleted: it is registered again in ${seconds.toFixed()} s`;
  }

  /** The node as the host sees it. */
  view(host: NodeHost): NodeView {
    return {
      known: Promise.all([this.#known.promise, host.known]),
      node: () => this.node(),
      info: () => this.#options.hosts.infoFor(host, this.node() ?? this.#local),
      facts: () => host.facts(),
      addresses: () => host.addresses(),
      taints: () => this.node()?.spec?.taints ?? [],
      reference: () => this.reference(),
      refresh: (options) => this.refresh(options),
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
      await this.#observe(signal);
      if (client === undefined) await this.#standAlone(signal);
      else
        await Promise.all([
          this.#serve(client, signal),
          ...hosts.all.map((host) => this.#observeHost(host, signal)),
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

  /** The Node as the API server has it. `listed`: read just now. */
  observed(read: KubeNode, { listed }: { listed: boolean } = { listed: true }): void {
    if (this.#registered.observed(read, { listed })) this.#alarm.ring();
  }

  /** Something that the status depends on has changed. */
  statusSoon(): void {
    this.#alarm.ring();
  }

  /** Labels or taints of the identity have changed: they are written to the Node. */
  configured(): void {
    this.#configured.changes += 1;
    this.#alarm.ring();
  }

  /** What the hosts are like; tried until it can be told of one. */
  async #observe(signal: AbortSignal): Promise<void> {
    await this.#untilObserved(() => this.#look(signal), {}, signal);
    this.#known.resolve(undefined);
  }

  /** A host of a pool that was not there when the node came to be is looked at as soon as it is. */
  async #observeHost(host: NodeHost, signal: AbortSignal): Promise<void> {
    if (host.facts() !== undefined) return;
    await this.#untilObserved(() => host.lookAgain(signal), { host: host.name }, signal);
    this.statusSoon();
  }

  async #untilObserved(
    attempt: () => Promise<unknown>,
    fields: LogFields,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, log } = this.#options;
    const onFailure = (error: unknown, failures: number): void => {
      if (isWorthTelling(failures))
        log.warn({ err: error, ...fields, failures }, 'the host could not be observed: trying again');
    };
    await retry(attempt, { policy: look, clock, signal, onFailure });
  }

  async #look(signal: AbortSignal): Promise<KubeNode> {
    const { identity, hosts } = this.#options;
    const facts = await hosts.lookAgain(signal);
    this.#local = newNode(identity, facts, hosts.status(facts, { node: this.node(), conditions: [] }));
    return this.#local;
  }

  /** Without an API server the node is only what pods are admitted against: kept up to date. */
  async #standAlone(signal: AbortSignal): Promise<void> {
    const { beat, clock, log, updateMs, hosts } = this.#options;
    for (;;) {
      await clock.sleep(beat.until(updateMs), { signal });
      if (hosts.all.every(({ host }) => host.state().at !== 'ready')) continue;
      try {
        await this.#look(signal);
      } catch (error) {
        signal.throwIfAborted();
        log.debug({ err: error }, 'the host could not be observed');
      }
    }
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

  async #register(client: Client, signal: AbortSignal): Promise<void> {
    const { clock, log, identity } = this.#options;
    await clock.sleep(FIRST_TRY_MS, { signal });
    const attempt = async (): Promise<void> => {
      await this.#registerAs(await this.#look(signal), { client, signal });
    };
    await this.#untilRegistered(attempt, signal);
    log.info({ addresses: this.node()?.status?.addresses, port: identity.port }, 'node registered');
    this.#transitions.registered();
    this.#ready.resolve(undefined);
  }

  async #registerAs(
    wanted: KubeNode,
    { client, signal }: { client: Client; signal: AbortSignal },
  ): Promise<void> {
    const providerID = await orAbort(this.#options.providerID, signal);
    const node = { ...wanted, spec: { ...wanted.spec, providerID } };
    const onRefused = (error: unknown): void => {
      this.#options.log.warn(
        { err: error },
        "labels and taints of the Node are not the configuration's, and its account may not change them",
      );
    };
    this.#registered.take(await createOrReconcile(client, node, { signal, onRefused }));
  }

  async #untilRegistered(attempt: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    const onFailure = (error: unknown, failures: number): void => {
      if (isWorthTelling(failures))
        log.warn({ err: error, failures }, 'node could not be registered: trying again');
    };
    await retry(attempt, { policy: register, clock, signal, onFailure });
  }

  /** The Node object is not there any more: the next turn of the status loop sees to it. */
  #gone(uid: string | undefined): void {
    if (this.#registered.gone(uid)) this.#alarm.ring();
  }

  async #statusLoop(client: Client, signal: AbortSignal): Promise<void> {
    const { identity, beat, log, updateMs, onLeft } = this.#options;
    const reporter = new StatusReporter({
      ...this.#options,
      client,
      node: identity.name,
      registered: this.#registered,
      transitions: this.#transitions,
    });
    let failed = false;
    while (!signal.aborted) {
      // armed before the status is put together: what changes meanwhile is reported at once, and ends a look
      // that waits
      const armed = this.#alarm.arm(signal);
      try {
        if (this.#registered.againInMs() !== undefined) {
          await this.#registerAgain(client, signal);
          continue;
        }
        if (this.#registered.hasLeft) {
          onLeft();
          return;
        }
        await this.#writeConfigured(client, signal);
        await reporter.report({ signal, hurry: armed.signal });
        failed = false;
      } catch (error) {
        signal.throwIfAborted();
        if (!failed) log.warn({ err: error }, 'node status could not be updated: trying again');
        failed = true;
        if (isNotFound(error)) {
          this.#gone(this.node()?.metadata.uid);
          continue;
        }
      }
      await armed.sleep(failed ? STATUS_AGAIN_MS : beat.until(updateMs));
    }
  }

  async #writeConfigured(client: Client, signal: AbortSignal): Promise<void> {
    const { hosts, identity, log } = this.#options;
    const { changes, written } = this.#configured;
    if (changes === written) return;
    const facts = await hosts.factsInTime(signal);
    const status = hosts.status(facts, { node: this.node(), conditions: [] });
    await this.#registerAs(newNode(identity, facts, status), { client, signal });
    this.#configured.written = changes;
    log.info({}, 'the Node has the labels and taints of the configuration');
  }

  /**
   * Pods of a Node that is gone are deleted after a while: it comes back before, and as closed to new ones as
   * it was. Somebody else may make it meanwhile: then there is nothing to do.
   */
  async #registerAgain(client: Client, signal: AbortSignal): Promise<void> {
    const { hosts, identity } = this.#options;
    const leftMs = (): number => this.#registered.againInMs() ?? 0;
    while (leftMs() > 0) await this.#alarm.arm(signal).sleep(leftMs());
    const former = this.node();
    const attempt = async (): Promise<void> => {
      if (this.#registered.againInMs() === undefined) return;
      const facts = await hosts.factsInTime(signal);
      const status = hosts.status(facts, { node: former, conditions: [] });
      await this.#registerAs(asClosed(newNode(identity, facts, status), former), { client, signal });
      this.#transitions.registeredAgain(this.node()?.metadata.uid);
    };
    await this.#untilRegistered(attempt, signal);
  }
}
