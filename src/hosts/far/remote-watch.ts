/**
 * Folders that are watched on a far host: one question for all of them, which the host answers when something
 * changed.
 */
import { HostError } from '../../model/errors.ts';
import { limitSignal, orAbort } from '../../util/abort.ts';
import type { Clock } from '../../util/clock.ts';
import { RemoteAgent } from './remote-agent.ts';
import type { RemoteFile } from './remote-file.ts';
import { parseWatched } from './remote-queries.ts';
import type { OpenShell } from './remote-agents.ts';
import { remoteCommand } from './remote-program.ts';

export interface RemoteWatchOptions {
  readonly host: string;
  readonly open: OpenShell;
  readonly clock: Clock;
}

/** The host looks five times before it answers that nothing has changed: about a second. */
const LOOKS = 5;
const POLL_MS = 1_000;
const ANSWER_MS = 15_000;
/** Each costs the host a look of its own: who reads more files asks for what they gained. */
const MAX_GROWING = 8;

interface Watcher {
  readonly folder: string;
  readonly growing: () => RemoteFile | undefined;
  seen: string | undefined;
  changed: boolean;
  wake: () => void;
}

export class RemoteWatch {
  readonly #options: RemoteWatchOptions;
  readonly #watchers = new Set<Watcher>();
  readonly #life = new AbortController();
  #running = false;

  constructor(options: RemoteWatchOptions) {
    this.#options = options;
  }

  /**
   * Yields when a file of the folder may have changed, at the latest every second or so; ends with the
   * signal.
   */
  async *changes(
    folder: string,
    { signal, growing }: { signal: AbortSignal; growing: () => RemoteFile | undefined },
  ): AsyncIterable<void> {
    const watcher: Watcher = { folder, growing, seen: undefined, changed: false, wake: () => undefined };
    this.#watchers.add(watcher);
    try {
      if (!this.#running) void this.#run();
      while (!isOver(signal)) {
        if (!watcher.changed) await this.#next(watcher, signal);
        watcher.changed = false;
        if (isOver(signal)) return;
        yield;
      }
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  close(): void {
    this.#life.abort(new HostError('cancelled', this.#options.host, 'the link is closed'));
  }

  #next(watcher: Watcher, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(POLL_MS, () => {
        watcher.wake();
      });
      watcher.wake = () => {
        cancel();
        signal.removeEventListener('abort', watcher.wake);
        watcher.wake = () => undefined;
        resolve();
      };
      signal.addEventListener('abort', watcher.wake, { once: true });
    });
  }

  /** Asks on and on while somebody watches. Without an agent the watchers' own second is what is left. */
  async #run(): Promise<void> {
    this.#running = true;
    let agent: RemoteAgent | undefined;
    try {
      while (this.#watchers.size > 0 && !this.#life.signal.aborted) {
        try {
          agent ??= await this.#open();
          await this.#look(agent);
        } catch {
          agent?.close();
          agent = undefined;
          await this.#options.clock.sleep(POLL_MS);
        }
      }
    } finally {
      agent?.close();
      this.#running = false;
    }
  }

  async #open(): Promise<RemoteAgent> {
    const { host, open, clock } = this.#options;
    const signal = limitSignal(ANSWER_MS, this.#life.signal);
    const channel = await open(remoteCommand, { signal });
    const agent = new RemoteAgent({ host, channel, clock, onEnd: () => undefined });
    await agent.ready;
    return agent;
  }

  async #look(agent: RemoteAgent): Promise<void> {
    const folders = [...new Set([...this.#watchers].map(({ folder }) => folder))];
    const fresh = [...this.#watchers].some(({ seen }) => seen === undefined);
    const tails = [...this.#watchers]
      .flatMap((watcher) => watcher.growing()?.tail() ?? [])
      .slice(0, MAX_GROWING);
    const steps = [
      { verb: 'watch', args: [fresh ? 1 : LOOKS, ...folders] },
      ...tails.map(({ step }) => step),
    ];
    const answer = await orAbort(agent.ask(steps, ANSWER_MS), this.#life.signal);
    if (!answer.ok) throw new HostError(answer.kind, this.#options.host, answer.text);
    const { prints, grown } = parseWatched(answer.payload, {
      folders: folders.length,
      files: tails.length,
    });
    for (const [index, each] of grown.entries()) tails[index]?.take(each);
    for (const watcher of this.#watchers) {
      const print = prints[folders.indexOf(watcher.folder)];
      if (print === undefined || print === watcher.seen) continue;
      // the first look only tells what there is: the caller has read on its own before it waits
      watcher.changed = true;
      watcher.seen = print;
      watcher.wake();
    }
  }
}

/** Read again: the signal may have aborted during an await. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
