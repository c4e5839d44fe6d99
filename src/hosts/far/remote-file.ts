/** A file on a far host that is read piece by piece, as logs are. */
import type { FileInfo, HostFile } from '../link/link.ts';
import type { RemoteStep } from './remote-encoding.ts';
import type { Grown } from './remote-queries.ts';

export interface RemoteFileOptions {
  readonly path: string;
  readonly opened: FileInfo;
  /**
   * bytes of the file that was opened, and what its name leads to now: `inode device`, or `gone`; then `lost`
   * if it has no name
   */
  readonly pread: (args: PreadArgs) => Promise<{ readonly payload: Buffer; readonly more: string }>;
}

/** path, inode, device, position, length */
type PreadArgs = readonly [string, number, number, number, number];

/** A step that asks what the file has gained, and who takes the answer. */
export interface Tail {
  readonly step: RemoteStep;
  readonly take: (grown: Grown) => void;
}

/** Kept for a reader that is slow: more is left on the host. */
const MAX_AHEAD = 256 * 1024;

/**
 * It is told by its inode, not held open: reads go on in it while it has any name that begins with its own,
 * as rotated logs have, also after the link was down. One that was deleted reads as ended.
 */
export class RemoteFile implements HostFile {
  readonly #options: RemoteFileOptions;
  readonly #id: string;
  #named: string;
  #isLost = false;
  /** where the last read ended, and how much it wanted */
  #end = 0;
  #wanted = 0;
  /** what came with a change, from `at` on */
  #ahead: { readonly at: number; readonly bytes: Buffer } = { at: 0, bytes: Buffer.alloc(0) };
  /** there was more than the last change could bring along */
  #hasMore = false;

  constructor(options: RemoteFileOptions) {
    const { inode, device } = options.opened;
    this.#options = options;
    this.#id = `${String(inode)} ${String(device)}`;
    this.#named = this.#id;
  }

  get opened(): FileInfo {
    return this.#options.opened;
  }

  async read(position: number, length: number): Promise<Buffer> {
    this.#wanted = length;
    const from = position - this.#ahead.at;
    if (from < 0 || from >= this.#ahead.bytes.length) return await this.#ask(position, length);
    const piece = this.#ahead.bytes.subarray(from, from + length);
    this.#end = position + piece.length;
    if (piece.length === length || !this.#hasMore) return piece;
    this.#hasMore = false;
    return Buffer.concat([piece, await this.#ask(this.#end, length - piece.length)]);
  }

  async #ask(position: number, length: number): Promise<Buffer> {
    const { payload, more } = await this.#options.pread(this.#args(position, length));
    const [named = '', lost = ''] = more.split(/ (?=lost$)/);
    this.#named = named;
    this.#isLost = lost !== '';
    // of reads that were made together one may be past the end
    if (payload.length > 0) this.#end = Math.max(this.#end, position + payload.length);
    return payload;
  }

  isLost(): boolean {
    return this.#isLost;
  }

  moved(): Promise<boolean> {
    return Promise.resolve(this.#named !== this.#id && this.#named !== 'gone');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * What a watcher may ask for in the same breath; undefined before the first read, or while enough is here.
   */
  tail(): Tail | undefined {
    const { at, bytes } = this.#ahead;
    const known = Math.max(this.#end, at + bytes.length);
    if (this.#wanted === 0 || known - this.#end >= MAX_AHEAD) return undefined;
    const wanted = Math.min(this.#wanted, MAX_AHEAD);
    return {
      step: { verb: 'grown', args: this.#args(known, wanted) },
      take: (grown) => {
        this.#grew(known, wanted, grown);
      },
    };
  }

  #grew(position: number, wanted: number, { bytes, named }: Grown): void {
    this.#named = named;
    this.#hasMore = bytes.length > 0 && bytes.length === wanted;
    if (bytes.length === 0) return;
    const at = Math.max(this.#end, this.#ahead.at);
    const unread = this.#ahead.bytes.subarray(at - this.#ahead.at);
    this.#ahead = unread.length > 0 ? { at, bytes: Buffer.concat([unread, bytes]) } : { at: position, bytes };
  }

  #args(position: number, length: number): PreadArgs {
    const { path, opened } = this.#options;
    return [path, opened.inode, opened.device, position, length];
  }
}
