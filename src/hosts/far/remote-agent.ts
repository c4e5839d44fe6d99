/**
 * One running copy of the remote program: requests go in one behind the other, answers come back in that
 * order.
 */
import { randomBytes } from 'node:crypto';
import type { Duplex, Readable } from 'node:stream';
import { HostError, messageOf } from '../../model/errors.ts';
import type { Clock } from '../../util/clock.ts';
import { guarded } from '../../util/guarded.ts';
import { lastWords } from '../link/last-words.ts';
import { encodeRequest, parseAnswer, type RemoteAnswer, type RemoteStep } from './remote-encoding.ts';
import { remoteProgram } from './remote-program.ts';

/** A process on the host: its standard input and output as one stream, its standard error beside. */
export interface ShellChannel {
  readonly stream: Duplex;
  readonly stderr: Readable;
}

export interface RemoteAgentOptions {
  readonly host: string;
  readonly channel: ShellChannel;
  readonly clock: Pick<Clock, 'after'>;
  /** called once, when the agent can't be used any more */
  readonly onEnd: () => void;
}

interface Waiting {
  readonly marker: Buffer;
  readonly limitMs: number;
  readonly give: (answer: RemoteAnswer) => void;
  readonly fail: (error: HostError) => void;
}

/** The program as a process of the host: its id, and when it was started, in the kernel's ticks. */
export interface RemoteProcess {
  readonly pid: string;
  readonly started: string;
}

/** The agent was given up for what is before it: of this request nothing was done. */
export class NotBegun extends HostError {}

const GREETING_MS = 20_000;
const MAX_STDERR = 2_000;
/** More than any answer has; a host that sends more is not understood. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Of the line that an answer ends with: errors are told in it. */
const MAX_STATUS_BYTES = 1024 * 1024;
/** Chunks are put together up to this, that there are not too many. */
const MIN_CHUNK = 1024;
const NEWLINE = 0x0a;

export class RemoteAgent {
  readonly #options: RemoteAgentOptions;
  readonly #key = randomBytes(16).toString('hex');
  readonly #greeted = Promise.withResolvers<undefined>();
  readonly #waiting: Waiting[] = [];
  /** known once it is ready */
  process: RemoteProcess | undefined;
  #greeting: Buffer | undefined = Buffer.alloc(0);
  #chunks: Buffer[] = [];
  #size = 0;
  /** the last chunk has the marker, and not all of the line that it begins */
  #isCut = false;
  /** what came last of this answer, as much as the marker may begin in */
  #tail: Buffer = Buffer.alloc(0);
  #sequence = 0;
  #stopTimer: () => void = () => undefined;
  #over = false;
  readonly #words: () => string;

  constructor(options: RemoteAgentOptions) {
    this.#options = options;
    const { stream, stderr } = options.channel;
    this.#words = lastWords(stderr, MAX_STDERR);
    stderr.on('error', () => undefined);
    const fail = (error: unknown): void => {
      this.#end(messageOf(error));
    };
    stream.on(
      'data',
      guarded(fail, (chunk: Buffer) => {
        this.#take(chunk);
      }),
    );
    stream.once('error', (error: Error) => {
      this.#end(error.message);
    });
    stream.once('close', () => {
      this.#end('the remote shell ended');
    });
    stream.write(remoteProgram);
    stream.write(`${this.#key}\n`);
    const cancel = options.clock.after(GREETING_MS, () => {
      const seconds = String(GREETING_MS / 1000);
      this.#end(`no greeting within ${seconds}s: see whether start-up files of the login shell hang there`);
    });
    this.#greeted.promise.then(cancel, cancel);
  }

  /** Resolves when the program runs; rejects if it can't. */
  get ready(): Promise<undefined> {
    return this.#greeted.promise;
  }

  /** It can't be used any more: every request is refused. */
  get over(): boolean {
    return this.#over;
  }

  /** how many requests have no answer yet */
  get load(): number {
    return this.#waiting.length;
  }

