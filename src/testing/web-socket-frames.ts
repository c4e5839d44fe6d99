/** Frames of RFC 6455 as bytes, for ends that say what a library would not. */

export const frameKinds = {
  more: 0x80,
  text: 0x81,
  binary: 0x82,
  close: 0x88,
  ping: 0x89,
  pong: 0x8a,
} as const;

const MASK = Buffer.from('37fa213d', 'hex');

/** `first` is one of `frameKinds`, less 0x80 where more of the message follows. Shorter than 64 KiB. */
export function serverFrame(first: number, data: Buffer | string): Buffer {
  const bytes = Buffer.from(data);
  return Buffer.concat([Buffer.from([first, ...lengthOf(bytes)]), bytes]);
}

/** The same as a client sends it: masked. */
export function clientFrame(first: number, data: Buffer | string): Buffer {
  const bytes = Buffer.from(data);
  const [length = 0, ...more] = lengthOf(bytes);
  const masked = bytes.map((byte, at) => byte ^ (MASK[at % 4] ?? 0));
  return Buffer.concat([Buffer.from([first, 0x80 | length, ...more]), MASK, masked]);
}

/** What a server's whole frames carry. */
export function carriedBy(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    const short = bytes[at + 1] ?? 0;
    const start = at + (short === 126 ? 4 : 2);
    at = start + (short === 126 ? bytes.readUInt16BE(at + 2) : short);
    messages.push(bytes.subarray(start, at));
  }
  return messages;
}

function lengthOf({ length }: Buffer): number[] {
  return length < 126 ? [length] : [126, length >> 8, length & 0xff];
}
