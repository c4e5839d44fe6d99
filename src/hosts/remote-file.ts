/** A file on a far host that is read piece by piece, as logs are. */
import type { FileInfo, HostFile } from './link.ts';
import type { RemoteStep } from './remote-encoding.ts';
import type { Grown } from './remote-queries.ts';

export interface RemoteFileOptions {
  readonly path: string;
  readonly opened: FileInfo;
  /** bytes of the file that was opened, and what its name leads to now: `inode device`, or `gone` */
  readonly pread: (args: PreadArgs) => Promise<{ readonly payload: Buffer; readonly more: string }>;
  readonly stat: () => Promise<FileInfo | undefined>;
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
 * It is told by its inode, not held open: reads go on in it while it has any name that begins with its own, as rotated logs
 * have, also after the link was down. One that was deleted reads as ended.
 */
export class RemoteFile implements HostFile {
  readonly #options: RemoteFileOptions;
  readonly #id: string;
  #named: string;
  #size: number;
  /** where the last read ended, and how much it wanted */
  #end = 0;
  #wanted = 0;
  /** what came with a change, from `at` on */
  #ahead: { readonly at: number; readonly bytes: Buffer } = { at: 0, bytes: Buffer.alloc(0) };

  constructor(options: RemoteFileOptions) {
    const { inode, device, size } = options.opened;
    this.#options = options;
    this.#id = `${String(inode)} ${String(device)}`;
    this.#named = this.#id;
    this.#size = size;
  }

  async read(position: number, length: number): Promise<Buffer> {
    this.#wanted = length;
    const from = position - this.#ahead.at;
    if (from >= 0 && from < this.#ahead.bytes.length) {
      const piece = this.#ahead.bytes.subarray(from, from + length);
      this.#end = position + piece.length;
      return piece;
    }
    const { payload, more } = await this.#options.pread(this.#args(position, length));
    this.#named = more;
    this.#end = position + payload.length;
    this.#size = Math.max(this.#size, this.#end);
    return payload;
  }

  async info(): Promise<FileInfo> {
    const { opened, stat } = this.#options;
    if (this.#named !== this.#id) return { ...opened, size: this.#size };
    const now = await stat();
    return now?.inode === opened.inode && now.device === opened.device
      ? now
      : { ...opened, size: this.#size };
  }

  moved(): Promise<boolean> {
    return Promise.resolve(this.#named !== this.#id && this.#named !== 'gone');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** What a watcher may ask for in the same breath; undefined before the first read, or while enough is here. */
  tail(): Tail | undefined {
    const { at, bytes } = this.#ahead;
    const known = Math.max(this.#end, at + bytes.length);
    if (this.#wanted === 0 || known - this.#end >= MAX_AHEAD) return undefined;
    return {
      step: { verb: 'grown', args: this.#args(known, this.#wanted) },
      take: (grown) => {
        this.#grew(known, grown);
      },
    };
  }

  #grew(position: number, { bytes, named }: Grown): void {
    this.#named = named;
    if (bytes.length === 0) return;
    const at = Math.max(this.#end, this.#ahead.at);
    const unread = this.#ahead.bytes.subarray(at - this.#ahead.at);
    this.#ahead = unread.length > 0 ? { at, bytes: Buffer.concat([unread, bytes]) } : { at: position, bytes };
    this.#size = Math.max(this.#size, position + bytes.length);
  }

  #args(position: number, length: number): PreadArgs {
    const { path, opened } = this.#options;
    return [path, opened.inode, opened.device, position, length];
  }
}
