/** Whether others' pods live in what is a node's alone: its rootDir, its cgroups. */
import type { CgroupDriver } from '../../hosts/cri/cgroup-driver.ts';
import { cgroupMount, type CgroupLayout } from '../../resources/cgroups/cgroup-layout.ts';
import { cgroupPath, nodeCgroup, podCgroupPart, qosCgroup } from '../../resources/cgroups/cgroup-name.ts';
import type { CriClient } from '../../hosts/cri/calls.ts';
import type { HostFiles, HostQuery } from '../../hosts/link/link.ts';
import { labels } from '../../model/labels.ts';
import { own } from '../../model/own.ts';
import type { Row } from './table.ts';

export interface NeighboursOptions {
  readonly cri: Pick<CriClient, 'listPodSandbox'>;
  readonly files: Pick<HostFiles, 'look'>;
  readonly node: string;
  readonly rootDir: string;
  /** undefined: no cgroups are made */
  readonly cgroups:
    { readonly root: string; readonly driver: CgroupDriver; readonly layout: CgroupLayout } | undefined;
}

/** Some are enough to tell: who shares a folder shares it with all of its pods. */
const MAX_PODS = 10;

interface Neighbour {
  readonly uid: string;
  readonly whose: string;
}

/**
 * A warning for each place that is shared; none: it is the node's alone, as far as pods tell that run now.
 */
export async function checkNeighbours(
  { cri, files, node, rootDir, cgroups }: NeighboursOptions,
  { signal }: { signal: AbortSignal },
): Promise<Row[]> {
  const { items } = await cri.listPodSandbox({}, { signal });
  const others = items.flatMap((item): Neighbour[] => {
    const uid = item.metadata?.uid ?? '';
    const owner = own(item.labels, labels.node);
    return owner === node || !/^[\w-]+$/.test(uid)
      ? []
      : [{ uid, whose: owner === undefined ? 'a kubelet' : `node ${owner}` }];
  });
  const some = others.slice(0, MAX_PODS);
  const [inRoot, inCgroups] = await Promise.all([
    firstThere(files, some, ({ uid }) => [`${rootDir}/pods/${uid}`], signal),
    cgroups === undefined ? undefined : firstThere(files, some, (pod) => cgroupsOf(pod, cgroups), signal),
  ]);
  return [
    ...(inRoot === undefined ? [] : [shared('rootDir', rootDir, inRoot)]),
    ...(inCgroups === undefined ? [] : [shared('cgroupRoot', cgroups?.root ?? '', inCgroups)]),
  ];
}

function shared(what: 'rootDir' | 'cgroupRoot', place: string, whose: string): Row {
  return {
    what,
    state: 'warn',
    found: `pods of ${whose} are there already: ${what} ${place === '' ? '/' : place}`,
    advice: `nodes on one machine need a ${what} of their own each (nodes[].${what}), or they take each other's pods for leftovers`,
  };
}

async function firstThere(
  files: Pick<HostFiles, 'look'>,
  pods: readonly Neighbour[],
  pathsOf: (pod: Neighbour) => readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const places = pods.flatMap((pod) => pathsOf(pod).map((path) => ({ path, whose: pod.whose })));
  if (places.length === 0) return undefined;
  const queries = places.map(({ path }): HostQuery => ({ look: 'stat', path }));
  const answers = await files.look(queries, { signal });
  return places.find((_, index) => answers[index]?.stat !== undefined)?.whose;
}

function cgroupsOf(
  { uid }: Neighbour,
  { root, driver, layout }: NonNullable<NeighboursOptions['cgroups']>,
): string[] {
  const mount = layout.version === 2 ? cgroupMount : `${cgroupMount}/cpu`;
  return (['Guaranteed', 'Burstable', 'BestEffort'] as const).map(
    (qos) => `${mount}${cgroupPath([...qosCgroup(nodeCgroup(root), qos), podCgroupPart(uid)], driver)}`,
  );
}
