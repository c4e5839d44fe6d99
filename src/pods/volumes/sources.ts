/** Where the contents of volumes come from, and what was fetched. */
import type { ConfigMap, PersistentVolume, PersistentVolumeClaim, Pod, Secret } from '../../model/kube.ts';
import type { Payload } from './payload.ts';

/**
 * Where the contents come from; kube/ satisfies it. Rejects with kind not-found and the API server's text.
 */
export interface VolumeSources {
  configMap(namespace: string, name: string, options: { signal: AbortSignal }): Promise<ConfigMap>;
  secret(namespace: string, name: string, options: { signal: AbortSignal }): Promise<Secret>;
  token(
    input: {
      pod: Pod;
      serviceAccountName: string;
      audience?: string | undefined;
      expirationSeconds?: number | undefined;
    },
    options: { signal: AbortSignal },
  ): Promise<{ token: string; renewAt: number }>;
  claim(namespace: string, name: string, options: { signal: AbortSignal }): Promise<PersistentVolumeClaim>;
  persistentVolume(name: string, options: { signal: AbortSignal }): Promise<PersistentVolume>;
}

export interface PayloadContext {
  readonly sources: Pick<VolumeSources, 'configMap' | 'secret' | 'token'>;
  readonly allocatable: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface FetchedPayload {
  readonly payload: Payload;
  /** ms since the epoch: a token in it is to be renewed then */
  readonly renewAt: number | undefined;
}
