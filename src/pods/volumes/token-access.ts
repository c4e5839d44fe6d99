/**
 * Who may read a service account's token: pkg/volume/projected/projected.go, FsUserFrom in
 * pkg/volume/util/util.go. Pure.
 */
import { podContainers } from '../../model/containers.ts';
import type { Pod } from '../../model/kube.ts';

/** The one user that all containers of every kind run as; undefined where one names none, or they differ. */
export function commonUser(pod: Pod): number | undefined {
  const users = new Set(
    podContainers(pod).map(
      ({ spec }) => spec.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser,
    ),
  );
  const [user] = users;
  return users.size === 1 ? user : undefined;
}

/** Owner and mode of a token's file; the pod's fsGroup may read it as well, which the writer sees to. */
export function tokenAccess(pod: Pod, defaultMode: number): { mode: number; uid?: number } {
  const uid = commonUser(pod);
  const isPrivate = uid !== undefined || pod.spec.securityContext?.fsGroup !== undefined;
  return { mode: isPrivate ? 0o600 : defaultMode, ...(uid === undefined ? {} : { uid }) };
}
