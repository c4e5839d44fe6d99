/**
 * What the configMap, secret, downwardAPI and projected volumes of a pod are to show, fetched from their
 * sources.
 */
import type { Pod, Volume } from '../../model/kube.ts';
import { configMapPayload } from './config-map.ts';
import { downwardPayload } from './downward-api.ts';
import { optionally } from './optionally.ts';
import { validatePayload } from './payload.ts';
import { projectedPayload } from './projected.ts';
import { secretPayload } from './secret.ts';
import type { FetchedPayload, PayloadContext } from './sources.ts';

const DEFAULT_MODE = 0o644;

export async function fetchPayload(
  pod: Pod,
  volume: Volume,
  context: PayloadContext,
): Promise<FetchedPayload> {
  const { payload, renewAt } = await fetchFor(pod, volume, context);
  return { payload: validatePayload(payload), renewAt };
}

async function fetchFor(pod: Pod, volume: Volume, context: PayloadContext): Promise<FetchedPayload> {
  const { configMap, secret, downwardAPI, projected } = volume;
  const { namespace } = pod.metadata;
  if (configMap !== undefined) {
    const { name = '', items, defaultMode = DEFAULT_MODE, optional = false } = configMap;
    const object = await optionally(optional, () => context.sources.configMap(namespace, name, context));
    return { payload: configMapPayload(object, { items, defaultMode, optional }), renewAt: undefined };
  }
  if (secret !== undefined) {
    const { secretName = '', items, defaultMode = DEFAULT_MODE, optional = false } = secret;
    const object = await optionally(optional, () => context.sources.secret(namespace, secretName, context));
    return { payload: secretPayload(object, { items, defaultMode, optional }), renewAt: undefined };
  }
  if (downwardAPI !== undefined) {
    const { items = [], defaultMode = DEFAULT_MODE } = downwardAPI;
    const { allocatable } = context;
    return { payload: downwardPayload(pod, items, { defaultMode, allocatable }), renewAt: undefined };
  }
  const { sources = [], defaultMode = DEFAULT_MODE } = projected ?? {};
  return projectedPayload(pod, sources, { defaultMode, context });
}
