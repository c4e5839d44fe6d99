/** What is seen of TLS from outside: how it begins, and whether it ends between two records. */
import { FarletError } from '../../model/errors.ts';
import type { Tap } from './tapped.ts';
import { strangeRecord } from './tls-words.ts';

const HEADER_BYTES = 5;
const FIRST_BYTES = 11;

export class TlsRecords implements Tap {
  /** the first bytes, eleven at most */
  first: Buffer = Buffer.alloc(0);
  /** why the connection broke */
  error: Error | undefined;
  /** the other end has closed it */
  isOver = false;
  #header: Buffer = Buffer.alloc(0);
  #left = 0;

  see(bytes: Buffer): Error | undefined {
    this.#count(bytes);
    if (this.first.length < FIRST_BYTES)
      this.first = Buffer.concat([this.first, bytes.subarray(0, FIRST_BYTES - this.first.length)]);
    const strange = strangeRecord(this.first);
    return strange === undefined ? undefined : new FarletError('invalid', strange);
  }

  over(error: Error | undefined): void {
    this.error = error;
    this.isOver = true;
  }

  get isWhole(): boolean {
    return this.#left === 0 && this.#header.length === 0;
  }

  #count(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      const skipped = Math.min(this.#left, bytes.length - at);
      this.#left -= skipped;
      at += skipped;
      if (at === bytes.length) return;
      const wanted = bytes.subarray(at, at + HEADER_BYTES - this.#header.length);
      this.#header = Buffer.concat([this.#header, wanted]);
      at += wanted.length;
      if (this.#header.length < HEADER_BYTES) return;
      this.#left = this.#header.readUInt16BE(3);
      this.#header = Buffer.alloc(0);
    }
  }
}
