/** A line that comes in pieces, of which the beginning is kept up to a bound. */
export class GrowingBytes {
  readonly #kept: number;
  #buffer = Buffer.allocUnsafe(256);
  #length = 0;
  /** of those that are not kept */
  #last = 0x20;
  #hasHiddenControl = false;
  /** how many were added, kept or not */
  total = 0;

  constructor(kept: number) {
    this.#kept = kept;
  }

  add(piece: Buffer): void {
    if (piece.length === 0) return;
    this.total += piece.length;
    const taken = Math.min(piece.length, this.#kept - this.#length);
    if (this.#length + taken > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + taken));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    piece.copy(this.#buffer, this.#length, 0, taken);
    this.#length += taken;
    if (taken < piece.length) this.#hide(piece.subarray(taken));
  }

  /**
   * A byte string: what is kept, then a NUL if a control character was among the rest, then the last byte if
   * that was not kept: what decides of a line is still seen.
   */
  text(): string {
    const kept = this.#buffer.toString('latin1', 0, this.#length);
    if (this.total === this.#length) return kept;
    return `${kept}${this.#hasHiddenControl ? '\0' : ''}${String.fromCharCode(this.#last)}`;
  }

  clear(): void {
    if (this.#buffer.length > 4096) this.#buffer = Buffer.allocUnsafe(256);
    this.#length = 0;
    this.#last = 0x20;
    this.#hasHiddenControl = false;
    this.total = 0;
  }

  #hide(rest: Buffer): void {
    this.#hasHiddenControl ||= isControl(this.#last);
    this.#last = rest.at(-1) ?? 0;
    for (let at = 0; at < rest.length - 1 && !this.#hasHiddenControl; at += 1)
      this.#hasHiddenControl = isControl(rest[at] ?? 0);
  }
}

function isControl(byte: number): boolean {
  return byte === 0x7f || (byte < 0x20 && byte !== 0x09);
}
