/**
 * A node without a cluster is claimed by its rootDir, if that is on this machine (docs/adr/0015): a socket in
 * it on which only the process that runs the node listens. The system ends the claim with the process.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, rename, rm, stat } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import type { Log } from '../model/log.ts';
import type { Clock } from '../util/clock.ts';
import type { Fence } from '../util/fence.ts';
import type { NodeClaim } from './node-claim.ts';
import type { Owner } from './owner-claim.ts';

export interface LocalClaimOptions {
  /** undefined: it is on another machine, where no process of this one can be told from another's */
  readonly folder: string | undefined;
  readonly me: Owner;
  readonly clock: Clock;
  readonly log: Log;
}

const LOOK_MS = 2_000;
/** More than claims take that are made at the same time. */
const SETTLE_MS = 200;
const NAME = 'owner.sock';
const MAX_NAME = 512;
const open: Fence = { pass: () => undefined };

export class LocalClaim implements NodeClaim {
  readonly api = open;
  readonly host = open;
  readonly #options: LocalClaimOptions;
  #server: Server | undefined;
  #problem: string | undefined = 'has not started yet';

  constructor(options: LocalClaimOptions) {
    this.#options = options;
  }

  problem(): string | undefined {
    return this.#problem;
  }

  nodeIs(): void {
    // no lease tells of a Node that is not registered anywhere
  }

  /** Resolves once no other farlet runs a node with this rootDir; rejects with the signal's reason. */
  async acquire({ signal }: { signal: AbortSignal }): Promise<void> {
    const { folder, clock, log } = this.#options;
    for (let logged: string | undefined; folder !== undefined;) {
      const owner = await this.#claim(folder).catch((error: unknown) => {
        // what can't be claimed, for want of rights or of a place, is nobody else's either as far as can be
        // seen
        log.warn({ err: error, folder }, 'rootDir could not be claimed: another farlet is not noticed');
        return undefined;
      });
      if (owner === undefined) break;
      this.#problem = `waits: ${owner} runs a node with rootDir ${folder}`;
      if (logged !== owner)
        log.warn({ owner, folder }, 'another farlet uses this rootDir: waiting until it stops');
      logged = owner;
      await clock.sleep(LOOK_MS, { signal });
    }
    this.#problem = undefined;
  }

  /** Nobody takes a node away whose process runs. */
  async keep({ signal }: { signal: AbortSignal }): Promise<void> {
    await new Promise((_resolve, reject) => {
      const end = (): void => {
        reject(signal.reason as Error);
      };
      if (signal.aborted) end();
      else signal.addEventListener('abort', end, { once: true });
    });
  }

  async release(): Promise<void> {
    const { folder } = this.#options;
    if (this.#server === undefined || folder === undefined) return;
    await rm(`${folder}/${NAME}`, { force: true });
    this.#server.close();
    this.#server = undefined;
  }

  /** Who has the folder; undefined: this process has it now. */
  async #claim(folder: string): Promise<string | undefined> {
    await mkdir(folder, { recursive: true, mode: 0o750 });
    const [path, own] = [`${folder}/${NAME}`, `${folder}/.${randomUUID().slice(0, 8)}`];
    const owner = await ownerAt(path);
    if (owner !== undefined) return owner;
    const server = await listen(own, this.#options.me.name);
    try {
      // one that nobody listens on is out of the way under a name of its own; only one of several links the
      // free name
      await rename(path, `${own}.old`).catch(unlessMissing);
      const displaced = await ownerAt(`${own}.old`);
      if (displaced !== undefined) {
        await rename(`${own}.old`, path);
        server.close();
        return displaced;
      }
      await link(own, path);
      // who began at the same time may have moved it out of the way for a moment, and let another in
      const { ino } = await stat(own);
      await this.#options.clock.sleep(SETTLE_MS);
      const there = await stat(path).catch(unlessMissing);
      if (there?.ino !== ino) {
        server.close();
        return (await ownerAt(path)) ?? 'another farlet';
      }
      this.#server = server;
      return undefined;
    } catch (error) {
      server.close();
      if ((error as NodeJS.ErrnoException).code === 'EEXIST')
        return (await ownerAt(path)) ?? 'another farlet';
      throw error;
    } finally {
      await Promise.all([own, `${own}.old`].map((each) => rm(each, { force: true })));
    }
  }
}

function listen(path: string, name: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(name);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** The name of who listens there; undefined: nobody. */
function ownerAt(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let name = '';
    const socket = connect(path);
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('data', (data: Buffer) => {
      name = (name + data.toString()).slice(0, MAX_NAME);
    });
    // a process that is stopped takes the connection and tells nothing
    let connected = false;
    socket.on('connect', () => {
      connected = true;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(connected ? name || 'another farlet' : undefined);
    });
  });
}

function unlessMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  return undefined;
}
