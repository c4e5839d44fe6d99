/** The questions and the files that need no sandbox: prefetched.ts sends them while it is being made. */
import { createHash } from 'node:crypto';
import type { HostFiles } from '../../hosts/link/link.ts';
import type { PodContainer } from '../../model/containers.ts';
import type { ConfigMap, Pod, Secret } from '../../model/kube.ts';
import { containerDir, type HostPaths, podLogDir } from '../../model/paths.ts';
import { podRef } from '../../model/pod-ref.ts';
import { isStaticPod } from '../../model/pod-source.ts';
import type { PodRuntimeState } from '../../model/runtime-state.ts';
import { envReferences, type EnvSources } from '../spec/env.ts';
import type { Fetched } from '../spec/env-entry.ts';
import { hostNetworkHostsFile, managedHostsFile } from '../spec/hosts-file.ts';
import { podHostname } from '../spec/hostname.ts';
import { attemptFromLogs, podFileOps } from '../spec/pod-files.ts';
import type { ObjectReader, ServiceReader } from '../spec/providers.ts';

const maxHostsFileBytes = 1024 * 1024;

/** What the environments of a pod's containers are made from. */
export type EnvObjects = Pick<EnvSources, 'configMaps' | 'secrets' | 'services'>;

/**
 * Reads every object that the containers' environments name. A failure is an answer too: it counts only for
 * the container that needs the object. Rejects only with the signal's reason.
 */
export async function readEnvObjects(
  pod: Pod,
  containers: readonly PodContainer[],
  from: { objects: ObjectReader; services: ServiceReader; signal: AbortSignal },
): Promise<EnvObjects> {
  const { namespace } = pod.metadata;
  const { objects, services, signal } = from;
  const names = envReferences(containers.map(({ spec }) => spec));
  const [configMaps, secrets] = await Promise.all([
    readAll<ConfigMap>(names.configMaps, (name) => objects.configMap(namespace, name, { signal })),
    readAll<Secret>(names.secrets, (name) => objects.secret(namespace, name, { signal })),
  ]);
  signal.throwIfAborted();
  // a static pod may start before any API server: it sees the services that are known by then
  const known = services.synced() || isStaticPod(pod);
  return { configMaps, secrets, services: known ? services.services(namespace) : undefined };
}

async function readAll<T>(
  names: ReadonlySet<string>,
  read: (name: string) => Promise<T>,
): Promise<Map<string, Fetched<T>>> {
  const entries = [...names].map(async (name): Promise<[string, Fetched<T>]> => {
    try {
      return [name, { value: await read(name) }];
    } catch (error) {
      return [name, { error }];
    }
  });
  return new Map(await Promise.all(entries));
}

/**
 * The restart count to create a container with: from the runtime's newest record, else from its log files.
 */
export async function nextAttempt(
  pod: Pod,
  container: string,
  from: { state: PodRuntimeState; files: HostFiles; paths: HostPaths; signal: AbortSignal },
): Promise<number> {
  const newest = from.state.containers.find(({ name }) => name === container);
  if (newest !== undefined) return newest.attempt + 1;
  const folder = `${podLogDir(from.paths, podRef(pod))}/${container}`;
  return attemptFromLogs(await from.files.list(folder, { signal: from.signal }));
}

/**
 * Host paths of the termination message files, by container. A name is a hash of what tells one start from
 * the next, so that a start that is tried again writes to the same file.
 */
export function terminationLogs(
  pod: Pod,
  containers: readonly PodContainer[],
  { state, paths }: { state: PodRuntimeState; paths: HostPaths },
): Map<string, string> {
  const { uid } = pod.metadata;
  return new Map(
    containers
      .filter(({ spec }) => (spec.terminationMessagePath ?? '') !== '')
      .map(({ spec: { name } }): [string, string] => {
        const newest = state.containers.find((container) => container.name === name);
        const start = createHash('sha256')
          .update(`${uid}/${name}/${newest?.id ?? 'first'}`)
          .digest('hex');
        return [name, `${containerDir(paths, uid, name)}/${start.slice(0, 8)}`];
      }),
  );
}

/** Puts log folders, termination message files and the hosts file on the host, in one batch. */
export async function writePodFiles(
  pod: Pod,
  input: {
    readonly containers: readonly PodContainer[];
    readonly terminationLogs: ReadonlyMap<string, string>;
    readonly clusterDomain: string;
    readonly podIPs: readonly string[];
  },
  to: { files: HostFiles; paths: HostPaths; signal: AbortSignal },
): Promise<void> {
  const { files, paths, signal } = to;
  const hosts =
    pod.spec.hostNetwork === true
      ? hostNetworkHostsFile(pod, await readHosts(files, signal))
      : managedHostsFile(pod, podHostname(pod, input.clusterDomain), input.podIPs);
  const containers = input.containers.map(({ spec: { name } }) => ({
    name,
    terminationLog: input.terminationLogs.get(name)?.split('/').at(-1),
  }));
  await files.apply(podFileOps(pod, { paths, containers, hosts }), { signal });
}

async function readHosts(files: HostFiles, signal: AbortSignal): Promise<string> {
  const bytes = await files.readFile('/etc/hosts', { signal, maxBytes: maxHostsFileBytes });
  return bytes.toString('utf8');
}
