/** V1Pod → PodSandboxConfig: kuberuntime_sandbox.go. */
import { isIPv6 } from 'node:net';
import type { PodSandboxConfig } from '../../hosts/cri/generated/runtime/v1/PodSandboxConfig.ts';
import type { PortMapping } from '../../hosts/cri/generated/runtime/v1/PortMapping.ts';
import type { UserNamespace } from '../../hosts/cri/generated/runtime/v1/UserNamespace.ts';
import { FarletError } from '../../model/errors.ts';
import type { Container, ContainerPort, Pod } from '../../model/kube.ts';
import { labels, labelsForRuntime } from '../../model/labels.ts';
import { podLogDir, type HostPaths } from '../../model/paths.ts';
import { podRef, type PodRef } from '../../model/pod-ref.ts';
import { isStaticPod } from '../../model/pod-source.ts';
import { normalizeSysctl } from '../../model/sysctl-name.ts';
import type { DnsSettings } from './dns.ts';
import { kernelHostname, podHostname } from './hostname.ts';
import { overheadResources, sandboxResources } from './linux-resources.ts';
import { sandboxSecurityContext } from './security-context.ts';
import type { LinuxHost, RuntimeSettings } from './runtime-settings.ts';

export interface SandboxInput {
  readonly attempt: number;
  readonly dns: DnsSettings;
  readonly host: LinuxHost;
  readonly settings: RuntimeSettings;
  /** groups that the pod's volumes bring */
  readonly volumeGroups?: readonly number[];
  /** absent: the host's */
  readonly userNamespace?: UserNamespace;
  /** undefined: the runtime places the pod */
  readonly cgroupParent?: string | undefined;
}

/** Throws FarletError for what the pod asks for and can't be had. */
export function sandboxConfig(pod: Pod, input: SandboxInput): PodSandboxConfig {
  const { settings } = input;
  const ref = podRef(pod);
  const ports = pod.spec.containers.flatMap(portMappings);
  return {
    metadata: { ...ref, attempt: input.attempt },
    ...(pod.spec.hostNetwork === true
      ? {}
      : { hostname: kernelHostname(pod, podHostname(pod, settings.clusterDomain)) }),
    log_directory: logDirectory(settings.paths, ref),
    dns_config: {
      servers: [...input.dns.servers],
      searches: [...input.dns.searches],
      options: [...input.dns.options],
    },
    ...(ports.length === 0 ? {} : { port_mappings: ports }),
    labels: { ...labelsForRuntime(pod.metadata.labels), ...ownLabels(pod, settings) },
    annotations: { ...pod.metadata.annotations },
    linux: {
      ...(input.cgroupParent === undefined ? {} : { cgroup_parent: input.cgroupParent }),
      security_context: sandboxSecurityContext(pod, input),
      sysctls: sysctls(pod),
      overhead: overheadResources(pod, input),
      resources: sandboxResources(pod, input),
    },
  };
}

/** The kubelet makes the folder before the sandbox; of a pod with a very long name it can't be made. */
function logDirectory(paths: HostPaths, ref: PodRef): string {
  const folder = podLogDir(paths, ref);
  if (Buffer.byteLength(folder.slice(folder.lastIndexOf('/') + 1)) > maxFileName)
    throw new FarletError('invalid', `mkdir ${folder}: file name too long`);
  return folder;
}

/** Bytes, on every file system of Linux. */
const maxFileName = 255;

/** What tells whose a sandbox or container is. */
export function ownLabels(
  pod: Pod,
  settings: Pick<RuntimeSettings, 'node' | 'cluster' | 'staticOwner'>,
): Record<string, string> {
  return {
    [labels.podName]: pod.metadata.name,
    [labels.podNamespace]: pod.metadata.namespace,
    [labels.podUid]: pod.metadata.uid,
    [labels.node]: settings.node,
    [labels.cluster]: (isStaticPod(pod) ? settings.staticOwner : undefined) ?? settings.cluster,
  };
}

/** Declared ports, one per name or per address, protocol and numbers (kubelet: container/helpers.go). */
function portMappings(container: Container): PortMapping[] {
  const byName = new Map<string, ContainerPort>();
  for (const port of container.ports ?? []) {
    const name = port.name ?? '';
    const key = name === '' ? addressKey(port) : name;
    if (!byName.has(key)) byName.set(key, port);
  }
  return [...byName.values()].map((port) => ({
    protocol: port.protocol === 'UDP' || port.protocol === 'SCTP' ? port.protocol : 'TCP',
    container_port: port.containerPort,
    host_port: port.hostPort ?? 0,
    host_ip: port.hostIP ?? '',
  }));
}

function addressKey(port: ContainerPort): string {
  const ip = port.hostIP ?? '';
  const family = ip === '' ? 'any' : isIPv6(ip) ? 'v6' : 'v4';
  return `${family}-${port.protocol ?? 'TCP'}-${ip}:${port.containerPort}:${port.hostPort ?? 0}`;
}

/** With dots only, unless the first separator is one: then dots are part of names and slashes separate. */
function sysctls(pod: Pod): Record<string, string> {
  return Object.fromEntries(
    (pod.spec.securityContext?.sysctls ?? []).map(({ name, value }) => [normalizeSysctl(name), value]),
  );
}
