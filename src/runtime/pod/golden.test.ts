/**
 * The requests farlet would make for the recorded pods, against those a real kubelet made. Whatever differs
 * is named in `allowed`, with the reason.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { FarletError } from '../../model/errors.ts';
import type { ConfigMap, Container, Pod, Secret, Service } from '../../model/kube.ts';
import { annotations, labels } from '../../model/labels.ts';
import { etcHostsPath, type HostPaths } from '../../model/paths.ts';
import { linuxHost, runtimeSettings } from '../../testing/fixtures.ts';
import { containerConfig } from '../spec/container-config.ts';
import { podDns } from '../spec/dns.ts';
import { containerEnv, type EnvSources } from '../spec/env.ts';
import type { Fetched } from '../spec/env-entry.ts';
import { containerMounts, type VolumeSource } from '../spec/mounts.ts';
import { sandboxConfig } from '../spec/sandbox-config.ts';

const folder = new URL('../../../e2e/golden/', import.meta.url);

/** Differences that are meant: path below `config` → reason. */
const allowed: Readonly<Record<string, string>> = {
  [`labels.${labels.node}`]: 'tells whose the sandbox is: several virtual nodes may share a host',
  [`labels.${labels.cluster}`]: 'tells whose the sandbox is: several clusters may share a host',
};

interface RecordedObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: object;
  readonly stringData?: object;
}

interface Recording {
  readonly pod: Pod;
  readonly objects?: readonly RecordedObject[];
  readonly later?: readonly {
    object?: RecordedObject;
    patch?: { sub?: string; body: { spec?: Partial<Pod['spec']> } };
  }[];
  readonly cri?: readonly { call: string; request: { config: Record<string, unknown> } }[];
}

const paths: HostPaths = {
  rootDir: '<rootDir>',
  podLogsDir: '/var/log/pods',
  containerLogsDir: '/var/log/containers',
};
const settings = runtimeSettings({ paths });
const host = linuxHost({
  memoryCapacityBytes: 30 * 2 ** 30,
  hugePageSizes: ['2MB', '1GB'],
  cgroupVersion: 1,
  swapController: true,
});
const podIP = '10.44.0.7';
const dnsInput = {
  clusterDNS: settings.clusterDNS,
  clusterDomain: settings.clusterDomain,
  host: { servers: ['192.0.2.53'], searches: [], options: [] },
  hostIPs: ['<hostIP>'],
};
const tokenVolume = 'kube-api-access-<x>';

const recordings = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => ({
    name: file.replace('.yaml', ''),
    recording: parse(readFileSync(new URL(file, folder), 'utf8'), {
      // the recorder's YAML has no exponents: 451820e0 is a hash
      customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !tag.tag.endsWith(':float')),
    }) as Recording,
  }));

describe('requests of the recorded pods', () => {
  for (const { name, recording } of recordings) {
    const calls = recording.cri ?? [];
    if (calls.length === 0) continue;
    it(`are the kubelet's: ${name}`, () => {
      const first = defaulted(recording.pod, name);
      for (const [position, { call, request }] of calls.entries()) {
        const before = calls.slice(0, position);
        if (call === 'RunPodSandbox') compare(request.config, sandbox(first), {});
        if (call === 'CreateContainer')
          compare(request.config, container(first, { recording, config: request.config, before }), allowed);
      }
    });
  }

  it('found the recordings', () => {
    assert.ok(recordings.filter(({ recording }) => (recording.cri ?? []).length > 0).length > 30);
  });
});

function sandbox(pod: Pod): object {
  return sandboxConfig(pod, { attempt: 0, dns: podDns(pod, dnsInput), host, settings });
}

