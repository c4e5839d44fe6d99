/** Pods of one shape on an otherwise empty node: one at a time, then a burst; and the floor's of the same. */
import { setTimeout as delay } from 'node:timers/promises';
import { bestWidth, burstOf, perSecond, type Burst, type Bursts } from '../measure-bursts.ts';
import { numbered, type Singles } from '../node-pods.ts';
import type { PodShape } from '../pod-shapes.ts';
import type { Agent } from './agent.ts';
import { RESIDENTS, type Environment } from './environment.ts';
import type { BesideOptions } from './options.ts';
import { useBetween, type Use } from './use.ts';

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
  const { one, burst } = namesOf(turn);
  const singles = await agent.pods.oneAtATime(one, turn.shape);
  const single = await agent.read();
  const podsPerSecond = perSecond(burst, await agent.pods.startAll(burst, turn.shape));
  await delay(SETTLE_MS);
  const running = await agent.read();
  const deletesPerSecond = perSecond(burst, await agent.pods.deleteAll(burst));
  const deleted = await agent.read();
  await agent.settled(RESIDENTS);
  const over = await agent.read();
  return {
    ...singles,
    podsPerSecond,
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
  const { one, burst } = namesOf(turn);
  await agent.pods.oneAtATime(one, turn.shape);
  await agent.pods.startAll(burst, turn.shape);
  await agent.pods.deleteAll(burst);
}

function namesOf({ prefix, samples, pods }: Omit<Turn, 'shape'>): { one: string[]; burst: string[] } {
  return { one: numbered(`${prefix}-one`, samples), burst: numbered(`${prefix}-burst`, pods) };
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
export function bestOf(turns: readonly FloorTurn[]): Bursts['floor'][number] {
  const all = turns.flatMap(({ bursts }) => bursts);
  const widths = [...new Set(all.map(({ width }) => width))];
  return bestWidth(
    widths.map((width) => ({
      width,
      bursts: all.filter((each) => each.width === width).map(({ burst }) => burst),
    })),
  );
}
