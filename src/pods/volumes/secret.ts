/** What a Secret shows as files (pkg/volume/secret/secret.go MakePayload). Pure. */
import type { Secret } from '../../model/kube.ts';
import { pickKeys, type KeysInput, type Payload } from './payload.ts';

/** An object that is missing, where it may be, shows nothing. */
export function secretPayload(object: Secret | undefined, input: KeysInput): Payload {
  const data = new Map(
    Object.entries(object?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]),
  );
  const payload = pickKeys(data, input, 'references non-existent secret key');
  return new Map([...payload].map(([path, file]) => [path, { ...file, hidden: 'secret' }]));
}
