/** Several sources in one volume (pkg/volume/projected/projected.go collectData). */
import { FarletError, messageOf } from '../../model/errors.ts';
import type { Pod, Volume } from '../../model/kube.ts';
import { throwAggregate } from './aggregate.ts';
import { configMapPayload } from './config-map.ts';
import { downwardPayload } from './downward-api.ts';
import { optionally } from './optionally.ts';
import type { PayloadFile } from './payload.ts';
import { secretPayload } from './secret.ts';
import type { FetchedPayload, PayloadContext } from './sources.ts';
import { tokenAccess } from './token-access.ts';

type Projection = NonNullable<NonNullable<Volume['projected']>['sources']>[number];

interface Options {
  readonly defaultMode: number;
  readonly context: PayloadContext;
}

/** All sources at once; a later one overwrites an earlier one's path; all failures are told together. */
export async function projectedPayload(
  pod: Pod,
  sources: readonly Projection[],
  options: Options,
): Promise<FetchedPayload> {
  const parts = await Promise.allSettled(sources.map((source) => projection(pod, source, options)));
  options.context.signal.throwIfAborted();
  throwAggregate(parts.filter((part) => part.status === 'rejected').map((part) => messageOf(part.reason)));
  const payload = new Map<string, PayloadFile>();
  let renewAt: number | undefined;
  for (const part of parts) {
    if (part.status !== 'fulfilled') continue;
    for (const [path, file] of part.value.payload) payload.set(path, file);
    if (part.value.renewAt !== undefined) renewAt = Math.min(renewAt ?? Infinity, part.value.renewAt);
  }
  return { payload, renewAt };
}

async function projection(
  pod: Pod,
  source: Projection,
  { defaultMode, context }: Options,
): Promise<FetchedPayload> {
  const { namespace } = pod.metadata;
  if (source.secret !== undefined) {
    const { name = '', items, optional = false } = source.secret;
    const object = await optionally(optional, () => context.sources.secret(namespace, name, context));
    return { payload: secretPayload(object, { items, defaultMode, optional }), renewAt: undefined };
  }
  if (source.configMap !== undefined) {
    const { name = '', items, optional = false } = source.configMap;
    const object = await optionally(optional, () => context.sources.configMap(namespace, name, context));
    return { payload: configMapPayload(object, { items, defaultMode, optional }), renewAt: undefined };
  }
  if (source.downwardAPI !== undefined) {
    const { items = [] } = source.downwardAPI;
    const { allocatable } = context;
    return { payload: downwardPayload(pod, items, { defaultMode, allocatable }), renewAt: undefined };
  }
  if (source.serviceAccountToken !== undefined) {
    const { path, audience, expirationSeconds } = source.serviceAccountToken;
    const serviceAccountName = pod.spec.serviceAccountName ?? 'default';
    const { token, renewAt } = await context.sources.token(
      { pod, serviceAccountName, audience, expirationSeconds },
      context,
    );
    const file: PayloadFile = {
      data: Buffer.from(token),
      hidden: 'token',
      ...tokenAccess(pod, defaultMode),
    };
    return { payload: new Map([[path, file]]), renewAt };
  }
  throw new FarletError('unimplemented', refusal(source));
}

/** What is behind a feature gate that is off by default is off here. */
function refusal(source: Projection): string {
  if (source.clusterTrustBundle !== undefined)
    return 'ClusterTrustBundle projection is not supported: the feature gate ClusterTrustBundleProjection is off on this node; project a ConfigMap with the certificates instead';
  if (source.podCertificate !== undefined)
    return 'PodCertificate projection is not supported: the feature gate PodCertificateRequest is off on this node; project a Secret instead';
  return `projected volume source ${Object.keys(source).join(', ')} is not supported by farlet`;
}
