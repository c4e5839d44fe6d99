/** Builds the configuration of a pod's sandbox: generatePodSandboxConfig in kuberuntime_sandbox.go. */
import type { PodSandboxConfig } from '../../hosts/cri/generated/runtime/v1/PodSandboxConfig.ts';
import type { Pod } from '../../model/kube.ts';
import { podReference } from '../../model/pod-ref.ts';
import { podDns, type PodDns } from '../spec/dns.ts';
import { sandboxConfig } from '../spec/sandbox-config.ts';
import type { RuntimeSettings } from '../spec/runtime-settings.ts';
import { UserNamespaces } from '../spec/user-namespaces.ts';
import { volumeGroups } from '../spec/volume-groups.ts';
import type { PodRuntimeOptions } from './pod-runtime-options.ts';
import type { PodSyncInput } from './sync-input.ts';

export type SandboxConfigBuilderOptions = Pick<
  PodRuntimeOptions,
  | 'host'
  | 'hostDns'
  | 'settings'
  | 'linuxHost'
  | 'node'
  | 'nodeReference'
  | 'cgroupParent'
  | 'cpus'
  | 'events'
>;

export class SandboxConfigBuilder {
  readonly #options: SandboxConfigBuilderOptions;
  readonly #userNamespaces: UserNamespaces;

  constructor(options: SandboxConfigBuilderOptions) {
    this.#options = options;
    this.#userNamespaces = new UserNamespaces({
      files: options.host.link.files,
      paths: options.settings.paths,
      runtime: () => options.host.runtime(),
    });
  }

  /** Emits events about DNS settings that had to be cut. Rejects with the text that users are to see. */
  async build(
    { pod, actions, volumes, runtimeHandler }: PodSyncInput,
    { signal }: { signal: AbortSignal },
  ): Promise<PodSandboxConfig> {
    const { settings, hostDns, linuxHost, node } = this.#options;
    const { clusterDNS, clusterDomain } = settings;
    const host = await hostDns({ signal });
    const dns = podDns(pod, { clusterDNS, clusterDomain, host, hostIPs: node().ips });
    this.#warn(pod, dns);
    return sandboxConfig(pod, {
      attempt: actions.attempt,
      dns,
      host: linuxHost(),
      settings: this.#settings(pod),
      cgroupParent: this.#options.cgroupParent?.(pod),
      volumeGroups: volumeGroups(pod, volumes),
      userNamespace: await this.#userNamespaces.of(pod, runtimeHandler, { signal }),
    });
  }

  /** A pod with CPUs of its own may use them to the full. */
  #settings(pod: Pod): RuntimeSettings {
    const { settings, cpus } = this.#options;
    return cpus?.hasExclusive(pod) === true ? { ...settings, cpuCFSQuota: false } : settings;
  }

  #warn(pod: Pod, dns: PodDns): void {
    for (const { about, reason, message } of dns.warnings) {
      const object = about === 'pod' ? podReference(pod) : this.#options.nodeReference;
      this.#options.events.event(object, reason, message);
    }
  }
}
