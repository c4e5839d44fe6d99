/**
 * Reads what pods use: memory and writable layers from the runtime, logs and volumes from the host's disk,
 * all at once.
 */
import { specContainers } from '../../model/containers.ts';
import type { CriClient } from '../../hosts/cri/calls.ts';
import type { ContainerStats__Output } from '../../hosts/cri/generated/runtime/v1/ContainerStats.ts';
import type { PodSandboxStats__Output } from '../../hosts/cri/generated/runtime/v1/PodSandboxStats.ts';
import { readUsageStats } from '../../hosts/cri/usage-stats.ts';
import type { HostFiles, HostQuery } from '../../hosts/link/link.ts';
import type { Pod } from '../../model/kube.ts';
import { labels } from '../../model/labels.ts';
import { podLogDir, volumeDir, type HostPaths } from '../../model/paths.ts';
import { podRef } from '../../model/pod-ref.ts';
import type { ContainerUse, FsUse, PodUse } from './usage.ts';

export interface UsageReaderOptions {
  readonly cri: Pick<CriClient, 'listPodSandboxStats' | 'listContainerStats'>;
  readonly files: Pick<HostFiles, 'look'>;
  readonly paths: HostPaths;
  /** labels of everything that this node has on the runtime */
  readonly owner: Readonly<Record<string, string>>;
}

/** One tree on the disk and whose it is. */
interface Tree {
  readonly uid: string;
  readonly kind: 'logs' | 'volume';
  readonly name: string;
  readonly path: string;
}

interface RuntimeUse {
  readonly sandboxes: ReadonlyMap<string, PodSandboxStats__Output>;
  readonly containers: ReadonlyMap<string, readonly ContainerStats__Output[]>;
}

export class UsageReader {
  readonly #options: UsageReaderOptions;

  constructor(options: UsageReaderOptions) {
    this.#options = options;
  }

  /**
   * By uid; pods of which the runtime has no figures are left out. Rejects if runtime or disk can't be asked.
   */
  async read(pods: readonly Pod[], { signal }: { signal: AbortSignal }): Promise<Map<string, PodUse>> {
    const trees = pods.flatMap((pod) => this.#trees(pod));
    const queries = trees.map(({ path }): HostQuery => ({ look: 'tree', path }));
    const [runtime, answers] = await Promise.all([
      this.#runtime(signal),
      queries.length === 0 ? [] : this.#options.files.look(queries, { signal }),
    ]);
    const measured = trees.map((tree, index) => ({ ...tree, use: answers[index]?.tree }));
    const known = pods.filter(
      ({ metadata: { uid } }) => runtime.containers.has(uid) || runtime.sandboxes.has(uid),
    );
    return new Map(
      known.map((pod) => {
        const { uid } = pod.metadata;
        const own = measured.filter((tree) => tree.uid === uid);
        const usesOf = (kind: Tree['kind']): [string, FsUse][] =>
          own.flatMap((tree) =>
            tree.kind === kind && tree.use !== undefined ? [[tree.name, tree.use]] : [],
          );
        return [
          uid,
          podUse(pod, runtime, { logs: new Map(usesOf('logs')), volumes: new Map(usesOf('volume')) }),
        ];
      }),
    );
  }

  #trees(pod: Pod): Tree[] {
    const { paths } = this.#options;
    const { uid } = pod.metadata;
    const logs = podLogDir(paths, podRef(pod));
    const volume = (name: string, plugin: string): Tree => ({
      uid,
      kind: 'volume',
      name,
      path: volumeDir(paths, uid, `kubernetes.io~${plugin}`, name),
    });
    return [
      ...containerNames(pod).map((name): Tree => ({ uid, kind: 'logs', name, path: `${logs}/${name}` })),
      ...(pod.spec.volumes ?? []).flatMap(({ name, emptyDir, configMap }) => {
        if (emptyDir !== undefined) return [volume(name, 'empty-dir')];
        return configMap === undefined ? [] : [volume(name, 'configmap')];
      }),
    ];
  }

  /** The pods' own figures hold more, but a runtime need not have them: then the containers' are added up. */
  async #runtime(signal: AbortSignal): Promise<RuntimeUse> {
    const { cri, owner } = this.#options;
    const { sandboxes, containers } = await readUsageStats(cri, owner, { signal });
    return {
      sandboxes: new Map(
        sandboxes.map((stats): [string, PodSandboxStats__Output] => [
          stats.attributes?.metadata?.uid ?? '',
          stats,
        ]),
      ),
      containers: Map.groupBy(containers, ({ attributes }) => attributes?.labels[labels.podUid] ?? ''),
    };
  }
}

function podUse(
  pod: Pod,
  { sandboxes, containers }: RuntimeUse,
  disk: { logs: ReadonlyMap<string, FsUse>; volumes: ReadonlyMap<string, FsUse> },
): PodUse {
  const { uid } = pod.metadata;
  const stats = containers.get(uid) ?? [];
  const sandbox = sandboxes.get(uid)?.linux;
  const each = stats.map((container): ContainerUse => {
    const name = container.attributes?.metadata?.name ?? '';
    return {
      name,
      memoryBytes: container.memory?.working_set_bytes?.value,
      rootfs: layerUse(container),
      logs: disk.logs.get(name),
    };
  });
  const sum = each.reduce<number | undefined>(
    (total, { memoryBytes }) => (memoryBytes === undefined ? total : (total ?? 0) + memoryBytes),
    undefined,
  );
  return {
    memoryBytes: sandbox?.memory?.working_set_bytes?.value ?? sum,
    processes: sandbox?.process?.process_count?.value,
    containers: each,
    volumes: disk.volumes,
  };
}

function layerUse({ writable_layer: layer }: ContainerStats__Output): FsUse | undefined {
  const bytes = layer?.used_bytes?.value;
  return bytes === undefined ? undefined : { bytes, inodes: layer?.inodes_used?.value ?? 0 };
}

function containerNames({ spec }: Pod): string[] {
  return specContainers(spec).map(({ name }) => name);
}
