/** What the configMap, secret, downwardAPI and projected volumes of a pod are to show, fetched from their sources. */
import { FarletError, isNotFound, messageOf } from '../model/errors.ts';
import { resolveFieldRef } from '../model/field-ref.ts';
import type { ConfigMap, Pod, Secret, Volume } from '../model/kube.ts';
import { resolveResourceFieldRef } from '../model/resource-field-ref.ts';
import {
  configMapPayload,
  secretPayload,
  validatePayload,
  type Payload,
  type PayloadFile,
} from './payload.ts';

/** Where the contents come from; kube/pod-objects.ts and kube/tokens.ts satisfy it. */
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
}

export interface PayloadContext {
  readonly sources: VolumeSources;
  readonly allocatable: Readonly<Record<string, string>>;
  readonly hostIPs: readonly string[];
  readonly podIPs: readonly string[];
  readonly signal: AbortSignal;
}

export interface FetchedPayload {
  readonly payload: Payload;
  /** ms since the epoch: a token in it is to be renewed then */
  readonly renewAt: number | undefined;
}

type DownwardItems = NonNullable<NonNullable<Volume['downwardAPI']>['items']>;
type Projection = NonNullable<NonNullable<Volume['projected']>['sources']>[number];

const DEFAULT_MODE = 0o644;

export async function fetchPayload(
  pod: Pod,
  volume: Volume,
  context: PayloadContext,
): Promise<FetchedPayload> {
  const fetched = await fetchFor(pod, volume, context);
  validatePayload(fetched.payload);
  return fetched;
}

async function fetchFor(pod: Pod, volume: Volume, context: PayloadContext): Promise<FetchedPayload> {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined) {
    const { name = '', items, defaultMode = DEFAULT_MODE, optional = false } = configMap;
    const object = await optionally(optional, () =>
      context.sources.configMap(pod.metadata.namespace, name, context),
    );
    return plain(configMapPayload(object, { items, defaultMode, optional }));
  }
  if (secret !== undefined) {
    const { secretName = '', items, defaultMode = DEFAULT_MODE, optional = false } = secret;
    const object = await optionally(optional, () =>
      context.sources.secret(pod.metadata.namespace, secretName, context),
    );
    return plain(secretPayload(object, { items, defaultMode, optional }));
  }
  if (downwardAPI !== undefined) {
    return plain(
      downwardPayload(pod, downwardAPI.items ?? [], {
        defaultMode: downwardAPI.defaultMode ?? DEFAULT_MODE,
        context,
      }),
    );
  }
  return projectedPayload(pod, projected?.sources ?? [], {
    defaultMode: projected?.defaultMode ?? DEFAULT_MODE,
    context,
  });
}

function plain(payload: Payload): FetchedPayload {
  return { payload, renewAt: undefined };
}

interface Options {
  readonly defaultMode: number;
  readonly context: PayloadContext;
}

/** All sources at once; a later one overwrites an earlier one's path; all failures are told together. */
async function projectedPayload(
  pod: Pod,
  sources: readonly Projection[],
  options: Options,
): Promise<FetchedPayload> {
  const parts = await Promise.allSettled(sources.map((source) => projection(pod, source, options)));
  const failures = parts.filter((part) => part.status === 'rejected').map((part) => messageOf(part.reason));
  options.context.signal.throwIfAborted();
  const [only] = failures;
  if (only !== undefined)
    throw new FarletError('unavailable', failures.length === 1 ? only : `[${failures.join(', ')}]`);
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
  if (source.configMap !== undefined) {
    const { name = '', items, optional = false } = source.configMap;
    const object = await optionally(optional, () => context.sources.configMap(namespace, name, context));
    return plain(configMapPayload(object, { items, defaultMode, optional }));
  }
  if (source.secret !== undefined) {
    const { name = '', items, optional = false } = source.secret;
    const object = await optionally(optional, () => context.sources.secret(namespace, name, context));
    return plain(secretPayload(object, { items, defaultMode, optional }));
  }
  if (source.downwardAPI !== undefined)
    return plain(downwardPayload(pod, source.downwardAPI.items ?? [], { defaultMode, context }));
  if (source.serviceAccountToken !== undefined) {
    const { path, audience, expirationSeconds } = source.serviceAccountToken;
    const serviceAccountName = pod.spec.serviceAccountName ?? 'default';
    const { token, renewAt } = await context.sources.token(
      { pod, serviceAccountName, audience, expirationSeconds },
      context,
    );
    return {
      payload: new Map([[path, { data: Buffer.from(token), ...tokenAccess(pod, defaultMode) }]]),
      renewAt,
    };
  }
  throw new FarletError(
    'unimplemented',
    `projected volume source ${Object.keys(source).join(', ')} is not supported by farlet`,
  );
}

/** A token is only for whom the pod runs as, if that is one user or the pod has a group (projected.go). */
function tokenAccess(pod: Pod, defaultMode: number): { mode: number; uid?: number } {
  const users = new Set(
    pod.spec.containers.map(
      ({ securityContext }) => securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser,
    ),
  );
  const [user] = users;
  const uid = users.size === 1 ? user : undefined;
  const mode = uid !== undefined || pod.spec.securityContext?.fsGroup !== undefined ? 0o600 : defaultMode;
  return { mode, ...(uid === undefined ? {} : { uid }) };
}

function downwardPayload(pod: Pod, items: DownwardItems, { defaultMode, context }: Options): Payload {
  const payload = new Map<string, PayloadFile>();
  for (const { path, fieldRef, resourceFieldRef, mode } of items) {
    const text =
      fieldRef !== undefined
        ? resolveFieldRef(pod, fieldRef.fieldPath, context)
        : resolveResourceFieldRef(pod, resourceFieldRef ?? { resource: '' }, {
            container: undefined,
            allocatable: context.allocatable,
          });
    payload.set(path, { data: Buffer.from(text), mode: mode ?? defaultMode });
  }
  return payload;
}

async function optionally<T>(optional: boolean, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (optional && isNotFound(error)) return undefined;
    throw error;
  }
}
