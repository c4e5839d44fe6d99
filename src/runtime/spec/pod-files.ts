/** Pure: the files a pod's containers need on the host before they are created. */
import type { DirEntry, FileOp } from '../../hosts/link/link.ts';
import type { Pod } from '../../model/kube.ts';
import { containerDir, etcHostsPath, type HostPaths, podDir, podLogDir } from '../../model/paths.ts';
import { podRef } from '../../model/pod-ref.ts';

/** A container that is about to be created. */
export interface StartingContainer {
  readonly name: string;
  /** name of the file its termination message is written to; undefined if it has none */
  readonly terminationLog: string | undefined;
}

/** Log folders, the files for termination messages and the hosts file, as one batch. */
export function podFileOps(
  pod: Pod,
  {
    paths,
    containers,
    hosts,
  }: {
    paths: HostPaths;
    containers: readonly StartingContainer[];
    /** text of the hosts file; undefined: the pod has none */
    hosts: string | undefined;
  },
): FileOp[] {
  const ref = podRef(pod);
  const logs = podLogDir(paths, ref);
  return [
    { op: 'mkdir', path: logs, mode: 0o755 },
    { op: 'mkdir', path: podDir(paths, ref.uid), mode: 0o750 },
    ...containers.flatMap(({ name, terminationLog }): FileOp[] => [
      { op: 'mkdir', path: `${logs}/${name}`, mode: 0o755 },
      ...terminationLogOps(containerDir(paths, ref.uid, name), terminationLog),
    ]),
    ...(hosts === undefined ? [] : [hostsFileOp(pod, paths, hosts)]),
  ];
}

/** Rewritten in place: running containers have the very file mounted. */
export function hostsFileOp(pod: Pod, paths: HostPaths, text: string): FileOp {
  const data = Buffer.from(text, 'utf8');
  return { op: 'write', path: etcHostsPath(paths, pod.metadata.uid), data, mode: 0o644 };
}

function terminationLogOps(folder: string, file: string | undefined): FileOp[] {
  if (file === undefined) return [];
  return [
    { op: 'mkdir', path: folder, mode: 0o750 },
    { op: 'write', path: `${folder}/${file}`, data: Buffer.alloc(0), mode: 0o666 },
  ];
}

/**
 * The attempt that goes on from a container's log files, for a runtime that has forgotten the container
 * (calcRestartCountByLogDir): one more than the highest `<n>.log`, rotated ones included; 0 without any.
 */
export function attemptFromLogs(entries: readonly DirEntry[] | undefined): number {
  const attempts = (entries ?? [])
    .filter(({ type }) => type !== 'directory')
    .map(({ name }) => /^(\d+)\.log(\..*)?/.exec(name)?.[1])
    .map((attempt) => (attempt === undefined ? 0 : Number(attempt) + 1))
    .filter(Number.isSafeInteger);
  return Math.max(0, ...attempts);
}

/**
 * Where log collectors look for a container's log: `<pod>_<namespace>_<container>-<id>.log`, 255 characters
 * at most.
 */
export function containerLogLink(
  paths: HostPaths,
  logOf: {
    readonly pod: string;
    readonly namespace: string;
    readonly container: string;
    readonly id: string;
  },
): string {
  const name = `${logOf.pod}_${logOf.namespace}_${logOf.container}-${logOf.id}`;
  return `${paths.containerLogsDir}/${name.slice(0, 255 - '.log'.length)}.log`;
}
