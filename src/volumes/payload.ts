/** The files a volume is to show: paths relative to it, contents, modes. Pure. */
import type { ConfigMap, KeyToPath, Secret } from '../model/kube.ts';
import { FarletError } from '../model/errors.ts';

export interface PayloadFile {
  readonly data: Buffer;
  readonly mode: number;
  /** owner, where it is not root (a service account token for one user) */
  readonly uid?: number;
}

export type Payload = ReadonlyMap<string, PayloadFile>;

const MAX_PATH = 4096;
const MAX_NAME = 255;

export interface KeysInput {
  readonly items: readonly KeyToPath[] | undefined;
  readonly defaultMode: number;
  readonly optional: boolean;
}

export function configMapPayload(object: ConfigMap | undefined, input: KeysInput): Payload {
  const data = new Map<string, Buffer>();
  for (const [key, value] of Object.entries(object?.data ?? {})) data.set(key, Buffer.from(value));
  for (const [key, value] of Object.entries(object?.binaryData ?? {}))
    data.set(key, Buffer.from(value, 'base64'));
  return pick(data, input, 'configmap references non-existent config key');
}

export function secretPayload(object: Secret | undefined, input: KeysInput): Payload {
  const data = new Map(
    Object.entries(object?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]),
  );
  return pick(data, input, 'references non-existent secret key');
}

function pick(
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

/** Refuses paths that leave the volume or clash with the writer's own names (atomic_writer.go validatePath). */
export function validatePayload(payload: Payload): void {
  for (const path of payload.keys()) {
    const parts = path.split('/');
    const fault =
      path === ''
        ? 'is empty'
        : path.startsWith('/')
          ? 'is absolute'
          : path.length > MAX_PATH
            ? 'is too long'
            : parts.includes('..')
              ? 'contains ".."'
              : parts.some((part) => part.length > MAX_NAME)
                ? 'has too long a part'
                : path.startsWith('..')
                  ? 'starts with ".."'
                  : undefined;
    if (fault !== undefined)
      throw new FarletError(
        'invalid',
        `invalid path: must be relative and stay in the volume: ${JSON.stringify(path)} ${fault}`,
      );
  }
}
