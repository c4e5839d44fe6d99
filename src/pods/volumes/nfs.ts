/** nfs volumes, inline and persistent: pkg/volume/nfs/nfs.go. Pure. */
import { isIPv6 } from 'node:net';
import type { FileOp } from '../../hosts/link/link.ts';
import { joinMountOptions } from './mount-options.ts';

export interface NfsInput {
  readonly server: string;
  readonly exportPath: string;
  readonly readOnly: boolean;
  readonly mountOptions: readonly string[];
  /** where it is mounted; the folder above exists */
  readonly path: string;
}

export function nfsOps({ server, exportPath, readOnly, mountOptions, path }: NfsInput): FileOp[] {
  const host = isIPv6(server) ? `[${server}]` : server;
  return [
    // a mounted export is asked for nothing: its server may refuse root, or not answer
    { op: 'mkdir', path, mode: 0o750, keep: true },
    {
      op: 'mount',
      type: 'nfs',
      source: `${host}:${exportPath}`,
      path,
      options: joinMountOptions(mountOptions, readOnly ? ['ro'] : []),
    },
  ];
}
