/** Pods of one shape on an otherwise empty node: one at a time, then a burst; and the floor's of the same. */
import { setTimeout as delay } from 'node:timers/promises';
import { burstOf, numbered, type Burst } from '../measure-bursts.ts';
import type { PodShape } from '../pod-shapes.ts';
import { summary } from '../stats.ts';
import type { Agent } from './agent.ts';
import { RESIDENTS, type Environment } from './environment.ts';
import type { BesideOptions } from './options.ts';
import { useBetween, type Use } from './use.ts';

/** One at a time: ms of each pod. */
export interface Singles {
  readonly starts: readonly number[];
  readonly deletes: readonly number[];
}

export interface AgentTurn extends Singles {
  readonly podsPerSecond: number;
  readonly deletesPerSecond: number;
  /** pods in all, one at a time and in the burst */
  readonly pods: number;
  /** from the first create call until nothing of them is left on the host */
  readonly use: Use;
  /** what that is made of */
  readonly stages: Readonly<Record<'singles' | 'burst' | 'deletes' | 'leftovers', Use>>;
}

export interface FloorTurn extends Singles {
  readonly bursts: readonly { readonly width: number; readonly burst: Burst }[];
}

export type Size = Pick<BesideOptions, 'samples' | 'pods'>;

/** Events are sent after the pods are Ready: they are part of the start. */
const SETTLE_MS = 3_000;

type Turn = Size & { readonly shape: PodShape; readonly prefix: string };

/** Names begin with `prefix`. */
export async function agentTurn(agent: Agent, turn: Turn): Promise<AgentTurn> {
  const begun = await agent.read();
  const singles = await oneAtATime(agent, turn);
  const single = await agent.read();
  const burst = await burstStart(agent, turn);
  await delay(SETTLE_MS);
  const running = await agent.read();
  const deletesPerSecond = await burstDelete(agent, burst.names);
  const deleted = await agent.read();
  await agent.settled(RESIDENTS);
  const over = await agent.read();
  return {
    ...singles,
    podsPerSecond: burst.podsPerSecond,
    deletesPerSecond,
    pods: turn.samples + turn.pods,
    use: useBetween(begun, over),
    stages: {
      singles: useBetween(begun, single),
      burst: useBetween(single, running),
      deletes: useBetween(running, deleted),
      leftovers: useBetween(deleted, over),
    },
  };
}

/** The same, without waiting for what is left on the host, and without figures. */
export async function warmUp(agent: Agent, turn: Turn): Promise<void> {
  await oneAtATime(agent, turn);
  await burstDelete(agent, (await burstStart(agent, turn)).names);
}

async function oneAtATime(agent: Agent, { shape, prefix, samples }: Turn): Promise<Singles> {
  const [starts, deletes]: [number[], number[]] = [[], []];
  for (const name of numbered(`${prefix}-one`, samples)) {
    const { createdAt, readyAt } = await agent.pods.start(name, shape);
    starts.push(readyAt - createdAt);
    deletes.push(await agent.pods.delete(name));
  }
  return { starts, deletes };
}

async function burstStart(
  agent: Agent,
  { shape, prefix, pods }: Turn,
): Promise<{ readonly names: readonly string[]; readonly podsPerSecond: number }> {
  const names = numbered(`${prefix}-burst`, pods);
  const started = await Promise.all(names.map((name) => agent.pods.start(name, shape)));
  const first = Math.min(...started.map(({ sentAt }) => sentAt));
  const last = Math.max(...started.map(({ readyAt }) => readyAt));
  return { names, podsPerSecond: (pods * 1000) / (last - first) };
}

/** Deletes a second. */
async function burstDelete(agent: Agent, names: readonly string[]): Promise<number> {
  const began = performance.now();
  await Promise.all(names.map((name) => agent.pods.delete(name)));
  return (names.length * 1000) / (performance.now() - began);
}

export async function floorTurn(
  env: Pick<Environment, 'raw' | 'template' | 'cpu'>,
  { prefix, samples, pods, widths }: Size & Pick<BesideOptions, 'widths'> & { readonly prefix: string },
): Promise<FloorTurn> {
  const [starts, deletes]: [number[], number[]] = [[], []];
  for (const name of numbered(`${prefix}-one`, samples)) {
    const pod = await env.raw.startPod(env.template(name));
    await env.raw.assertRunning(pod);
    starts.push(pod.ms);
    deletes.push(await env.raw.deletePod(pod));
  }
  const bursts: { width: number; burst: Burst }[] = [];
  for (const width of widths)
    bursts.push({ width, burst: await burstOf(env, numbered(`${prefix}-w${width}`, pods), width) });
  return { starts, deletes, bursts };
}

/** Of all rounds' bursts, those at the width whose median is highest. */
export function bestOf(turns: readonly FloorTurn[]): { readonly width: number; readonly bursts: Burst[] } {
  const widths = [...new Set(turns.flatMap(({ bursts }) => bursts.map(({ width }) => width)))];
  const all = widths.map((width) => {
    const bursts = turns.flatMap((turn) =>
      turn.bursts.filter((each) => each.width === width).map(({ burst }) => burst),
    );
    return { width, bursts, median: summary(bursts.map(({ podsPerSecond }) => podsPerSecond)).median };
  });
  const [best] = all.sort((a, b) => b.median - a.median);
  if (best === undefined) throw new Error('the floor was not measured at any width');
  return best;
}
