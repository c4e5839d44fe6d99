import type { Readable } from 'node:stream';

/** More than a program needs to say why it ends. */
const MOST = 1_000;

/**
 * Keeps the end of what a program prints, `most` characters of it, for a message about why it failed. What is
 * returned gives the text so far, untrimmed.
 */
export function lastWords(output: Readable, most = MOST): () => string {
  let text = '';
  output.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-most);
  });
  return () => text;
}
