/**
 * Names of control groups as paths from the root of the hierarchy (pkg/kubelet/cm/cgroup_manager_linux.go,
 * pod_container_manager_linux.go). Pure.
 */
import type { CgroupDriver } from '../../hosts/cri/cgroup-driver.ts';
import type { Pod } from '../../model/kube.ts';
import { podQosClass, type QosClass } from '../../model/pod-qos.ts';

/** The parts of a name, from the top: ["kubepods", "burstable", "pod1234"]. */
export type CgroupName = readonly string[];

/**
 * Where all pods of a node are: `kubepods` below the configured root ("" and "/" are the hierarchy's own).
 */
export function nodeCgroup(cgroupRoot: string): CgroupName {
  return [...cgroupRoot.split('/').filter((part) => part !== ''), 'kubepods'];
}

export function qosCgroup(node: CgroupName, qos: QosClass): CgroupName {
  return qos === 'Guaranteed' ? node : [...node, qos.toLowerCase()];
}

export function podCgroup(node: CgroupName, pod: Pod): CgroupName {
  return [...qosCgroup(node, podQosClass(pod)), podCgroupPart(pod.metadata.uid)];
}

export function podCgroupPart(uid: string): string {
  return `pod${uid}`;
}

/**
 * The path, which is also what the runtime is told as cgroup_parent: `/kubepods/burstable/pod1-2`, or with
 * systemd `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice`.
 */
export function cgroupPath(name: CgroupName, driver: CgroupDriver): string {
  if (driver === 'cgroupfs') return `/${name.join('/')}`;
  const escaped = name.map((part) => part.replaceAll('-', '_'));
  return `/${escaped.map((_, index) => `${escaped.slice(0, index + 1).join('-')}.slice`).join('/')}`;
}

/** The pod's UID, if a folder in a class's group is a pod's group; undefined for any other. */
export function podOfFolder(folder: string, driver: CgroupDriver): string | undefined {
  const last =
    driver === 'cgroupfs' ? folder : (/([^-]+)\.slice$/.exec(folder)?.[1]?.replaceAll('_', '-') ?? '');
  const uid = /^pod(.+)$/.exec(last)?.[1];
  return uid;
}
