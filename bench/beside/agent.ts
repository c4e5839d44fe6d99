/** farlet or the kubelet: its pods, its runtime, and what it uses. */
import { eventually } from '../../e2e/harness/processes.ts';
import type { CpuPart } from '../cpu-group.ts';
import type { NodePods } from '../node-pods.ts';
import { memory, proportionalMiB } from '../process-usage.ts';
import type { RawRuntime } from '../raw-runtime.ts';
import type { AuditReader } from './api-calls.ts';
import type { ApiWay } from './api-way.ts';
import type { ChurnPods } from './churn-pods.ts';
import type { Reading } from './use.ts';

export type AgentName = 'farlet' | 'kubelet';

export interface AgentMemory {
  /** of the agent's process */
  readonly rssMiB: number;
  /** the most that ever was */
  readonly peakMiB: number;
  /** of all its processes together, pages that they share with others in part */
  readonly pssMiB: number;
}

export interface AgentParts {
  readonly name: AgentName;
  readonly node: string;
  readonly pid: number;
  readonly cpu: CpuPart;
  readonly way: ApiWay;
  readonly audit: AuditReader;
  /** of the API server */
  readonly user: string;
  readonly pods: NodePods;
  readonly churn: ChurnPods;
  readonly runtime: RawRuntime;
  readonly log: () => string;
}

/** the kubelet collects garbage each minute */
const LEFT_MS = 180_000;

export class Agent {
  readonly #parts: AgentParts;

  constructor(parts: AgentParts) {
    this.#parts = parts;
  }

  get name(): AgentName {
    return this.#parts.name;
  }

  get node(): string {
    return this.#parts.node;
  }

  get pods(): NodePods {
    return this.#parts.pods;
  }

  get churn(): ChurnPods {
    return this.#parts.churn;
  }

  async read(): Promise<Reading> {
    const { cpu, way, audit, user } = this.#parts;
    const { sent, received } = await way.traffic();
    return {
      atMs: performance.now(),
      cpuMs: cpu.usedMs(),
      sentBytes: sent,
      receivedBytes: received,
      calls: audit.calls([user]),
    };
  }

  memory(): AgentMemory {
    const { pid, cpu } = this.#parts;
    const pss = cpu
      .pids()
      .map(proportionalMiB)
      .filter((each) => !Number.isNaN(each));
    return { ...memory(pid), pssMiB: pss.reduce((sum, each) => sum + each, 0) };
  }

  sandboxes(): Promise<number> {
    return this.#parts.runtime.sandboxes();
  }

  /** Until no sandboxes but so many are on its host, ended ones included. */
  async settled(sandboxes: number): Promise<void> {
    let found = NaN;
    await eventually(
      `${this.name}'s host to have ${sandboxes} sandboxes`,
      async () => (found = await this.sandboxes()) === sandboxes,
      {
        timeoutMs: LEFT_MS,
        everyMs: 250,
        describe: () => Promise.resolve(`there are ${found}\n${this.#parts.log()}`),
      },
    );
  }
}
