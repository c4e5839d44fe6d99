/** The API server's defaults, for pods that never pass it (pkg/apis/core/v1/defaults.go). Pure. */
import type {
  Container,
  ObjectMeta,
  PodSpec,
  Probe,
  ResourceRequirements,
  Volume,
} from '../../model/kube.ts';
import { canonicalText } from '../../model/quantity-text.ts';

/** A pod as somebody wrote it. */
export interface ManifestPod {
  readonly apiVersion: 'v1';
  readonly kind: 'Pod';
  readonly metadata: ObjectMeta & { name: string };
  readonly spec: PodSpec;
}

const FILE_MODE = 0o644;

export function withDefaults(spec: PodSpec): PodSpec {
  const one = <T extends Container>(container: T): T =>
    containerDefaults(container, spec.hostNetwork === true);
  return {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    enableServiceLinks: true,
    schedulerName: 'default-scheduler',
    securityContext: {},
    ...spec,
    containers: spec.containers.map(one),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(one) }),
    ...(spec.volumes === undefined ? {} : { volumes: spec.volumes.map(volumeDefaults) }),
    ...(spec.resources === undefined ? {} : { resources: resourcesOf(spec.resources) }),
    ...(spec.overhead === undefined ? {} : { overhead: canonical(spec.overhead) }),
  };
}

/**
 * Quantities may be written as numbers, and in any form. A limit of a container without a request is the
 * request, too.
 */
function resourcesOf(
  { limits, requests, ...rest }: ResourceRequirements = {},
  { limitsAreRequests = false }: { limitsAreRequests?: boolean } = {},
): ResourceRequirements {
  const asked = limitsAreRequests && limits !== undefined ? { ...limits, ...requests } : requests;
  return {
    ...rest,
    ...(limits === undefined ? {} : { limits: canonical(limits) }),
    ...(asked === undefined ? {} : { requests: canonical(asked) }),
  };
}

function canonical(list: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(list).map(([name, text]) => [name, canonicalText(String(text))]));
}

function containerDefaults<T extends Container>(container: T, hostNetwork: boolean): T {
  const {
    image = '',
    ports,
    resources,
    livenessProbe,
    readinessProbe,
    startupProbe,
    env,
    lifecycle,
  } = container;
  return {
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: isLatest(image) ? 'Always' : 'IfNotPresent',
    ...container,
    resources: resourcesOf(resources, { limitsAreRequests: true }),
    ...(ports === undefined
      ? {}
      : {
          ports: ports.map((port) => ({
            protocol: 'TCP',
            ...(hostNetwork ? { hostPort: port.containerPort } : {}),
            ...port,
          })),
        }),
    ...(env === undefined ? {} : { env: env.map(envDefaults) }),
    ...(lifecycle === undefined
      ? {}
      : {
          lifecycle: {
            ...lifecycle,
            ...(lifecycle.postStart === undefined ? {} : { postStart: httpDefaults(lifecycle.postStart) }),
            ...(lifecycle.preStop === undefined ? {} : { preStop: httpDefaults(lifecycle.preStop) }),
          },
        }),
    ...probe('livenessProbe', livenessProbe),
    ...probe('readinessProbe', readinessProbe),
    ...probe('startupProbe', startupProbe),
  };
}

/** No tag, or the tag latest: only then is an image pulled again for every start. */
function isLatest(image: string): boolean {
  if (image.includes('@')) return false;
  const last = image.split('/').at(-1) ?? '';
  return !last.includes(':') || last.endsWith(':latest');
}

function probe(key: string, spec: Probe | undefined): Record<string, Probe> {
  if (spec === undefined) return {};
  return {
    [key]: httpDefaults({
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
      ...spec,
      ...(spec.grpc === undefined ? {} : { grpc: { service: '', ...spec.grpc } }),
    }),
  };
}

function httpDefaults<T extends Pick<Probe, 'httpGet'>>(handler: T): T {
  if (handler.httpGet === undefined) return handler;
  return { ...handler, httpGet: { path: '/', scheme: 'HTTP', ...handler.httpGet } };
}

function envDefaults<T extends NonNullable<Container['env']>[number]>(variable: T): T {
  const fieldRef = variable.valueFrom?.fieldRef;
  if (fieldRef === undefined) return variable;
  return { ...variable, valueFrom: { ...variable.valueFrom, fieldRef: { apiVersion: 'v1', ...fieldRef } } };
}

function volumeDefaults(volume: Volume): Volume {
  const { name, hostPath, emptyDir, downwardAPI, projected, ...rest } = volume;
  return {
    name,
    ...rest,
    ...(emptyDir === undefined ? {} : { emptyDir: emptyDirOf(emptyDir) }),
    ...(hostPath === undefined ? {} : { hostPath: { type: '', ...hostPath } }),
    ...(downwardAPI === undefined ? {} : { downwardAPI: { defaultMode: FILE_MODE, ...downwardAPI } }),
    ...(projected === undefined ? {} : { projected: { defaultMode: FILE_MODE, ...projected } }),
    ...(Object.keys(volume).length === 1 ? { emptyDir: {} } : {}),
  };
}

function emptyDirOf({
  sizeLimit,
  ...rest
}: NonNullable<Volume['emptyDir']>): NonNullable<Volume['emptyDir']> {
  return sizeLimit === undefined ? rest : { ...rest, ...canonical({ sizeLimit }) };
}
