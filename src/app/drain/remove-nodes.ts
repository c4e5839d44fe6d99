/**
 * `farlet drain --delete`: nodes taken away for good while their farlet still runs, so that nothing runs on
 * the hosts afterwards (docs/adr/0030).
 *
 * I1. A Node is deleted only after its farlet has said that it goes by the mark: before, it would register
 *     the Node again, and start what DaemonSets make anew.
 * I2. While pods are stopped there is a Node: the pods of one that is gone are deleted by the cluster's
 *     garbage collector, whether or not anything of them runs.
 */
import { changeNode, leaving } from './change-node.ts';
import { drain, type DrainOptions } from './drain.ts';
import { forAll } from './for-all.ts';
import type { DrainLimits } from './movable.ts';
import { dropGone, namesByUid, podsOf } from './pods-of.ts';
import type { Target } from './targets.ts';
import { paths } from '../../kube/paths.ts';
import type { AdmissionReason } from '../../model/admission-reasons.ts';
import { FarletError, kindOf, unlessNotFound } from '../../model/errors.ts';
import type { KubeNode, Pod } from '../../model/kube.ts';
import { leavingCondition } from '../../model/leaving-node.ts';
import { isMirrorPod } from '../../model/pod-source.ts';

const LOOK_AGAIN_MS = 1_000;
const refusedHere: AdmissionReason = 'NodeLeaving';

/**
 * Drains them, stops what a drain leaves (pods of DaemonSets, static pods), deletes the Nodes and what is
 * left of their pods' objects. A Node that is not there is as it should be.
 * @throws FarletError `invalid` before anything is touched, as a drain
 */
export async function removeNodes(
  targets: readonly Target[],
  options: DrainOptions & { limits: DrainLimits },
): Promise<void> {
  for (const { node, host } of targets)
    if (host !== undefined)
      throw new FarletError(
        'invalid',
        `${node}/${host}: --delete is for nodes; a host leaves a node by the configuration, once it is drained`,
      );
  const there: Target[] = [];
  await forAll(targets, async (target) => {
    if ((await find(target.node, options)) === undefined) options.print(`node ${target.node} is not there\n`);
    else there.push(target);
  });
  await drain(there, options);
  await forAll(there, (target) => remove(target, options));
}

async function remove(target: Target, options: DrainOptions): Promise<void> {
  const { print, signal } = options;
  // static pods stop by the mark, and may be gone before anybody looks again
  const known = namesByUid(await podsOf(target, options));
  // one that farlet has registered meanwhile, as it was started anew, is taken away like the first
  for (let node = await find(target.node, options); node !== undefined;) {
    let lacks = 'farlet has not answered the mark on it: is it running?';
    try {
      await untilMarked(target, options);
      lacks = 'pods are left';
      await untilEmpty(target, options, known, (names) => (lacks = `${names.join(', ')} left`));
      lacks = 'its object is left';
      await deleteNode(target.node, options);
      lacks = 'objects of its pods are left';
      await untilForgotten(target, options);
      node = await find(target.node, options);
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new FarletError(
        kindOf(signal.reason),
        `node ${target.node} is drained and not taken away yet: ${lacks}; call this again to go on, or farlet uncordon ${target.node} to keep it`,
        { cause: error },
      );
    }
  }
  print(`node ${target.node} is deleted\n`);
}

function find(
  name: string,
  { client, signal }: Pick<DrainOptions, 'client' | 'signal'>,
): Promise<KubeNode | undefined> {
  return client.get<KubeNode>(paths.node(name), { signal }).catch(unlessNotFound);
}

/** Until farlet starts nothing more there. */
async function untilMarked({ node: name }: Target, options: DrainOptions): Promise<void> {
  const { print, clock, signal } = options;
  for (let tells = true; ; tells = false) {
    // in this loop, for somebody may take the mark back
    await unlessGone(changeNode(name, options, leaving));
    if (tells) print(`node ${name} is leaving: nothing new is run there\n`);
    const node = await find(name, options);
    const isTold = node?.status?.conditions?.some(
      ({ type, status }) => type === leavingCondition && status === 'True',
    );
    if (node === undefined || isTold === true) return;
    await clock.sleep(LOOK_AGAIN_MS, { signal });
  }
}

/**
 * Until nothing runs there: what was refused there has never run, and comes again and again. Mirrors go with
 * the static pods that they show. Says which of those `known`, and of those found, are gone.
 */
async function untilEmpty(
  target: Target,
  options: DrainOptions,
  known: Map<string, string>,
  onLeft: (names: readonly string[]) => void,
): Promise<void> {
  const { print, clock, signal } = options;
  const asked = new Set<string>();
  for (;;) {
    const left = (await podsOf(target, options)).filter((pod) => !isRefused(pod));
    dropGone(known, left, print);
    if (left.length === 0) return;
    const names = namesByUid(left);
    onLeft([...names.values()]);
    for (const [uid, name] of names) known.set(uid, name);
    for (const pod of left) {
      if (asked.has(pod.metadata.uid)) continue;
      asked.add(pod.metadata.uid);
      if (!isMirrorPod(pod) && pod.metadata.deletionTimestamp === undefined) await deletePod(pod, options);
    }
    await clock.sleep(LOOK_AGAIN_MS, { signal });
  }
}

/** Until the objects of pods that were refused there are gone, which nobody makes any more, nor runs. */
async function untilForgotten(target: Target, options: DrainOptions): Promise<void> {
  const { clock, signal } = options;
  for (;;) {
    const left = await podsOf(target, options);
    if (left.length === 0) return;
    for (const pod of left) await deletePod(pod, options, { gracePeriodSeconds: 0 });
    await clock.sleep(LOOK_AGAIN_MS, { signal });
  }
}

function isRefused({ status }: Pod): boolean {
  return status?.phase === 'Failed' && status.reason === refusedHere;
}

async function deletePod(
  { metadata }: Pod,
  { client, signal }: DrainOptions,
  how: { readonly gracePeriodSeconds?: number } = {},
): Promise<void> {
  const { namespace, name, uid } = metadata;
  const body = { ...how, preconditions: { uid } };
  await unlessGone(client.delete(paths.pod(namespace, name), body, { signal }));
}

async function deleteNode(name: string, options: DrainOptions): Promise<void> {
  const { client, signal } = options;
  const node = await find(name, options);
  if (node === undefined) return;
  const { uid } = node.metadata;
  await unlessGone(client.delete(paths.node(name), { preconditions: { uid } }, { signal }));
}

/** Gone already, or another of that name: the next look tells. */
async function unlessGone(deletion: Promise<void>): Promise<void> {
  try {
    await deletion;
  } catch (error) {
    if (kindOf(error) !== 'not-found' && kindOf(error) !== 'conflict') throw error;
  }
}
