/**
 * Answers of lists that are asked for again and again, mostly of the same things: an item whose bytes are
 * those of the answer before is not parsed again. On a runtime without container events that is every item of
 * a list a second.
 */

/** A field's number and type: 1, length-delimited. Both lists have but that one field (CRI proto). */
const ITEM_TAG = 0x0a;
/** A length within CRI's limit for a message takes no more. */
const MAX_LENGTH_BYTES = 4;
/** Of lists that come more rarely nothing is kept: it would be there for every pod and save nothing. */
const SOON_MS = 5_000;

export class ListDecoder<Field extends string> {
  readonly #decode: (bytes: Buffer) => object;
  readonly #field: Field;
  readonly #monotonic: () => number;
  #decodedAt = -Infinity;
  /** of the answer before, by their bytes */
  #items: ReadonlyMap<string, unknown> = new Map();

  /** `field`: the answer's only one, a repeated message. `monotonic`: ms */
  constructor(options: { decode: (bytes: Buffer) => object; field: Field; monotonic: () => number }) {
    this.#decode = options.decode;
    this.#field = options.field;
    this.#monotonic = options.monotonic;
  }

  /** What `decode` gives. Items may be those of an answer before: they are to be read, never changed. */
  decode(bytes: Buffer): object {
    const now = this.#monotonic();
    const isSoon = now - this.#decodedAt < SOON_MS;
    this.#decodedAt = now;
    const slices = isSoon ? itemSlices(bytes) : undefined;
    if (slices === undefined) {
      this.#items = new Map();
      return this.#decode(bytes);
    }
    const items = new Map<string, unknown>();
    const list = slices.map((slice) => {
      const key = slice.toString('latin1');
      const item = this.#items.get(key) ?? this.#one(slice);
      items.set(key, item);
      return item;
    });
    this.#items = items;
    return Object.fromEntries([[this.#field, list]]);
  }

  #one(slice: Buffer): unknown {
    const answer = this.#decode(slice) as Readonly<Record<Field, readonly unknown[]>>;
    return answer[this.#field][0];
  }
}

/** The bytes of each item, its tag and length included; undefined for what is no list of items alone. */
function itemSlices(bytes: Buffer): Buffer[] | undefined {
  const slices: Buffer[] = [];
  for (let start = 0; start < bytes.length;) {
    let at = start + 1;
    let length = 0;
    let more = true;
    for (let index = 0; more; index += 1) {
      const byte = bytes[at];
      if (bytes[start] !== ITEM_TAG || byte === undefined || index === MAX_LENGTH_BYTES) return undefined;
      length += (byte & 0x7f) * 2 ** (7 * index);
      more = byte >= 0x80;
      at += 1;
    }
    const end = at + length;
    if (end > bytes.length) return undefined;
    slices.push(bytes.subarray(start, end));
    start = end;
  }
  return slices;
}