function container(
  first: Pod,
  {
    recording,
    config,
    before,
  }: {
    recording: Recording;
    config: Record<string, unknown>;
    before: NonNullable<Recording['cri']>;
  },
): object {
  const { name, attempt } = config.metadata as { name: string; attempt?: number };
  const pod = before.some(({ call }) => call === 'CreateContainer') ? patched(first, recording) : first;
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const ephemeral = pod.spec.ephemeralContainers?.find((each) => each.name === name);
  const spec: Container | undefined = ephemeral ?? all.find((each) => each.name === name);
  assert.ok(spec !== undefined, name);
  const env = containerEnv(pod, spec, envSources(pod, recording));
  return containerConfig(pod, spec, {
    attempt: attempt ?? 0,
    imageRef: 'sha256:<id>',
    user: { uid: 0 },
    env,
    mounts: containerMounts(spec, {
      volumes: volumes(pod),
      imageVolumes: new Map(),
      env,
      subPaths: new Map(
        [[4, '<rootDir>/pods/<uid>/volume-subpaths/e/c/4']].filter(
          ([index]) => spec.volumeMounts?.[Number(index)]?.subPath !== undefined,
        ) as [number, string][],
      ),
      hostsFile: etcHostsPath(paths, '<uid>'),
      terminationLog: `<rootDir>/pods/<uid>/containers/${name}/<x>`,
      recursiveReadOnly: false,
      selinux: false,
    }),
    targetId: ephemeral?.targetContainerName === undefined ? undefined : '<id>',
    host,
    settings,
  });
}

/** What the patches of the recording made of the pod. */
function patched(pod: Pod, recording: Recording): Pod {
  const changed = structuredClone(pod);
  for (const { patch } of recording.later ?? []) {
    const spec = patch?.body.spec ?? {};
    for (const ephemeral of spec.ephemeralContainers ?? [])
      changed.spec.ephemeralContainers = [
        // the token volume is not added to containers that come later
        { ...withDefaults(ephemeral), ...ephemeral, volumeMounts: [] },
      ];
    for (const change of spec.containers ?? [])
      Object.assign(changed.spec.containers.find(({ name }) => name === change.name) ?? {}, change);
  }
  return changed;
}

/** What the API server fills in. */
function defaulted(recorded: Pod, name: string): Pod {
  const pod = structuredClone(recorded);
  pod.metadata.uid = '<uid>';
  pod.metadata.namespace = `golden-${name}`;
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    [annotations.configSource]: 'api',
    [annotations.configSeen]: '<time>',
  };
  pod.spec.nodeName = '<node>';
  pod.spec.dnsPolicy ??= 'ClusterFirst';
  pod.spec.securityContext ??= {};
  pod.spec.enableServiceLinks ??= true;
  pod.spec.terminationGracePeriodSeconds ??= 30;
  pod.spec.containers = pod.spec.containers.map(withDefaults);
  if (pod.spec.initContainers !== undefined)
    pod.spec.initContainers = pod.spec.initContainers.map(withDefaults);
  pod.spec.volumes = [...(pod.spec.volumes ?? []), { name: tokenVolume, projected: {} }];
  return pod;
}

function withDefaults(spec: Container): Container {
  const limits = spec.resources?.limits;
  return {
    ...spec,
    terminationMessagePath: spec.terminationMessagePath ?? '/dev/termination-log',
    terminationMessagePolicy: spec.terminationMessagePolicy ?? 'File',
    ...(spec.ports === undefined
      ? {}
      : { ports: spec.ports.map((port) => ({ ...port, protocol: port.protocol ?? 'TCP' })) }),
    ...(limits === undefined
      ? {}
      : { resources: { ...spec.resources, requests: { ...limits, ...spec.resources?.requests } } }),
    volumeMounts: [
      ...(spec.volumeMounts ?? []),
      { name: tokenVolume, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true },
    ],
  };
}

