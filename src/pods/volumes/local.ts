/** local PersistentVolumes: folders and block devices of the host (pkg/volume/local/local.go). Pure. */
import type { FileInfo, FileOp, MountEntry } from '../../hosts/link/link.ts';
import { FarletError } from '../../model/errors.ts';
import { goQuote } from '../../model/go-quote.ts';
import type { Pod } from '../../model/kube.ts';
import { mountContent } from './mount-content.ts';
import { MountStepError } from './mount-step-error.ts';

export interface LocalInput {
  readonly pod: Pod;
  /** the folder on the host */
  readonly source: string;
  /** where it is bound; the folder above exists */
  readonly path: string;
  readonly readOnly: boolean;
  readonly mountOptions: readonly string[];
  /** another pod of this node uses the volume now */
  readonly isShared: boolean;
}

/** Throws for what a local volume can't be, at the step at which the kubelet does. */
export function checkLocalSource(source: string, found: FileInfo | undefined): void {
  if (source.split('/').includes('..'))
    throw new FarletError('invalid', `invalid path: ${source} must not contain '..'`);
  if (found === undefined) throw refusal('not-found', `path ${goQuote(source)} does not exist`);
  if (found.type === 'block-device')
    throw refusal(
      'unimplemented',
      `${source} is a block device: farlet neither formats nor mounts devices; mount it on the host and give the folder as local.path, or use volumeMode Block`,
    );
  if (found.type !== 'directory') throw refusal('invalid', 'only directory and block device are supported');
}

function refusal(kind: 'not-found' | 'invalid' | 'unimplemented', message: string): MountStepError {
  return new MountStepError(kind, 'MountVolume.NewMounter initialization failed', message);
}

/** Binds the folder; the first pod that uses it, unless read-only, gives it to its fsGroup. */
export function localOps(input: LocalInput): {
  readonly bind: readonly FileOp[];
  readonly own: readonly FileOp[];
} {
  const { pod, source, path, readOnly, mountOptions, isShared } = input;
  const options = [...(readOnly ? ['ro'] : []), ...mountOptions];
  const { fsGroup: gid, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
  return {
    bind: [{ op: 'bind', source, path, options }],
    own:
      gid === undefined || readOnly || isShared
        ? []
        : [
            {
              op: 'own-tree',
              path,
              gid,
              readOnly: false,
              onlyOnRootMismatch: fsGroupChangePolicy === 'OnRootMismatch',
            },
          ],
  };
}

/**
 * Whether a folder's very content is mounted in some pod's folder already. `realSource` is the folder with
 * its links resolved.
 */
export function isMountedInPods(
  mounts: readonly MountEntry[],
  { realSource, podsDir, but }: { realSource: string; podsDir: string; but: string },
): boolean {
  const content = mountContent(mounts, realSource);
  return (
    content !== undefined &&
    mounts.some(
      ({ path, device, root }) =>
        path.startsWith(`${podsDir}/`) && path !== but && device === content.device && root === content.root,
    )
  );
}
