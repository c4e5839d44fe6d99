/**
 * Every FileOp on a far host: how it becomes steps, and what the program does for a step. The one table to extend for a
 * new FileOp. Shell text is fixed; what varies comes in as "$1", "$2", … (see remote-program.ts for run, fail, take).
 */
import type { FileOp } from './link.ts';
import { mountinfoPath, type RemoteStep } from './remote-encoding.ts';

interface RemoteOp<Op extends FileOp> {
  steps(op: Op): RemoteStep[];
  /** functions of the program, by verb */
  readonly shell: Readonly<Record<string, string>>;
}

type RemoteOps = { readonly [Name in FileOp['op']]: RemoteOp<Extract<FileOp, { op: Name }>> };

/** A block is read whole before it is written, so that a failed write leaves nothing unread. */
const BLOCK_BYTES = 512 * 1024;

export const remoteOps: RemoteOps = {
  mkdir: {
    steps: ({ path, mode, uid, gid }) => [{ verb: 'mkdir', args: [path, octal(mode), uid, gid] }],
    shell: {
      mkdir: `[ -e "$1" ] || [ -L "$1" ] || run mkdir -p "$1" || return; own "$1" "$3" "$4" && run chmod "$2" "$1"`,
    },
  },
  write: {
    steps: ({ path, mode, uid, gid, data }) => {
      const blocks = [data.subarray(0, BLOCK_BYTES)];
      for (let at = BLOCK_BYTES; at < data.length; at += BLOCK_BYTES)
        blocks.push(data.subarray(at, at + BLOCK_BYTES));
      return [
        { verb: 'create', args: [path] },
        ...blocks
          .filter(({ length }) => length > 0)
          .map((block): RemoteStep => ({ verb: 'append', args: [path], data: block })),
        { verb: 'seal', args: [path, octal(mode), uid, gid] },
      ];
    },
    shell: {
      // not readable to others while its mode is not set; the same inode is kept, which a container may have mounted
      create: `e=$( (umask 077; : >"$1") 2>&1) || fail - "$e"`,
      append: `e=$(take "$N" 2>&1 >>"$1") && N=0 || { N=0; fail - "$e"; }`,
      seal: `own "$1" "$3" "$4" && run chmod "$2" "$1"`,
    },
  },
  symlink: {
    steps: ({ path, target }) => [{ verb: 'symlink', args: [path, target] }],
    shell: {
      symlink: `if [ -d "$1" ] && ! [ -L "$1" ]; then fail - "Is a directory"; else run ln -sfn -- "$2" "$1"; fi`,
    },
  },
  rename: {
    steps: ({ from, to }) => [{ verb: 'rename', args: [from, to] }],
    shell: { rename: `run mv -fT "$1" "$2"` },
  },
  chmod: {
    steps: ({ path, mode }) => [{ verb: 'chmod', args: [path, octal(mode)] }],
    shell: { chmod: `run chmod "$2" "$1"` },
  },
  lchown: {
    steps: ({ path, uid, gid }) => [{ verb: 'lchown', args: [path, kept(uid), kept(gid)] }],
    shell: { lchown: `own "$@"` },
  },
  remove: {
    steps: ({ path }) => [{ verb: 'remove', args: [path] }],
    shell: {
      remove: `if [ -L "$1" ]; then run rm -f "$1"; elif [ -d "$1" ]; then run rmdir "$1"; elif [ -e "$1" ]; then run rm -f "$1"; fi`,
    },
  },
  'remove-tree': {
    steps: ({ path }) => [{ verb: 'remove_tree', args: [path, mountinfoPath(path)] }],
    shell: {
      // data under a mount is not ours to delete
      remove_tree: `[ -e "$1" ] || [ -L "$1" ] || return 0
m=$(mounts_below "$2" | cut -d " " -f 5)
if [ -n "$m" ]; then fail conflict "$m still mounted; unmount it first"; else run rm -rf $ONE_FS "$1"; fi`,
    },
  },
  'mount-tmpfs': {
    steps: ({ path, mode, sizeBytes }) => {
      const size = sizeBytes === undefined ? '' : `,size=${String(sizeBytes)}`;
      const options = `mode=${mode.toString(8)}${size}`;
      return [{ verb: 'mount_tmpfs', args: [path, mountinfoPath(path), options, octal(mode)] }];
    },
    shell: {
      mount_tmpfs: `mounted "$2" || { run mount -t tmpfs -o "$3" tmpfs "$1" && run chmod "$4" "$1"; }`,
    },
  },
  unmount: {
    steps: ({ path }) => [{ verb: 'unmount', args: [path, mountinfoPath(path)] }],
    shell: { unmount: `if mounted "$2"; then run umount "$1"; fi` },
  },
};

export function opSteps(op: FileOp): RemoteStep[] {
  // the table has for each name the op of that name
  return (remoteOps[op.op] as RemoteOp<FileOp>).steps(op);
}

/** lchown(2): -1 leaves it as it is. */
function kept(id: number): number | undefined {
  return id < 0 ? undefined : id;
}

/** Five digits: with fewer, GNU chmod keeps a folder's setuid and setgid bits. */
function octal(mode: number): string {
  return mode.toString(8).padStart(5, '0');
}
