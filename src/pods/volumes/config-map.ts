/** What a ConfigMap shows as files (pkg/volume/configmap/configmap.go MakePayload). Pure. */
import type { ConfigMap } from '../../model/kube.ts';
import { pickKeys, type KeysInput, type Payload } from './payload.ts';

/** An object that is missing, where it may be, shows nothing. */
export function configMapPayload(object: ConfigMap | undefined, input: KeysInput): Payload {
  const data = new Map<string, Buffer>();
  for (const [key, value] of Object.entries(object?.binaryData ?? {}))
    data.set(key, Buffer.from(value, 'base64'));
  for (const [key, value] of Object.entries(object?.data ?? {})) data.set(key, Buffer.from(value));
  return pickKeys(data, input, 'configmap references non-existent config key');
}
