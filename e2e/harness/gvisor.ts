/** What a test host needs to run gVisor's pods besides runc's. */
import { writeFileSync } from 'node:fs';

/**
 * More of containerd 2's configuration: the handler `gvisor`, and `kata`, whose virtual machines can't run on
 * test machines and whose shim isn't there.
 */
export const gvisorConfig = `[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.gvisor]
  runtime_type = 'io.containerd.runsc.v1'
  pod_annotations = ['dev.gvisor.*', 'io.katacontainers.*']
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.gvisor.options]
    TypeUrl = 'io.containerd.runsc.v1.options'
    ConfigPath = '/etc/containerd/runsc.toml'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.kata]
  runtime_type = 'io.containerd.kata.v2'
  privileged_without_host_devices = true
  pod_annotations = ['io.katacontainers.*']
`;

export const gvisorShimConfig = `[runsc_config]
platform = 'systrap'
ignore-cgroups = 'true'
`;

/**
 * Makes users of a new user namespace the same as outside. gVisor's shim lowers its own OOM score, which it
 * may not where CAP_SYS_RESOURCE is missing, and takes the refusal as fatal unless it is in a user namespace.
 */
export function mapUsers(pid: number): void {
  for (const kind of ['uid_map', 'gid_map']) writeFileSync(`/proc/${pid}/${kind}`, '0 0 65536\n');
}
