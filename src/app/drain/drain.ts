/**
 * `farlet drain` and `farlet uncordon`. A node is drained as by kubectl: no new pods, and those it has are
 * evicted from here. A host of a pool is drained by farlet itself, as the Node's annotation asks; from here
 * one only watches.
 */
import { changeNode, closed, drained, opened } from './change-node.ts';
import { forAll } from './for-all.ts';
import { hindrances, movablePods, type DrainLimits } from './movable.ts';
import { dropGone, namesByUid, podName, podsOf } from './pods-of.ts';
import { targetText, type Target } from './targets.ts';
import type { KubeClient } from '../../kube/client.ts';
import { evict } from '../../kube/evict.ts';
import { paths } from '../../kube/paths.ts';
import { FarletError, KubeError, kindOf, messageOf } from '../../model/errors.ts';
import { namedHosts } from '../../model/host-labels.ts';
import type { KubeNode, Pod } from '../../model/kube.ts';
import { isTerminalPhase } from '../../model/holds.ts';
import { isFarlets } from '../status/overview.ts';
import type { Clock } from '../../util/clock.ts';

export interface DrainOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'patch' | 'delete'>;
  readonly print: (text: string) => void;
  readonly clock: Pick<Clock, 'sleep'>;
  /** ends the wait as well: what was asked for until then stays asked for */
  readonly signal: AbortSignal;
}

const LOOK_AGAIN_MS = 2_000;

/**
 * Resolves when no pod is left that the drain moves. All of them take no new pods before any pod is moved, so
 * that none goes from one to the next.
 * @throws FarletError `invalid` before anything is touched: no node of farlet's, no such host, pods that may
 * not be moved unasked
 */
export async function drain(
  targets: readonly Target[],
  options: DrainOptions & { limits: DrainLimits },
): Promise<void> {
  await forAll(targets, (target) => checkDrain(target, options));
  await forAll(targets, ({ node: name, host }) =>
    changeNode(name, options, (node) => (host === undefined ? closed(node) : drained(node, host, true))),
  );
  await forAll(targets, (target) => moveAll(target, options));
}

async function checkDrain(target: Target, options: DrainOptions & { limits: DrainLimits }): Promise<void> {
  const { client, limits, signal } = options;
  checkTarget(target, await client.get<KubeNode>(paths.node(target.node), { signal }));
  const refused = hindrances(await podsOf(target, options), limits);
  if (refused.length > 0)
    throw new FarletError(
      'invalid',
      `${targetText(target)} is not drained, nothing was changed:\n  ${refused.join('\n  ')}`,
    );
}

async function moveAll(target: Target, options: DrainOptions): Promise<void> {
  const { print, signal } = options;
  // those that come later tolerate it, and are none of the drain's
  const moved = movablePods(await podsOf(target, options));
  print(`${targetText(target)} takes no new pods; ${String(moved.length)} to be moved\n`);
  const left = namesByUid(moved);
  try {
    await untilGone(left, target, options);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new FarletError(
      kindOf(signal.reason),
      `${targetText(target)} is not drained yet: ${[...left.values()].join(', ')} left; it still takes no new pods, drain it again to go on`,
      { cause: error },
    );
  }
  print(`${targetText(target)} is drained\n`);
}

/** `left` shrinks as pods go. */
async function untilGone(left: Map<string, string>, target: Target, options: DrainOptions): Promise<void> {
  const { print, clock, signal } = options;
  const told = new Set<string>();
  for (;;) {
    const pods = (await podsOf(target, options)).filter(({ metadata }) => left.has(metadata.uid));
    dropGone(left, pods, print);
    if (left.size === 0) return;
    for (const pod of pods) await move(pod, target, { ...options, told });
    await clock.sleep(LOOK_AGAIN_MS, { signal });
  }
}

/** Lets pods in again. */
export async function uncordon(target: Target, options: DrainOptions): Promise<void> {
  const { client, print, signal } = options;
  checkTarget(target, await client.get<KubeNode>(paths.node(target.node), { signal }));
  await changeNode(target.node, options, (node) =>
    target.host === undefined ? opened(node) : drained(node, target.host, false),
  );
  print(`${targetText(target)} takes pods again\n`);
}

function checkTarget({ node: name, host }: Target, node: KubeNode): void {
  if (!isFarlets(node)) throw new FarletError('invalid', `node ${name} is none that farlet runs`);
  const hosts = namedHosts(node.metadata.labels);
  if (host === undefined || hosts.includes(host)) return;
  throw new FarletError(
    'invalid',
    hosts.length === 0
      ? `node ${name} has one host: drain the node`
      : `node ${name} has no host ${host}; it has ${hosts.join(', ')}`,
  );
}

/** One that is on its way needs nothing more; a budget that forbids it is asked again. */
async function move(
  pod: Pod,
  target: Target,
  { client, print, signal, told }: DrainOptions & { told: Set<string> },
): Promise<void> {
  const { uid, deletionTimestamp } = pod.metadata;
  const who = `pod ${podName(pod.metadata)}`;
  const isNew = !told.has(uid);
  told.add(uid);
  if (deletionTimestamp !== undefined) {
    if (isNew) print(`${who} is stopping\n`);
    return;
  }
  // farlet evicts those of a host; what has ended it leaves alone, and nothing of it runs
  if (target.host !== undefined && !isTerminalPhase(pod.status?.phase)) {
    if (isNew) print(`${who} is to be evicted by farlet\n`);
    return;
  }
  try {
    await evict(client, pod, { signal });
    if (isNew) print(`${who} is evicted\n`);
  } catch (error) {
    if (error instanceof KubeError && error.status === 429) {
      if (isNew) print(`${who} waits: ${messageOf(error)}\n`);
    } else if (kindOf(error) !== 'not-found' && kindOf(error) !== 'conflict') throw error;
  }
}