function volumes(pod: Pod): Map<string, VolumeSource> {
  const plugins = {
    emptyDir: 'empty-dir',
    configMap: 'configmap',
    secret: 'secret',
    projected: 'projected',
    downwardAPI: 'downward-api',
  } as const;
  return new Map(
    (pod.spec.volumes ?? []).map((volume): [string, VolumeSource] => {
      const kind = (Object.keys(plugins) as (keyof typeof plugins)[]).find(
        (key) => volume[key] !== undefined,
      );
      const hostPath =
        kind === undefined
          ? (volume.hostPath?.path ?? '')
          : `<rootDir>/pods/<uid>/volumes/kubernetes.io~${plugins[kind]}/${volume.name}`;
      return [volume.name, { hostPath, readOnly: kind !== undefined && kind !== 'emptyDir' }];
    }),
  );
}

function envSources(pod: Pod, recording: Recording): EnvSources {
  const configMaps = new Map<string, Fetched<ConfigMap>>();
  const secrets = new Map<string, Fetched<Secret>>();
  const services: Service[] = [
    service('default', 'kubernetes', '10.96.0.1', [{ name: 'https', port: 443, protocol: 'TCP' }]),
  ];
  for (const object of objectsOf(recording)) {
    const data = { ...object.data, ...object.stringData } as Record<string, string>;
    if (object.kind === 'ConfigMap') configMaps.set(object.metadata.name, { value: { data } });
    if (object.kind === 'Secret')
      secrets.set(object.metadata.name, {
        value: { data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, btoa(text)])) },
      });
    if (object.kind === 'Service') {
      const { spec } = object as { spec?: { ports?: { name: string; port: number }[] } };
      services.push(service(pod.metadata.namespace, object.metadata.name, '<serviceIP>', spec?.ports ?? []));
    }
  }
  configMaps.set('none', { error: new FarletError('not-found', 'configmap "none" not found') });
  return {
    services,
    kubernetesService: undefined,
    configMaps,
    secrets,
    podIPs: [podIP],
    hostIPs: ['<hostIP>'],
    allocatable: { cpu: '2', memory: '30Gi' },
  };
}

function objectsOf(recording: Recording): readonly RecordedObject[] {
  const later = (recording.later ?? []).flatMap((step) => step.object ?? []);
  return [...(recording.objects ?? []), ...later];
}

function service(
  namespace: string,
  name: string,
  clusterIP: string,
  ports: { name: string; port: number; protocol?: string }[],
): Service {
  return { metadata: { name, namespace }, spec: { clusterIP, ports } };
}

function compare(recorded: object, made: object, differences: Readonly<Record<string, string>>): void {
  const plain = onWire(made) as Record<string, Record<string, unknown>>;
  for (const path of Object.keys({ ...allowed, ...differences })) {
    const [field = '', ...rest] = path.split('.');
    const key = rest.join('.');
    assert.ok(plain[field] !== undefined && key in plain[field], `${path} is there`);
    Reflect.deleteProperty(plain[field], key);
  }
  assert.deepEqual(sorted(plain), sorted(onWire(recorded)));
}

const zeroes = new Set(['POD', 'TCP', 'RuntimeDefault', 'PROPAGATION_PRIVATE', 'Merge']);

/** As the recordings are written: no zero values, numbers as text. A message stays, even if it is empty. */
function onWire(value: unknown, depth = 0): unknown {
  if (Buffer.isBuffer(value)) return value.toString().replaceAll(podIP, '<podIP>');
  if (Array.isArray(value)) return value.map((each) => onWire(each, depth + 1));
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, each]) => !isZero(key, each))
      .map(([key, each]) => [key, onWire(each, depth + 1)]),
  );
}

function isZero(key: string, value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (value === undefined || value === false || value === '' || value === 0) return true;
  if (key === 'sysctls' || key === 'unified') return Object.keys(value as object).length === 0;
  return typeof value === 'string' && zeroes.has(value) && !['name', 'key', 'value'].includes(key);
}

function sorted(config: unknown): unknown {
  const { envs, ...rest } = config as { envs?: { key: string }[] };
  return { ...rest, ...(envs && { envs: envs.toSorted((a, b) => (a.key < b.key ? -1 : 1)) }) };
}
