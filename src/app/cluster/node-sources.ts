/**
 * Where a node's pods come from, put together: manifests and the API server, and which of them may be acted
 * on when. Composition only.
 */
import type { Config, NodeConfig } from '../config/schema.ts';
import { parseYaml } from '../config/yaml.ts';
import type { KubeConnection } from '../../kube/connect.ts';
import { paths } from '../../kube/paths.ts';
import { watchObjects } from '../../kube/watch.ts';
import type { Faults } from '../../model/faults.ts';
import type { Pod } from '../../model/kube.ts';
import { labels } from '../../model/labels.ts';
import type { Log } from '../../model/log.ts';
import type { PodChange } from '../../model/pod-update.ts';
import { HeldView } from '../../sync/sources/held-view.ts';
import { ManifestFolder } from '../../sync/sources/manifest-folder.ts';
import { PodChanges, type PodView } from '../../sync/sources/pod-changes.ts';
import { staticOwner } from '../../sync/sources/static-owner.ts';
import { orAbort } from '../../util/abort.ts';
import type { Clock } from '../../util/clock.ts';
import { supervise } from '../../util/supervise.ts';

export interface NodeSourcesOptions {
  readonly config: Config;
  readonly node: NodeConfig;
  readonly client: Pick<KubeConnection, 'get' | 'stream' | 'epoch'>;
  /**
   * UID of the cluster's kube-system namespace, as soon as the API server has told; undefined: there is none
   */
  readonly cluster: Promise<string> | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly faults: Faults;
  readonly signal: AbortSignal;
}

/** Who is told of a node's pods. */
export interface PodListener {
  onChanges(changes: readonly PodChange[]): void;
  /** The changes that follow are of a new list of the API server's pods. */
  onListed(): void;
}

const RELEASE_AGAIN_MS = 5_000;

/** Pods of each source are held back until that source may be judged (docs/adr/0006). */
export class NodeSources {
  /** what marks the sandboxes of static pods as this node's */
  readonly staticOwner: string;
  /** resolves when the cluster is known; never, if there is none */
  readonly clusterKnown: Promise<unknown>;
  readonly #options: NodeSourcesOptions;
  readonly #apiPods: HeldView;
  #listener: PodListener | undefined;
  #clusterId: string | undefined;
  /** has been read once */
  readonly #listed = { api: false, file: false };
  /** and the loop was told */
  readonly #told = { api: false, file: false };
  /** as they were last read */
  #manifests: readonly Pod[] | undefined;
  #tellManifests: ((view: PodView) => void) | undefined;
  #isLeaving = false;

  constructor(options: NodeSourcesOptions) {
    const { node, cluster, signal } = options;
    this.#options = options;
    this.staticOwner = staticOwner(node);
    this.#apiPods = new HeldView(this.#tracked('api'));
    this.clusterKnown =
      cluster === undefined
        ? new Promise(() => undefined)
        : orAbort(cluster, signal).then((id) => {
            this.#clusterId = id;
          });
    // a waiting caller gets the failure; nobody need wait
    this.clusterKnown.catch(() => undefined);
  }

  /** Before it runs. */
  attach(listener: PodListener): void {
    this.#listener = listener;
  }

  /** undefined until the API server has told, and without one */
  get clusterId(): string | undefined {
    return this.#clusterId;
  }

  /**
   * Whether a sandbox or container of this node's name is this node's. Its answer changes once, when the
   * cluster is known.
   */
  owns({ [labels.cluster]: owner }: Readonly<Record<string, string>>): boolean {
    return owner === this.staticOwner || (this.#clusterId !== undefined && owner === this.#clusterId);
  }

  /** Every source has told of its pods: what none of them names is nobody's. */
  haveAll(): boolean {
    return this.#isComplete(this.#told);
  }

  /**
   * What is asked about pods can be answered; `withoutApi`: also while the API server has never been reached.
   */
  areKnown({ withoutApi }: { withoutApi: boolean }): boolean {
    const api = this.#listed.api || (withoutApi && this.#clusterId === undefined);
    return this.#isComplete({ ...this.#listed, api });
  }

  /** The cluster's pods may be acted on. */
  releaseCluster(): void {
    const { faults, clock, signal } = this.#options;
    try {
      this.#apiPods.release();
    } catch (error) {
      faults.report('watch', error);
      clock.after(RELEASE_AGAIN_MS, () => {
        if (!signal.aborted) this.releaseCluster();
      });
    }
  }

  /** Static pods are not run on a Node that is being taken away: what is left there is what stops. */
  leaving(isLeaving: boolean): void {
    this.#isLeaving = isLeaving;
    this.#showManifests();
  }

  async run(): Promise<void> {
    await Promise.all([
      supervise('manifests', (life) => this.#readManifests(life), this.#options),
      supervise('watch', (life) => this.#watchCluster(life), this.#options),
    ]);
  }

  #isComplete(has: { readonly api: boolean; readonly file: boolean }): boolean {
    const { node, cluster } = this.#options;
    return (has.file || node.staticPodPath === undefined) && (has.api || cluster === undefined);
  }

  #tracked(source: 'api' | 'file'): (view: PodView) => void {
    const { clock } = this.#options;
    const changes = new PodChanges({ source, now: () => clock.now() });
    return (view) => {
      if (view.type === 'reset' && source === 'api') this.#listener?.onListed();
      changes.report(view, (some) => this.#listener?.onChanges(some));
      // a turn later the loop has them
      if (view.type === 'reset')
        clock.after(0, () => {
          this.#told[source] = true;
        });
    };
  }

  async #readManifests(signal: AbortSignal): Promise<void> {
    const { config, node, clock, log } = this.#options;
    if (node.staticPodPath === undefined) return;
    this.#tellManifests ??= this.#tracked('file');
    const folder = new ManifestFolder({
      path: node.staticPodPath,
      node: node.name,
      everyMs: config.fileCheckFrequency,
      parse: parseYaml,
      clock,
      log,
      onPods: (pods) => {
        this.#manifests = pods;
        this.#showManifests();
        this.#listed.file = true;
      },
    });
    await folder.run(signal);
  }

  #showManifests(): void {
    if (this.#manifests === undefined) return;
    this.#tellManifests?.({ type: 'reset', items: this.#isLeaving ? [] : this.#manifests });
  }

  async #watchCluster(signal: AbortSignal): Promise<void> {
    const { client, node, cluster, clock, log, faults } = this.#options;
    if (cluster === undefined) return;
    await this.clusterKnown;
    await watchObjects<Pod>(
      {
        client,
        clock,
        log,
        faults,
        path: paths.pods,
        what: 'pods',
        fieldSelector: `spec.nodeName=${node.name}`,
        onEvent: (event) => {
          this.#apiPods.apply(event);
          if (event.type === 'reset') this.#listed.api = true;
        },
      },
      { signal },
    );
  }
}
