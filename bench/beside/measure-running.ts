/** Nodes with pods: what they cost while nothing happens, and how fast their Deployments are rolled over. */
import { setTimeout as delay } from 'node:timers/promises';
import { numbered } from '../node-pods.ts';
import { plain, usual, type PodShape } from '../pod-shapes.ts';
import type { Agent, AgentMemory, AgentName } from './agent.ts';
import { CHURN, TURN } from './churn-pods.ts';
import { NAMESPACE, RESIDENTS, type Environment } from './environment.ts';
import { useBetween, type Use } from './use.ts';

export interface Idle {
  readonly use: Use;
  readonly memory: AgentMemory;
}

export interface Rollover {
  /** pods that were replaced */
  readonly pods: number;
  /** from the change of the first Deployment until all pods are new and Ready, and the old ones gone */
  readonly seconds: number;
  /** until nothing of the old ones is left on the host */
  readonly use: Use;
}

/** what they are rolled over to */
const MIXED: readonly PodShape[] = [plain, usual, plain, usual, plain];
const WITHIN_MS = 300_000;
const path = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`;

/** All at once: whatever else the machine does hits all. */
export async function measureIdle(
  agents: readonly Agent[],
  seconds: number,
): Promise<Readonly<Record<AgentName, Idle>>> {
  const before = await Promise.all(agents.map((agent) => agent.read()));
  await delay(seconds * 1000);
  const after = await Promise.all(agents.map((agent) => agent.read()));
  return Object.fromEntries(
    agents.map((agent, at) => {
      const [from, to] = [before[at], after[at]];
      if (from === undefined || to === undefined) throw new Error(`${agent.name} was not read`);
      return [agent.name, { use: useBetween(from, to), memory: agent.memory() }];
    }),
  ) as Record<AgentName, Idle>;
}

/** Has so many plain pods run on the agent's node, by Deployments. */
export async function startDeployments(
  { client }: Pick<Environment, 'client'>,
  agent: Agent,
  running: number,
): Promise<void> {
  for (const [index, name] of namesOf(agent).entries()) {
    const labels = { [CHURN]: name };
    await client.create(path, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: {
        // as even as it goes
        replicas: Math.floor((running + index) / MIXED.length),
        selector: { matchLabels: labels },
        template: {
          metadata: { labels, annotations: { [TURN]: '0' } },
          spec: { ...plain, nodeName: agent.node },
        },
      },
    });
  }
  await agent.churn.at(0, { count: running, withinMs: WITHIN_MS });
}

/**
 * Changes all of the node's Deployments at once; from the first time on, two in five have usual pods. `turn`
 * is a number that was not used before, above 0.
 */
export async function rollOver(
  { client }: Pick<Environment, 'client'>,
  agent: Agent,
  { turn, running }: { readonly turn: number; readonly running: number },
): Promise<Rollover> {
  const before = await agent.read();
  const began = performance.now();
  const over = agent.churn.at(turn, { count: running, withinMs: WITHIN_MS });
  const changed = Promise.all(
    namesOf(agent).map((name, index) =>
      client.patch(`${path}/${name}`, 'merge', {
        spec: { template: { metadata: { annotations: { [TURN]: String(turn) } }, spec: MIXED[index] } },
      }),
    ),
  );
  const [at] = await Promise.all([over, changed]);
  await agent.settled(running + RESIDENTS);
  return { pods: running, seconds: (at - began) / 1000, use: useBetween(before, await agent.read()) };
}

export async function deleteDeployments(
  { client }: Pick<Environment, 'client'>,
  agent: Agent,
): Promise<void> {
  for (const name of namesOf(agent)) await client.delete(`${path}/${name}`);
  await agent.churn.at(0, { count: 0, withinMs: WITHIN_MS });
}

function namesOf({ name }: Agent): string[] {
  return numbered(`churn-${name}`, MIXED.length);
}
