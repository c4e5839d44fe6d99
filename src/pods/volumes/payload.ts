/** The files a volume is to show: paths relative to it, contents, modes. Pure. */
import { FarletError } from '../../model/errors.ts';
import { goQuote } from '../../model/go-quote.ts';
import type { KeyToPath } from '../../model/kube.ts';

export interface PayloadFile {
  readonly data: Buffer;
  readonly mode: number;
  /** owner, where it is not root (a service account token for one user) */
  readonly uid?: number;
  /** what nobody but its readers may know, not even by a digest */
  readonly hidden?: 'secret' | 'token';
}

export type Payload = ReadonlyMap<string, PayloadFile>;

export interface KeysInput {
  readonly items: readonly KeyToPath[] | undefined;
  readonly defaultMode: number;
  readonly optional: boolean;
}

const MAX_PATH = 4096;
const MAX_NAME = 255;

/**
 * All keys, or those that items name, under the paths that they give; `missing` begins the text for a key
 * that is none.
 */
export function pickKeys(
  data: ReadonlyMap<string, Buffer>,
  { items, defaultMode, optional }: KeysInput,
  missing: string,
): Payload {
  const payload = new Map<string, PayloadFile>();
  if (items === undefined || items.length === 0) {
    for (const [key, value] of data) payload.set(key, { data: value, mode: defaultMode });
    return payload;
  }
  for (const { key, path, mode } of items) {
    const value = data.get(key);
    if (value !== undefined) payload.set(path, { data: value, mode: mode ?? defaultMode });
    else if (!optional) throw new FarletError('not-found', `${missing}: ${key}`);
  }
  return payload;
}

/**
 * Cleans the paths; throws the kubelet's text for one that leaves the volume or clashes with the writer's own
 * names (atomic_writer.go validatePath).
 */
export function validatePayload(payload: Payload): Payload {
  const clean = new Map<string, PayloadFile>();
  for (const [path, file] of payload) {
    const fault = pathFault(path);
    if (fault !== undefined) throw new FarletError('invalid', `invalid path: ${fault}`);
    clean.set(cleanPath(path), file);
  }
  return clean;
}

function pathFault(path: string): string | undefined {
  if (path === '') return `must not be empty: ${goQuote(path)}`;
  if (path.startsWith('/')) return `must be relative path: ${path}`;
  if (path.length > MAX_PATH) return `must be less than or equal to ${String(MAX_PATH)} characters`;
  const parts = path.split('/');
  for (const part of parts) {
    if (part === '..') return `must not contain '..': ${path}`;
    if (Buffer.byteLength(part) > MAX_NAME)
      return `filenames must be less than or equal to ${String(MAX_NAME)} characters`;
  }
  return path.startsWith('..') ? `must not start with '..': ${path}` : undefined;
}

/** filepath.Clean of a relative path without `..`. */
export function cleanPath(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}
