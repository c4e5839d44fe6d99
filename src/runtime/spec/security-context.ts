/**
 * Who a container runs as and what it may do: kuberuntime/security_context*.go, kuberuntime/helpers.go,
 * pkg/securitycontext/util.go. What is set in the container goes before what is set in the pod. A field that
 * can't be honoured is an error, never left out.
 */
import type { LinuxContainerSecurityContext } from '../../hosts/cri/generated/runtime/v1/LinuxContainerSecurityContext.ts';
import type { LinuxSandboxSecurityContext } from '../../hosts/cri/generated/runtime/v1/LinuxSandboxSecurityContext.ts';
import type { NamespaceOption } from '../../hosts/cri/generated/runtime/v1/NamespaceOption.ts';
import type { UserNamespace } from '../../hosts/cri/generated/runtime/v1/UserNamespace.ts';
import type { SecurityProfile } from '../../hosts/cri/generated/runtime/v1/SecurityProfile.ts';
import { podContainers } from '../../model/containers.ts';
import { FarletError } from '../../model/errors.ts';
import { goQuote } from '../../model/go-quote.ts';
import type { Container, Pod, SecurityContext } from '../../model/kube.ts';
import { formatPod, podRef } from '../../model/pod-ref.ts';
import type { LinuxHost, RuntimeSettings } from './runtime-settings.ts';

/** The user an image names: a number, a name, or neither (root). */
export type ImageUser = { readonly uid: number } | { readonly username: string };

export interface ContainerSecurityInput {
  readonly user: ImageUser;
  /** id of the container whose process namespace an ephemeral container joins */
  readonly targetId: string | undefined;
  /** groups that the pod's volumes bring */
  readonly volumeGroups?: readonly number[];
  /** absent: the host's */
  readonly userNamespace?: UserNamespace | undefined;
  readonly host: Pick<LinuxHost, 'thermalThrottleCpus'>;
  readonly settings: Pick<RuntimeSettings, 'seccompDefault' | 'paths'>;
}

