/**
 * The shells of the machine that farlet itself runs on. Readings of usage and brief changes, which every host
 * has, are asked of shells that all hosts of the process share, as all of them are this machine: the loop
 * stands still while a process is started, for 15 to 180 ms when there are thousands of pods and little CPU
 * to spare; where there are several hosts, some are started before they are needed. The rest may wait for a
 * server and has shells of the host's own, so that it holds up no other host. A root folder that hangs is no
 * such thing: here it holds up all system calls of the process.
 */
import type { Clock } from '../../util/clock.ts';
import { RemoteAgents, type Agents } from '../far/remote-agents.ts';
import type { Pace } from '../link/host-request.ts';
import { openLocalShell } from './local-shell.ts';

interface Shared {
  readonly agents: RemoteAgents;
  users: number;
}

/** There is one clock in a process, but for tests. */
const sharedBy = new Map<Clock, Shared>();

const isShared = (pace: Pace): boolean => pace === 'quick' || pace === 'brief';

/** So many of the shells that hosts share are there before they are needed. */
const PREPARED = 4;
/** Volumes of all pods of the process, at most. */
const MAX_QUEUED = 100_000;

export class LocalAgents implements Agents {
  readonly #clock: Clock;
  readonly #own: RemoteAgents;
  #shared: Shared | undefined;
  #isClosed = false;

  constructor(options: { host: string; clock: Clock }) {
    this.#clock = options.clock;
    this.#own = new RemoteAgents({ ...options, open: openLocalShell });
  }

  ask(...[steps, options]: Parameters<Agents['ask']>): ReturnType<Agents['ask']> {
    const agents = isShared(options.pace) && !this.#isClosed ? this.#join() : this.#own;
    return agents.ask(steps, options);
  }

  shed(): void {
    this.#own.shed();
  }

  /** The shared ones end with the last host that has asked something of them. */
  close(): void {
    this.#own.close();
    this.#isClosed = true;
    const shared = this.#shared;
    this.#shared = undefined;
    if (shared === undefined) return;
    shared.users -= 1;
    if (shared.users > 0) return;
    sharedBy.delete(this.#clock);
    shared.agents.close();
  }

  #join(): RemoteAgents {
    if (this.#shared !== undefined) return this.#shared.agents;
    const clock = this.#clock;
    const shared = sharedBy.get(clock) ?? {
      agents: new RemoteAgents({
        host: 'this machine',
        clock,
        open: openLocalShell,
        maxQueued: MAX_QUEUED,
      }),
      users: 0,
    };
    sharedBy.set(clock, shared);
    shared.users += 1;
    this.#shared = shared;
    // many hosts will need them just when all start, and then it takes longest
    if (shared.users > 1) shared.agents.prepare(PREPARED);
    return shared.agents;
  }
}
