/** Everything, in rounds in which all have their turns. */
import { setTimeout as delay } from 'node:timers/promises';
import { median } from '../stats.ts';
import { RESIDENTS, type Environment } from './environment.ts';
import { agentTurn, floorTurn, warmUp, type AgentTurn, type FloorTurn } from './measure-pods.ts';
import {
  deleteDeployments,
  measureIdle,
  rollOver,
  startDeployments,
  type Rollover,
} from './measure-running.ts';
import type { BesideOptions } from './options.ts';
import { watchOthers } from './others.ts';
import { shapes, type Both, type PodsRound, type Results, type Shape, type Watched } from './results.ts';
import { turnsOf } from './turns.ts';

type Progress = (step: string) => void;

/** not counted: caches fill, code is compiled */
const WARM_UP = { samples: 3, pods: 10 };
/** events are sent, watches settle, garbage is collected */
const SETTLE_MS = 20_000;

export async function measure(
  env: Environment,
  options: BesideOptions,
  progress: Progress,
): Promise<Results> {
  const { only } = options;
  const both = Object.values(env.agents);
  progress('warming up');
  for (const agent of both)
    for (const [name, shape] of Object.entries(shapes))
      await warmUp(agent, { shape, prefix: `${agent.name}-warm-${name}`, ...WARM_UP });
  await floorTurn(env, { prefix: 'floor-warm', ...WARM_UP, widths: options.widths });
  await Promise.all(both.map((agent) => agent.settled(RESIDENTS)));
  await delay(SETTLE_MS);
  progress(`empty nodes for ${options.idleSeconds} s`);
  const { farlet, kubelet } = await measureIdle(both, options.idleSeconds);
  const rest = { farlet: farlet.use, kubelet: kubelet.use };
  const pods: Record<Shape, PodsRound[]> = { bare: [], plain: [], usual: [] };
  for (let round = 0; round < options.rounds; round += 1)
    for (const kind of Object.keys(shapes) as Shape[])
      if (only.has(kind)) pods[kind].push(await podsRound(env, options, { round, kind, progress }));
  const running = await measureRunning(env, options, progress);
  const memory = { farlet: env.agents.farlet.memory(), kubelet: env.agents.kubelet.memory() };
  return { rest, pods, ...running, memory };
}

async function podsRound(
  env: Environment,
  options: BesideOptions,
  { round, kind, progress }: { round: number; kind: Shape; progress: Progress },
): Promise<PodsRound> {
  const shape = shapes[kind];
  let floor: (FloorTurn & Watched) | undefined;
  const turns: { -readonly [Name in keyof Both<AgentTurn>]?: AgentTurn & Watched } = {};
  const who = kind === 'plain' ? (['floor', 'farlet', 'kubelet'] as const) : (['farlet', 'kubelet'] as const);
  for (const name of turnsOf(who, round)) {
    const prefix = `${name}-${kind}-${round}`;
    const others = watchOthers(env.cpu);
    if (name === 'floor') {
      const turn = await floorTurn(env, { prefix, ...options });
      floor = { ...turn, othersShare: others() };
    } else {
      const turn = await agentTurn(env.agents[name], { shape, prefix, ...options });
      turns[name] = { ...turn, othersShare: others() };
      const { podsPerSecond, deletesPerSecond, starts, use } = turn;
      progress(
        `round ${round + 1}, ${kind} pods, ${name}: Ready after ${median(starts).toFixed(0)} ms, ${podsPerSecond.toFixed(2)} pods/s, ${deletesPerSecond.toFixed(2)} deletes/s; nothing left after ${use.seconds.toFixed(0)} s`,
      );
    }
  }
  return { ...complete(turns), ...(floor === undefined ? {} : { floor }) };
}

async function measureRunning(
  env: Environment,
  options: BesideOptions,
  progress: Progress,
): Promise<Pick<Results, 'idle' | 'probing' | 'churn'>> {
  const { only, rounds, running } = options;
  if (!only.has('idle') && !only.has('churn')) return { idle: [], probing: [], churn: [] };
  const both = Object.values(env.agents);
  progress(`${running} pods on each node, by Deployments`);
  for (const agent of both) await startDeployments(env, agent, running);
  const idle = await idleRounds(env, options, { rounds: only.has('idle') ? rounds : 0, progress });
  // what rollovers are told of is beyond what the same pods cost anyway
  for (const agent of both) await rollOver(env, agent, { turn: 1, running });
  const probing = await idleRounds(env, options, { rounds: 1, progress });
  const churn = await churnRounds(env, options, progress);
  for (const agent of both) await deleteDeployments(env, agent);
  return { idle, probing, churn };
}

async function idleRounds(
  env: Environment,
  { idleSeconds }: Pick<BesideOptions, 'idleSeconds'>,
  { rounds, progress }: { rounds: number; progress: Progress },
): Promise<Results['idle']> {
  const idle: Results['idle'][number][] = [];
  await delay(SETTLE_MS);
  for (let round = 0; round < rounds; round += 1) {
    const others = watchOthers(env.cpu);
    idle.push({ ...(await measureIdle(Object.values(env.agents), idleSeconds)), othersShare: others() });
    progress(`round ${round + 1}, ${idleSeconds} s of nothing`);
  }
  return idle;
}

async function churnRounds(
  env: Environment,
  { only, rounds, running }: BesideOptions,
  progress: Progress,
): Promise<Results['churn']> {
  const churn: Results['churn'][number][] = [];
  for (let round = 0; round < (only.has('churn') ? rounds : 0); round += 1) {
    const turns: { -readonly [Name in keyof Both<Rollover>]?: Rollover & Watched } = {};
    for (const agent of turnsOf(Object.values(env.agents), round)) {
      const others = watchOthers(env.cpu);
      const turn = await rollOver(env, agent, { turn: round + 2, running });
      turns[agent.name] = { ...turn, othersShare: others() };
      progress(`round ${round + 1}, rollover on ${agent.name}: ${turn.seconds.toFixed(1)} s`);
    }
    churn.push(complete(turns));
  }
  return churn;
}

function complete<T>({ farlet, kubelet }: { farlet?: T; kubelet?: T }): Both<T> {
  if (farlet === undefined || kubelet === undefined) throw new Error('one of both had no turn');
  return { farlet, kubelet };
}
