/** All that was measured, as it goes into the file. */
import { bare, plain, usual } from '../pod-shapes.ts';
import type { AgentMemory, AgentName } from './agent.ts';
import type { AgentTurn, FloorTurn } from './measure-pods.ts';
import type { Idle, Rollover } from './measure-running.ts';
import type { Use } from './use.ts';

/** Of pods (bench/pod-shapes.ts). */
export const shapes = { bare, plain, usual } as const;
export type Shape = keyof typeof shapes;

export type Both<T> = Readonly<Record<AgentName, T>>;

/** What else was on the machine meanwhile, as a share of all its cores. */
export interface Watched {
  readonly othersShare: number;
}

export interface PodsRound extends Both<AgentTurn & Watched> {
  /** only where pods are what the floor's are */
  readonly floor?: FloorTurn & Watched;
}

export interface Results {
  /** of nodes with one pod and nothing to do */
  readonly rest: Both<Use>;
  readonly pods: Readonly<Record<Shape, readonly PodsRound[]>>;
  /** of nodes with plain pods and nothing to do, both at once */
  readonly idle: readonly (Both<Idle> & Watched)[];
  /** the same where two in five are usual pods, which have probes */
  readonly probing: readonly (Both<Idle> & Watched)[];
  readonly churn: readonly Both<Rollover & Watched>[];
  /** at the end, after all that */
  readonly memory: Both<AgentMemory>;
}
