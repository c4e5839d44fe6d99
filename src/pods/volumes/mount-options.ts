import type { PersistentVolume } from '../../model/kube.ts';

const ANNOTATION = 'volume.beta.kubernetes.io/mount-options';

/** Each once, sorted (pkg/volume/util JoinMountOptions). */
export function joinMountOptions(user: readonly string[], system: readonly string[]): string[] {
  return [...new Set([...user.filter((option) => option !== ''), ...system])].sort();
}

/** A PersistentVolume's own; the annotation of old goes before the field. */
export function persistentMountOptions({ metadata, spec }: PersistentVolume): string[] {
  const annotated = metadata?.annotations?.[ANNOTATION];
  return annotated === undefined ? [...(spec?.mountOptions ?? [])] : annotated.split(',');
}
