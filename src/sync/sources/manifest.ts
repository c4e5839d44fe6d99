/** One manifest file → one pod (pkg/kubelet/config/common.go, file.go). Pure. */
import { FarletError, messageOf } from '../../model/errors.ts';
import type { Pod } from '../../model/kube.ts';
import { annotations } from '../../model/labels.ts';
import { fnv1a128 } from '../../util/fnv.ts';
import { checkManifest } from './manifest-check.ts';
import { withDefaults, type ManifestPod } from './manifest-defaults.ts';

export interface ManifestFile {
  /** absolute; part of the pod's UID, as it is for the kubelet */
  readonly path: string;
  readonly text: string;
}

export interface ManifestOptions {
  /** name of the node the pod is for */
  readonly node: string;
  /** YAML or JSON → its value; throws an Error that says where the text is wrong */
  readonly parse: (text: string) => unknown;
}

/**
 * The static pod that a file describes, with the defaults that the API server would have set. Throws
 * FarletError `invalid` with every fault found.
 *
 * Its UID is that of the manifest, or else FNV-1a (128 bits) over the manifest's content, the node's name and
 * the file's path: the kubelet's rule, over JSON in place of a dump of Go's structs, so that any change of
 * content makes another pod and a restart makes none. Layout and comments of the file don't count.
 */
export function readManifest({ path, text }: ManifestFile, { node, parse }: ManifestOptions): Pod {
  let value: unknown;
  try {
    value = parse(text);
    // what is nested too deeply for that is told here as well
    JSON.stringify(value);
  } catch (error) {
    throw new FarletError('invalid', messageOf(error), { cause: error });
  }
  const manifest = asManifest(plain(value));
  const problems = checkManifest(manifest);
  if (problems.length > 0) throw new FarletError('invalid', `invalid pod: ${problems.join('; ')}`);
  const uid = manifest.metadata.uid ?? fnv1a128(`${canonical(manifest)}host:${node}file:${path}`);
  const { name, namespace = 'default', ...metadata } = manifest.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      name: `${name}-${node.toLowerCase()}`,
      namespace,
      uid,
      annotations: { ...metadata.annotations, [annotations.configHash]: uid },
    },
    spec: { ...withDefaults(manifest.spec), nodeName: node, tolerations: tolerations(manifest.spec) },
    status: { phase: 'Pending' },
  };
}

/** As Go decodes it: null is not there, a lone half of a character is no character. */
function plain(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== null && each !== undefined)
      .map(([key, each]) => [key.toWellFormed(), plain(each)]),
  );
}

function asManifest(value: unknown): ManifestPod {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FarletError('invalid', 'invalid pod: the file holds no object');
  const { apiVersion, kind } = value as { apiVersion?: unknown; kind?: unknown };
  if (apiVersion !== 'v1' || kind !== 'Pod')
    throw new FarletError(
      'invalid',
      `invalid pod: apiVersion ${JSON.stringify(apiVersion)}, kind ${JSON.stringify(kind)}: only v1 Pod can be read`,
    );
  const { metadata, spec } = value as { metadata?: unknown; spec?: unknown };
  for (const [key, part] of Object.entries({ metadata, spec }))
    if (typeof part !== 'object' || part === null || Array.isArray(part))
      throw new FarletError('invalid', `invalid pod: ${key} is missing or no object`);
  return value as ManifestPod;
}

/** A static pod is not evicted when its node has problems (helper.AddOrUpdateTolerationInPod). */
function tolerations({
  tolerations: own = [],
}: ManifestPod['spec']): NonNullable<Pod['spec']['tolerations']> {
  const rest = own.filter(
    ({ key, operator, effect }) => !(key === undefined && operator === 'Exists' && effect === 'NoExecute'),
  );
  return [...rest, { operator: 'Exists', effect: 'NoExecute' }];
}

/** JSON with sorted keys: equal content is equal text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
