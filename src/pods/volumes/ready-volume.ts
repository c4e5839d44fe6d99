import type { WrittenVersion } from './atomic-writer.ts';

/** A volume as containers get it. */
export interface MountedVolume {
  /** "" for an image, which the runtime mounts itself */
  readonly hostPath: string;
  /** whatever a mount asks */
  readonly readOnly: boolean;
  /** made by farlet, so that its SELinux label may be changed */
  readonly managed: boolean;
  /** not farlet's own: who serves it may fall silent */
  readonly mayHang?: boolean;
  /** the PersistentVolume's name, else the pod's name for it: as in paths on the host */
  readonly specName: string;
  /** hostPath is a block device, for volumeDevices only */
  readonly isDevice: boolean;
  /** a group that everybody who uses the volume gets (annotation of a PersistentVolume) */
  readonly gid: number | undefined;
}

/** What is known of a volume that is ready. */
export interface ReadyVolume {
  readonly mounted: MountedVolume;
  /** what farlet wrote into it, and a digest of that */
  readonly written: { readonly version: WrittenVersion; readonly digest: string } | undefined;
  /** ms since the epoch: a token in it is to be renewed then */
  readonly renewAt: number | undefined;
}