const maskedPaths = [
  ...['asound', 'acpi', 'interrupts', 'kcore', 'keys', 'latency_stats'].map((name) => `/proc/${name}`),
  ...['timer_list', 'timer_stats', 'sched_debug', 'scsi'].map((name) => `/proc/${name}`),
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const readonlyPaths = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'].map((name) => `/proc/${name}`);

/** Throws FarletError `unimplemented` for a pod that wants a user namespace and was given none. */
export function sandboxSecurityContext(
  pod: Pod,
  { volumeGroups = [], userNamespace }: Pick<ContainerSecurityInput, 'volumeGroups' | 'userNamespace'> = {},
): LinuxSandboxSecurityContext {
  const own: LinuxSandboxSecurityContext = {
    privileged: podContainers(pod).some(({ spec }) => spec.securityContext?.privileged === true),
    // the sandbox's own process needs no more, whatever the containers are given
    seccomp: { profile_type: 'RuntimeDefault' },
  };
  const podContext = pod.spec.securityContext;
  if (podContext === undefined) return own;
  return {
    ...own,
    namespace_options: namespaceOptions(pod, { userNamespace }),
    ...(podContext.runAsUser === undefined ? {} : { run_as_user: { value: podContext.runAsUser } }),
    ...(podContext.runAsGroup === undefined ? {} : { run_as_group: { value: podContext.runAsGroup } }),
    ...supplementalGroups(pod, volumeGroups),
    ...(podContext.seLinuxOptions === undefined ? {} : { selinux_options: podContext.seLinuxOptions }),
  };
}

/** Throws FarletError `invalid` for profiles that name nothing, `unimplemented` for user namespaces. */
export function containerSecurityContext(
  pod: Pod,
  container: Container,
  input: ContainerSecurityInput,
): LinuxContainerSecurityContext {
  const effective = effectiveSecurityContext(pod, container);
  const unmasked = effective.procMount === 'Unmasked';
  const apparmor = appArmor(pod, container);
  return {
    ...(effective.capabilities === undefined
      ? {}
      : {
          capabilities: {
            add_capabilities: effective.capabilities.add ?? [],
            drop_capabilities: effective.capabilities.drop ?? [],
          },
        }),
    privileged: effective.privileged ?? false,
    namespace_options: namespaceOptions(pod, input),
    ...(effective.seLinuxOptions === undefined ? {} : { selinux_options: effective.seLinuxOptions }),
    ...runAs(effective, input.user),
    ...(effective.runAsGroup === undefined ? {} : { run_as_group: { value: effective.runAsGroup } }),
    readonly_rootfs: effective.readOnlyRootFilesystem ?? false,
    ...supplementalGroups(pod, input.volumeGroups ?? []),
    no_new_privs: effective.allowPrivilegeEscalation === false,
    masked_paths: unmasked ? [] : allMaskedPaths(input.host),
    readonly_paths: unmasked ? [] : readonlyPaths,
    seccomp: seccomp(pod, container, input.settings),
    ...apparmor,
  };
}

/** Throws FarletError `forbidden` if runAsNonRoot is asked for and not certain. */
export function verifyRunAsNonRoot(pod: Pod, container: Container, user: ImageUser): void {
  const effective = effectiveSecurityContext(pod, container);
  if (effective.runAsNonRoot !== true) return;
  const where = `(pod: ${goQuote(formatPod(podRef(pod)))}, container: ${container.name})`;
  if (effective.runAsUser !== undefined) {
    if (effective.runAsUser !== 0) return;
    throw new FarletError('forbidden', `container's runAsUser breaks non-root policy ${where}`);
  }
  if ('username' in user)
    throw new FarletError(
      'forbidden',
      `container has runAsNonRoot and image has non-numeric user (${user.username}), cannot verify user is non-root ${where}`,
    );
  if (user.uid === 0)
    throw new FarletError('forbidden', `container has runAsNonRoot and image will run as root ${where}`);
}

/** Throws FarletError `unimplemented` for a pod that wants a user namespace and was given none. */
export function namespaceOptions(
  pod: Pod,
  {
    targetId,
    userNamespace = { mode: 'NODE' },
  }: Partial<Pick<ContainerSecurityInput, 'targetId' | 'userNamespace'>>,
): NamespaceOption {
  if (pod.spec.hostUsers === false && userNamespace.mode !== 'POD')
    throw new FarletError(
      'unimplemented',
      "can't set `spec.hostUsers: false`: the pod has no user namespace",
    );
  const pid =
    pod.spec.hostPID === true ? 'NODE' : pod.spec.shareProcessNamespace === true ? 'POD' : 'CONTAINER';
  return {
    network: pod.spec.hostNetwork === true ? 'NODE' : 'POD',
    ipc: pod.spec.hostIPC === true ? 'NODE' : 'POD',
    ...(targetId !== undefined && pid === 'CONTAINER' ? { pid: 'TARGET', target_id: targetId } : { pid }),
    userns_options: userNamespace,
  };
}

function effectiveSecurityContext(pod: Pod, container: Container): SecurityContext {
  const podContext = pod.spec.securityContext;
  return {
    ...(podContext?.runAsUser === undefined ? {} : { runAsUser: podContext.runAsUser }),
    ...(podContext?.runAsGroup === undefined ? {} : { runAsGroup: podContext.runAsGroup }),
    ...(podContext?.runAsNonRoot === undefined ? {} : { runAsNonRoot: podContext.runAsNonRoot }),
    ...(podContext?.seLinuxOptions === undefined ? {} : { seLinuxOptions: podContext.seLinuxOptions }),
    ...container.securityContext,
  };
}

function runAs(
  effective: SecurityContext,
  user: ImageUser,
): Pick<LinuxContainerSecurityContext, 'run_as_user' | 'run_as_username'> {
  if (effective.runAsUser !== undefined) return { run_as_user: { value: effective.runAsUser } };
  return 'uid' in user ? { run_as_user: { value: user.uid } } : { run_as_username: user.username };
}

function supplementalGroups(
  pod: Pod,
  ofVolumes: readonly number[],
): Pick<LinuxContainerSecurityContext, 'supplemental_groups' | 'supplemental_groups_policy'> {
  const podContext = pod.spec.securityContext;
  const groups = [
    ...(podContext?.fsGroup === undefined ? [] : [podContext.fsGroup]),
    ...(podContext?.supplementalGroups ?? []),
    ...ofVolumes,
  ];
  return {
    supplemental_groups: groups,
    ...(podContext?.supplementalGroupsPolicy === undefined
      ? {}
      : { supplemental_groups_policy: groupsPolicy(podContext.supplementalGroupsPolicy) }),
  };
}

function groupsPolicy(policy: string): 'Merge' | 'Strict' {
  if (policy === 'Merge' || policy === 'Strict') return policy;
  throw new FarletError('invalid', `unsupported supplementalGroupsPolicy: ${policy}`);
}

function allMaskedPaths(host: Pick<LinuxHost, 'thermalThrottleCpus'>): string[] {
  return [
    ...maskedPaths,
    ...host.thermalThrottleCpus.map((cpu) => `/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`),
  ];
}

function seccomp(
  pod: Pod,
  container: Container,
  settings: Pick<RuntimeSettings, 'seccompDefault' | 'paths'>,
): SecurityProfile {
  const profile = container.securityContext?.seccompProfile ?? pod.spec.securityContext?.seccompProfile;
  if (profile === undefined)
    return { profile_type: settings.seccompDefault ? 'RuntimeDefault' : 'Unconfined' };
  switch (profile.type) {
    case 'RuntimeDefault':
    case 'Unconfined':
      return { profile_type: profile.type };
    case 'Localhost':
      if (profile.localhostProfile === undefined || profile.localhostProfile === '')
        throw new FarletError('invalid', 'localhostProfile must be set if seccompProfile type is Localhost.');
      return {
        profile_type: 'Localhost',
        localhost_ref: `${settings.paths.rootDir}/seccomp/${profile.localhostProfile}`,
      };
    default:
      throw new FarletError('invalid', `unknown seccomp profile type: ${goQuote(profile.type)}`);
  }
}

/** The profile in CRI's present form and in the one that older runtimes read. */
function appArmor(
  pod: Pod,
  container: Container,
): Pick<LinuxContainerSecurityContext, 'apparmor' | 'apparmor_profile'> | undefined {
  const profile = container.securityContext?.appArmorProfile ?? pod.spec.securityContext?.appArmorProfile;
  if (profile === undefined) return undefined;
  switch (profile.type) {
    case 'RuntimeDefault':
      return { apparmor: { profile_type: 'RuntimeDefault' }, apparmor_profile: 'runtime/default' };
    case 'Unconfined':
      return { apparmor: { profile_type: 'Unconfined' }, apparmor_profile: 'unconfined' };
    case 'Localhost':
      if (profile.localhostProfile === undefined)
        throw new FarletError('invalid', 'missing localhost apparmor profile name');
      return {
        apparmor: { profile_type: 'Localhost', localhost_ref: profile.localhostProfile },
        apparmor_profile: `localhost/${profile.localhostProfile}`,
      };
    default:
      throw new FarletError('invalid', `unknown apparmor profile type: ${goQuote(profile.type)}`);
  }
}
