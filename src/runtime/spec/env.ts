/** A container's environment: makeEnvironmentVariables in pkg/kubelet/kubelet_pods.go. */
import { own } from '../../model/own.ts';
import { FarletError, isNotFound } from '../../model/errors.ts';
import { resolveFieldRef } from '../../model/field-ref.ts';
import { goQuote } from '../../model/go-quote.ts';
import { textOfBytes } from '../../model/go-string.ts';
import type { ConfigMap, Container, EnvVar, Pod, Secret, Service } from '../../model/kube.ts';
import { resolveResourceFieldRef } from '../../model/resource-field-ref.ts';
import type { EnvEntry, Fetched } from './env-entry.ts';
import { envFileKey, type EnvFile } from './env-files.ts';
import { expand } from '../../model/expansion.ts';
import { parseEnvFile } from './parse-env-file.ts';
import { serviceEnv } from './service-env.ts';

/** What a container's environment is made of, all of it read beforehand. */
export interface EnvSources {
  /** undefined until services have been listed once */
  readonly services: readonly Service[] | undefined;
  readonly kubernetesService: { readonly host: string; readonly port: number } | undefined;
  readonly configMaps: ReadonlyMap<string, Fetched<ConfigMap>>;
  readonly secrets: ReadonlyMap<string, Fetched<Secret>>;
  readonly podIPs: readonly string[];
  readonly hostIPs: readonly string[];
  readonly allocatable: Readonly<Record<string, string>>;
  /** files in volumes, by env-files.ts envFileKey; left out where no variable names one */
  readonly envFiles?: ReadonlyMap<string, Fetched<EnvFile>>;
}

export interface EnvReferences {
  readonly configMaps: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
}

/** Names of the ConfigMaps and Secrets that the containers' environments read. */
export function envReferences(containers: readonly Container[]): EnvReferences {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  for (const container of containers) {
    for (const { configMapRef, secretRef } of container.envFrom ?? []) {
      if (configMapRef !== undefined) configMaps.add(configMapRef.name ?? '');
      if (secretRef !== undefined) secrets.add(secretRef.name ?? '');
    }
    for (const { valueFrom } of container.env ?? []) {
      if (valueFrom?.configMapKeyRef !== undefined) configMaps.add(valueFrom.configMapKeyRef.name ?? '');
      if (valueFrom?.secretKeyRef !== undefined) secrets.add(valueFrom.secretKeyRef.name ?? '');
    }
  }
  return { configMaps, secrets };
}

/**
 * The environment in order: envFrom, env as declared (a later one of a name wins), then service variables
 * whose name is free. Throws with the kubelet's text when a value can't be had.
 */
export function containerEnv(pod: Pod, container: Container, sources: EnvSources): EnvEntry[] {
  if (pod.spec.enableServiceLinks === undefined)
    throw new FarletError('invalid', 'nil pod.spec.enableServiceLinks encountered, cannot construct envvars');
  if (sources.services === undefined)
    throw new FarletError(
      'unavailable',
      'services have not yet been read at least once, cannot construct envvars',
    );
  const ofServices = serviceEnv({
    services: sources.services,
    namespace: pod.metadata.namespace,
    enableServiceLinks: pod.spec.enableServiceLinks,
    kubernetesService: sources.kubernetesService,
  });
  const env = envFrom(container, sources);
  for (const variable of container.env ?? []) {
    const value =
      variable.value !== undefined && variable.value !== ''
        ? expand(variable.value, (name) => env.get(name) ?? ofServices.get(name))
        : valueFrom(variable, { pod, container, sources });
    if (value !== undefined) env.set(variable.name, value);
  }
  for (const [name, value] of ofServices) if (!env.has(name)) env.set(name, value);
  return [...env].map(([name, value]) => ({ name, value }));
}

function envFrom(container: Container, sources: EnvSources): Map<string, string> {
  const env = new Map<string, string>();
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const data =
      configMapRef !== undefined
        ? read(sources.configMaps, configMapRef)?.data
        : secretRef !== undefined
          ? decoded(read(sources.secrets, secretRef)?.data)
          : undefined;
    for (const [key, value] of Object.entries(data ?? {})) env.set(prefix + key, value);
  }
  return env;
}

/** undefined: an optional source is missing, so the variable is left out. */
function valueFrom(
  variable: EnvVar,
  { pod, container, sources }: { pod: Pod; container: Container; sources: EnvSources },
): string | undefined {
  const source = variable.valueFrom;
  if (source?.fieldRef !== undefined) return resolveFieldRef(pod, source.fieldRef.fieldPath, sources);
  if (source?.resourceFieldRef !== undefined)
    return resolveResourceFieldRef(pod, source.resourceFieldRef, {
      container,
      allocatable: sources.allocatable,
    });
  if (source?.configMapKeyRef !== undefined) {
    const ref = source.configMapKeyRef;
    return keyed('ConfigMap', pod, { ref, object: read(sources.configMaps, ref)?.data });
  }
  if (source?.secretKeyRef !== undefined) {
    const ref = source.secretKeyRef;
    const data = read(sources.secrets, ref);
    return keyed('Secret', pod, { ref, object: data && (decoded(data.data) ?? {}) });
  }
  if (source?.fileKeyRef !== undefined) return fromFile(source.fileKeyRef, sources);
  return '';
}

/** The value that a file in a volume gives the key; its contents are never told. */
function fromFile(
  ref: {
    readonly volumeName: string;
    readonly path: string;
    readonly key: string;
    readonly optional?: boolean;
  },
  { envFiles }: EnvSources,
): string | undefined {
  const fetched = envFiles?.get(envFileKey(ref));
  if (fetched === undefined)
    throw new FarletError(
      'not-found',
      `cannot find the volume ${goQuote(ref.volumeName)} referenced by FileKeyRef`,
    );
  if ('error' in fetched)
    throw new FarletError('invalid', "couldn't parse env file", { cause: fetched.error });
  let value: string | undefined;
  try {
    value = parseEnvFile(fetched.value.text, ref.key);
  } catch (cause) {
    throw new FarletError('invalid', "couldn't parse env file", { cause });
  }
  if (value !== undefined || ref.optional === true) return value;
  throw new FarletError(
    'not-found',
    `environment variable key ${goQuote(ref.key)} not found in file ${goQuote(fetched.value.path)}`,
  );
}

/** The object a reference names, undefined if it is optional and not there. Throws what reading it threw. */
function read<T>(
  objects: ReadonlyMap<string, Fetched<T>>,
  ref: { readonly name?: string; readonly optional?: boolean },
): T | undefined {
  const fetched = objects.get(ref.name ?? '');
  if (fetched === undefined) throw new FarletError('internal', `object ${ref.name ?? ''} was not read`);
  if ('value' in fetched) return fetched.value;
  if (ref.optional === true && isNotFound(fetched.error)) return undefined;
  throw fetched.error;
}

function keyed(
  kind: 'ConfigMap' | 'Secret',
  pod: Pod,
  {
    ref,
    object,
  }: {
    ref: { readonly name?: string; readonly key: string; readonly optional?: boolean };
    object: Readonly<Record<string, string>> | undefined;
  },
): string | undefined {
  const value = own(object, ref.key);
  if (value !== undefined || ref.optional === true) return value;
  throw new FarletError(
    'not-found',
    `couldn't find key ${ref.key} in ${kind} ${pod.metadata.namespace}/${ref.name ?? ''}`,
  );
}

function decoded(data: Readonly<Record<string, string>> | undefined): Record<string, string> | undefined {
  if (data === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, textOfBytes(Buffer.from(value, 'base64'))]),
  );
}
