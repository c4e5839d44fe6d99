/** What a version's contents are known by. Pure. */
import { createHash, type Hash } from 'node:crypto';
import type { Payload, PayloadFile } from './payload.ts';

/** Of names and contents; modes alone are not rewritten, as in the kubelet. */
export function digestOf(payload: Payload): string {
  const hash = createHash('sha256');
  for (const [path, { data }] of sorted(payload)) contents(hash, path, data);
  return hash.digest('base64');
}

/**
 * What anybody may know who sees the volume's folder but may not read its files: of tokens only the names are
 * in it, and what holds a secret has none, since a short one could be guessed by it. 32 hexadecimal digits.
 */
export function openDigest(payload: Payload): string | undefined {
  const hash = createHash('sha256');
  for (const [path, { data, hidden }] of sorted(payload)) {
    if (hidden === 'secret') return undefined;
    if (hidden === 'token') hash.update(`${path}\0token\0`);
    else contents(hash, path, data);
  }
  return hash.digest('hex').slice(0, 32);
}

function sorted(payload: Payload): [path: string, PayloadFile][] {
  return [...payload].sort(([a], [b]) => (a < b ? -1 : 1));
}

function contents(hash: Hash, path: string, data: Buffer): void {
  hash.update(`${path}\0${String(data.length)}\0`).update(data);
}
