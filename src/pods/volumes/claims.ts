/**
 * From a pod's claim to the PersistentVolume behind it, with the texts of
 * pkg/kubelet/volumemanager/populator/desired_state_of_world_populator.go.
 */
import { FarletError, messageOf } from '../../model/errors.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '../../model/kube.ts';
import type { VolumeSources } from './sources.ts';

export interface BoundVolume {
  readonly volume: PersistentVolume;
  /** as the pod's volume asks */
  readonly readOnly: boolean;
}

export interface ClaimUse {
  readonly pod: Pod;
  readonly volume: Volume;
  /** some container has it among its volumeMounts */
  readonly mounted: boolean;
  /** some container has it among its volumeDevices */
  readonly mapped: boolean;
}

const PROTECTION = 'kubernetes.io/pvc-protection';

/** The claim that a pod's volume names or owns; undefined for a volume that is none. */
export function claimName(pod: Pod, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim !== undefined) return volume.persistentVolumeClaim.claimName;
  return volume.ephemeral === undefined ? undefined : `${pod.metadata.name}-${volume.name}`;
}

/** Asks the API server for both objects. Rejects with what holds the pod up. */
export async function resolveClaim(
  use: ClaimUse,
  { sources, signal }: { sources: Pick<VolumeSources, 'claim' | 'persistentVolume'>; signal: AbortSignal },
): Promise<BoundVolume> {
  const { pod, volume } = use;
  const { namespace } = pod.metadata;
  const name = claimName(pod, volume) ?? '';
  const within = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      throw new FarletError('unavailable', `error processing PVC ${namespace}/${name}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  };
  const claim = await within(async () => {
    const found = await wrapped('failed to fetch PVC from API server', () =>
      sources.claim(namespace, name, { signal }),
    );
    checkClaim(found);
    return found;
  });
  if (volume.ephemeral !== undefined) checkOwner(claim, { pod, name });
  const volumeName = claim.spec?.volumeName ?? '';
  const found = await within(async () => {
    const persistent = await wrapped(`failed to fetch PV ${volumeName} from API server`, () =>
      sources.persistentVolume(volumeName, { signal }),
    );
    checkBinding(persistent, { name: volumeName, claim });
    return persistent;
  });
  checkMode(found, use);
  return { volume: found, readOnly: volume.persistentVolumeClaim?.readOnly ?? false };
}

async function wrapped<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new FarletError('unavailable', `${what}: ${messageOf(error)}`, { cause: error });
  }
}

/** getPVCExtractPV. Pure; throws FarletError `conflict`. */
export function checkClaim({ metadata, spec, status }: PersistentVolumeClaim): void {
  const isProtected = metadata?.finalizers?.includes(PROTECTION) === true;
  if (metadata?.deletionTimestamp !== undefined && !isProtected)
    throw new FarletError('conflict', 'PVC is being deleted');
  if (status?.phase !== 'Bound') throw new FarletError('conflict', 'PVC is not bound');
  if ((spec?.volumeName ?? '') === '') throw new FarletError('conflict', 'PVC has empty pvc.Spec.VolumeName');
}

/** getPVSpec. Pure; throws FarletError `conflict`. */
export function checkBinding(
  { spec }: PersistentVolume,
  { name, claim }: { name: string; claim: PersistentVolumeClaim },
): void {
  if (spec?.claimRef === undefined)
    throw new FarletError(
      'conflict',
      `found PV object ${name} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`,
    );
  const { uid = '' } = spec.claimRef;
  const wanted = claim.metadata?.uid ?? '';
  if (uid !== wanted)
    throw new FarletError(
      'conflict',
      `found PV object ${name} but its pv.Spec.ClaimRef.UID ${uid} does not point to claim.UID ${wanted}`,
    );
}

/** component-helpers/storage/ephemeral VolumeIsForPod. Pure; throws FarletError `conflict`. */
export function checkOwner(claim: PersistentVolumeClaim, { pod, name }: { pod: Pod; name: string }): void {
  const { namespace, uid } = pod.metadata;
  const owner = claim.metadata?.ownerReferences?.find(({ controller }) => controller === true);
  if (owner?.uid === uid) return;
  throw new FarletError(
    'conflict',
    `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`,
  );
}

/** Pure; throws FarletError `invalid` for a volume used as what it is not. */
export function checkMode({ spec }: PersistentVolume, { volume, mounted, mapped }: ClaimUse): void {
  const mode = spec?.volumeMode ?? 'Filesystem';
  const wrong = (where: string): FarletError =>
    new FarletError('invalid', `volume ${volume.name} has volumeMode ${mode}, but is specified in ${where}`);
  if (mounted && mode !== 'Filesystem') throw wrong('volumeMounts');
  if (mapped && mode !== 'Block') throw wrong('volumeDevices');
}