  /**
   * Sends a request. It may take `limitMs` once those before it are answered; then the whole agent is given
   * up, and what is behind it is rejected with NotBegun.
   */
  ask(steps: readonly RemoteStep[], limitMs: number): Promise<RemoteAnswer> {
    const { host, channel } = this.#options;
    if (this.#over)
      return Promise.reject(new HostError('unavailable', host, `${host}: the remote shell ended`));
    this.#sequence += 1;
    const sequence = this.#sequence;
    return new Promise((give, fail) => {
      const marker = Buffer.from(`\n${this.#key} ${String(sequence)} `);
      this.#waiting.push({ marker, limitMs, give, fail });
      if (this.#waiting.length === 1) this.#startTimer();
      for (const piece of encodeRequest(this.#key, sequence, steps)) channel.stream.write(piece);
    });
  }

  close(): void {
    this.#end('closed');
  }

  /** For the request that the program is at. */
  #startTimer(): void {
    this.#stopTimer();
    const limitMs = this.#waiting[0]?.limitMs;
    if (limitMs === undefined) return;
    this.#stopTimer = this.#options.clock.after(limitMs, () => {
      this.#end(`no answer within ${String(limitMs / 1000)}s`, 'deadline-exceeded');
    });
  }

  #take(chunk: Buffer): void {
    let rest: Buffer | undefined = chunk;
    if (this.#greeting !== undefined) rest = this.#takeGreeting(chunk);
    while (rest !== undefined && rest.length > 0) rest = this.#takeAnswer(rest);
  }

  /** Whatever a login shell prints before the program runs is skipped. */
  #takeGreeting(chunk: Buffer): Buffer | undefined {
    const seen = Buffer.concat([this.#greeting ?? Buffer.alloc(0), chunk]);
    const at = seen.indexOf(`farlet ${this.#key} ready`);
    const end = at < 0 ? -1 : seen.indexOf(NEWLINE, at);
    if (end < 0) {
      this.#greeting = seen.subarray(-MAX_STDERR);
      return undefined;
    }
    this.#greeting = undefined;
    const [, pid, started] = / (\d+) (\d+)$/.exec(seen.toString('latin1', at, end)) ?? [];
    if (pid !== undefined && started !== undefined) this.process = { pid, started };
    this.#greeted.resolve(undefined);
    return seen.subarray(end + 1);
  }

  /** What is left of the chunk once the first answer in it is complete; undefined if it is not. */
  #takeAnswer(chunk: Buffer): Buffer | undefined {
    const [first] = this.#waiting;
    if (first === undefined || this.#size + chunk.length > MAX_ANSWER_BYTES) {
      this.#end('it sent what nobody asked for');
      return undefined;
    }
    this.#add(chunk, first.marker);
    const recent = this.#chunks.at(-1) ?? chunk;
    const at = recent.indexOf(first.marker);
    const end = at < 0 ? -1 : recent.indexOf(NEWLINE, at + first.marker.length);
    this.#isCut = at >= 0;
    if (end < 0 && (at < 0 || recent.length - at < MAX_STATUS_BYTES)) return undefined;
    if (end < 0) {
      this.#end('it sent what nobody asked for');
      return undefined;
    }
    const before = this.#chunks.slice(0, -1);
    this.#chunks = [];
    this.#size = 0;
    this.#isCut = false;
    this.#tail = Buffer.alloc(0);
    this.#waiting.shift();
    this.#startTimer();
    const status = recent.subarray(at + first.marker.length, end).toString();
    first.give(parseAnswer(status, Buffer.concat([...before, recent.subarray(0, at)])));
    return recent.subarray(end + 1);
  }

  /** What has the line in it that the marker begins is one chunk: others need not be searched again. */
  #add(chunk: Buffer, marker: Buffer): void {
    const chunks = this.#chunks;
    this.#size += chunk.length;
    const last = chunks.at(-1);
    const isEnd = this.#isCut || this.#isAcross(marker, chunk);
    if (last === undefined || (!isEnd && last.length >= MIN_CHUNK)) {
      chunks.push(chunk);
      return;
    }
    let from = chunks.length - 1;
    for (let size = last.length; isEnd && size < marker.length && from > 0;) {
      from -= 1;
      size += chunks[from]?.length ?? 0;
    }
    chunks.push(Buffer.concat([...chunks.splice(from), chunk]));
  }

  /** Whether the marker ends in the chunk and begins before it. */
  #isAcross(marker: Buffer, chunk: Buffer): boolean {
    const rest = marker.length - 1;
    const seen = Buffer.concat([this.#tail, chunk.subarray(0, rest)]);
    this.#tail = chunk.length >= rest ? chunk.subarray(-rest) : seen.subarray(-rest);
    return seen.includes(marker);
  }

  #end(why: string, kind: 'unavailable' | 'deadline-exceeded' = 'unavailable'): void {
    if (this.#over) return;
    this.#over = true;
    const { host, channel, onEnd } = this.#options;
    channel.stream.destroy();
    const said = this.#words().trim();
    const text = `${host}: ${said === '' ? why : `${why}: ${said}`}`;
    const error = said.includes('sudo')
      ? new HostError(
          'forbidden',
          host,
          `${text}; let the user run sudo without a password, or log in as root`,
        )
      : new HostError(kind, host, text);
    this.#greeted.promise.catch(() => undefined);
    this.#greeted.reject(error);
    this.#stopTimer();
    const [first, ...behind] = this.#waiting.splice(0);
    first?.fail(error);
    for (const { fail } of behind)
      fail(kind === 'deadline-exceeded' ? new NotBegun('unavailable', host, text) : error);
    onEnd();
  }
}
