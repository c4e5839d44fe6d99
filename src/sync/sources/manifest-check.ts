/**
 * What makes a manifest unusable (pkg/apis/core/validation ValidatePodCreate, as far as anything here depends
 * on it; pkg/api/pod HasAPIObjectReference). Pure. A pod from the API server was checked there.
 */
import { specContainers } from '../../model/containers.ts';
import type { Container, EnvVar, Volume } from '../../model/kube.ts';
import type { ManifestPod } from './manifest-defaults.ts';
import { shapeProblems } from './manifest-shape.ts';
import { dnsSubdomain } from '../../model/dns-name.ts';

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const uidForm = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** A sentence for each fault; empty for a manifest that can be run. */
export function checkManifest(pod: ManifestPod): string[] {
  const { metadata, spec } = pod;
  // values of other types would make everything after them meaningless
  const shape = shapeProblems(pod);
  if (shape.length > 0) return shape;
  if ((spec.containers as unknown) === undefined) return ['spec.containers: at least one is needed'];
  const names = specContainers(pod.spec).map(({ name }) => name);
  const volumes = (spec.volumes ?? []).map(({ name }) => name);
  return [
    ...must(
      text(metadata.name) && dnsSubdomain.test(metadata.name),
      'metadata.name: a DNS-1123 name is needed',
    ),
    ...must(
      metadata.namespace === undefined || label.test(metadata.namespace),
      'metadata.namespace: no DNS-1123 label',
    ),
    // it becomes the name of folders on the host
    ...must(
      metadata.uid === undefined || uidForm.test(metadata.uid),
      'metadata.uid: letters, digits, - _ . only',
    ),
    ...must(spec.containers.length > 0, 'spec.containers: at least one is needed'),
    ...must(
      spec.restartPolicy === undefined || ['Always', 'OnFailure', 'Never'].includes(spec.restartPolicy),
      `spec.restartPolicy: ${JSON.stringify(spec.restartPolicy)} is none of Always, OnFailure, Never`,
    ),
    ...must(spec.ephemeralContainers === undefined, 'spec.ephemeralContainers: not allowed in a manifest'),
    ...twice(names).map((name) => `spec.containers: the name ${name} is used twice`),
    ...twice(volumes).map((name) => `spec.volumes: the name ${name} is used twice`),
    ...volumes
      .filter((name) => !label.test(name))
      .map((name) => `spec.volumes: ${name} is no DNS-1123 label`),
    ...specContainers(pod.spec).flatMap((container) => badContainer(container, volumes)),
    ...apiReference(pod).map((resource) => `static pods may not reference ${resource}`),
  ];
}

function badContainer(container: Container, volumes: readonly string[]): string[] {
  const { name, image, volumeMounts = [], ports = [], env = [] } = container;
  const at = `container ${name}`;
  return [
    ...must(text(name) && label.test(name), `${at}: name: a DNS-1123 label is needed`),
    ...must(text(image) && image.trim() === image, `${at}: image: is needed`),
    ...volumeMounts
      .filter((mount) => !volumes.includes(mount.name))
      .map((mount) => `${at}: volumeMounts: there is no volume ${mount.name}`),
    ...ports
      .filter(({ containerPort: port }) => !Number.isInteger(port) || port < 1 || port > 65_535)
      .map(({ containerPort: port }) => `${at}: ports: ${String(port)} is no port`),
    ...env.filter((variable) => !text(variable.name)).map(() => `${at}: env: every variable needs a name`),
  ];
}

/** The first thing it needs the API server for, in the kubelet's words; static pods must run without. */
function apiReference(pod: ManifestPod): string[] {
  const { spec } = pod;
  const containers = specContainers(pod.spec);
  const variables = containers.flatMap(({ env }): EnvVar[] => env ?? []);
  const from = containers.flatMap(({ envFrom }) => envFrom ?? []);
  const serviceAccount = spec.serviceAccountName ?? spec.serviceAccount ?? '';
  const found = [
    serviceAccount === '' ? undefined : 'serviceaccounts',
    (spec.imagePullSecrets ?? []).length > 0 ||
    variables.some(({ valueFrom }) => valueFrom?.secretKeyRef !== undefined) ||
    from.some(({ secretRef }) => secretRef !== undefined)
      ? 'secrets'
      : undefined,
    variables.some(({ valueFrom }) => valueFrom?.configMapKeyRef !== undefined) ||
    from.some(({ configMapRef }) => configMapRef !== undefined)
      ? 'configmaps'
      : undefined,
    (spec.resourceClaims ?? []).length > 0 ? 'resourceclaims' : undefined,
    ...(spec.volumes ?? []).map(volumeReference),
  ];
  return found.filter((resource) => resource !== undefined).slice(0, 1);
}

const volumeResources: Partial<Record<keyof Volume, string>> = {
  configMap: 'configmaps (via configmap volumes)',
  secret: 'secrets (via secret volumes)',
  csi: 'csidrivers (via CSI volumes)',
  glusterfs: 'endpoints (via glusterFS volumes)',
  persistentVolumeClaim: 'persistentvolumeclaims',
  ephemeral: 'persistentvolumeclaims (via ephemeral volumes)',
  azureFile: 'secrets (via azureFile volumes)',
};

function volumeReference(volume: Volume): string | undefined {
  for (const [key, resource] of Object.entries(volumeResources))
    if (volume[key as keyof Volume] !== undefined) return resource;
  for (const source of volume.projected?.sources ?? []) {
    if (source.configMap !== undefined) return 'configmaps (via projected volumes)';
    if (source.secret !== undefined) return 'secrets (via projected volumes)';
    if (source.serviceAccountToken !== undefined) return 'serviceaccounts (via projected volumes)';
    if (source.clusterTrustBundle !== undefined) return 'clustertrustbundles';
    if (source.podCertificate !== undefined) return 'podcertificates';
  }
  return undefined;
}

function must(holds: boolean, problem: string): string[] {
  return holds ? [] : [problem];
}

function text(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function twice(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) < index))];
}
