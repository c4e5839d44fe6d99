/**
 * Every FileOp on a far host: how it becomes steps, and what the program does for a step. The one table to
 * extend for a new FileOp. Shell text is fixed; what varies comes in as "$1", "$2", … (see remote-program.ts
 * for run, fail, take).
 */
import { leadsOut, mkdirWithin, ownTree, ownTreeArguments } from './host-scripts.ts';
import type { FileOp } from '../link/link.ts';
import { mountinfoPath } from './mountinfo.ts';
import type { RemoteStep } from './remote-encoding.ts';

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
    steps: ({ path, mode, uid, gid, keep }) => [
      { verb: 'mkdir', args: [path, octal(mode), uid, gid, keep === true ? 'keep' : undefined] },
    ],
    shell: {
      // each program that is started costs a host a millisecond of CPU: mostly one will do here
      mkdir: `if [ -d "$1" ]; then [ "$5" != keep ] || return 0
elif [ -e "$1" ]; then fail - "Not a directory"; return
elif [ -L "$1" ]; then fail - "File exists"; return
else
  F=$1
  [ "$3$4" = -- ] && [ -d "\${1%/*}" ] && mkdir -m "$2" "$1" 2>/dev/null && return
  made "$1" || return
fi
own "$1" "$3" "$4" && run chmod "$2" "$1"`,
    },
  },
  'mkdir-within': {
    steps: ({ root, path }) => [{ verb: 'mkdir_within', args: [root, path] }],
    shell: {
      mkdir_within: `e=$( (${mkdirWithin}) 2>&1 ); c=$?
case $c in 0) ;; ${String(leadsOut)}) fail forbidden "$e" ;; *) fail - "\${e:-mkdir failed}" ;; esac`,
    },
  },
  touch: {
    steps: ({ path, mode, follow }) => [
      { verb: 'touch', args: [path, octal(mode), follow === true ? 'follow' : undefined] },
    ],
    shell: {
      // noclobber: of several who make it, and of a link to elsewhere, nothing is ever emptied
      touch: `[ ! -e "$1" ] || return 0
if [ -L "$1" ]; then
  [ "$3" = follow ] || return 0
  e=$( (: >>"$1") 2>&1) || { case $e in *onexistent*) e=$(stat -L "$1" 2>&1 >/dev/null) ;; esac; fail - "$e"; }
  return
fi
e=$( (set -C; umask 077; : >"$1") 2>&1) || {
  [ ! -e "$1" ] || return 0
  case $e in *onexistent*) e=$(stat "\${1%/*}/." 2>&1 >/dev/null) ;; esac; fail - "$e"
  return
}
run chmod "$2" "$1"`,
    },
  },
  'own-tree': {
    steps: (op) => [{ verb: 'own_tree', args: ownTreeArguments(op) }],
    shell: { own_tree: `e=$( (${ownTree}) 2>&1 ) || fail - "$e"` },
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
      // not readable to others while its mode is not set; the same inode is kept, which a container may have
      // mounted
      create: `umask 077
{ printf "" >"$1"; } 2>/dev/null || e=$(: 2>&1 >"$1") || fail - "$e"
umask 022`,
      // where it can't be opened the data is still to come, and N says so; by take it would be a process more
      append: `{ printf "" >>"$1"; } 2>/dev/null || e=$(: 2>&1 >>"$1") || { fail - "$e"; return; }
e=$(dd bs="$N" count=1 iflag=fullblock status=none <&5 2>&1 >>"$1") || fail - "$e"
N=0`,
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
      // data under a mount is not ours to delete, nor what may be
      remove_tree: `[ -e "$1" ] || [ -L "$1" ] || return 0
bare "$2" "; unmount it first" && run rm -rf $ONE_FS "$1"`,
    },
  },
  spread: {
    steps: ({ path }) => [{ verb: 'spread', args: [path] }],
    shell: { spread: `chattr +T "$1" >/dev/null 2>&1; return 0` },
  },
  'mount-tmpfs': {
    steps: ({ path, mode, sizeBytes, gid, isFree }) => {
      const options = [
        `mode=${mode.toString(8)}`,
        ...(gid === undefined ? [] : [`gid=${String(gid)}`]),
        ...(sizeBytes === undefined ? [] : [`size=${String(sizeBytes)}`]),
      ];
      const free = isFree === true ? 'free' : undefined;
      return [{ verb: 'mount_tmpfs', args: [path, mountinfoPath(path), options.join(','), free] }];
    },
    shell: {
      // what was just made is nothing's mount point; a kernel that does not know noswap is not asked again
      mount_tmpfs: `if [ "$F" = "$1" ]; then F=; elif [ "$4" != free ]; then mounted "$2" && return 0; fi
[ -n "$NOSWAP" ] && mount -t tmpfs -o "$3$NOSWAP" tmpfs "$1" 2>/dev/null && return
attach tmpfs "$1" -t tmpfs -o "$3" && NOSWAP=`,
    },
  },
  mount: {
    steps: ({ path, type, source, options }) => [
      {
        verb: 'mount',
        args: [path, mountinfoPath(path), type, options.length === 0 ? undefined : options.join(','), source],
      },
    ],
    shell: {
      mount: `mounted "$2" && return 0
if [ "$4" = - ]; then attach "$5" "$1" -t "$3"; else attach "$5" "$1" -t "$3" -o "$4"; fi`,
    },
  },
  bind: {
    steps: ({ source, path, options = [] }) => [
      {
        verb: 'bind',
        args: [source, path, mountinfoPath(path), options.length === 0 ? undefined : options.join(',')],
      },
    ],
    shell: {
      bind: `[ -e "$1" ] || { fail - "$1: No such file or directory"; return; }
if mounted "$3"; then
  [ "$(stat -L -c "%d %i" "$1")" != "$(stat -L -c "%d %i" "$2")" ] || return 0
  do_unmount "$2" "$3" || return
fi
if [ -d "$1" ]; then
  if [ -L "$2" ] || { [ -e "$2" ] && ! [ -d "$2" ]; }; then run rm -f "$2" || return; fi
  [ -d "$2" ] || run mkdir -m 750 "$2" || return
else
  if [ -d "$2" ] && ! [ -L "$2" ]; then run rmdir "$2" || return; fi
  if ! [ -e "$2" ]; then e=$( (set -C; umask 137; : >"$2") 2>&1) || { fail - "$e"; return; }; fi
fi
attach "$1" "$2" $RAW -o bind || return
[ "$4" = - ] || run mount -o "remount,bind,$4" "$2" || { umount "$2"; return 1; }`,
    },
  },
  unmount: {
    steps: ({ path }) => [{ verb: 'unmount', args: [path, mountinfoPath(path)] }],
    shell: {
      // what was mounted last goes first; what holds others is made private before: no peer shall lose them.
      // Where one may wait for its server, or can't be unmounted, each is by itself
      unmount: `b=$2; l=$(ends_below "$b") || { unseen; return; }
[ -n "$l" ] || return 0
set --; n=; IFS=$LF
for p in $l; do
  IFS=" "; unescape "\${p#?}"
  case $p in
  +*) run mount --make-rprivate "$q" || return; continue ;;
  =*) n=yes ;;
  esac
  set -- "$@" "$q"
done
[ -n "$n" ] || ! umount "$@" 2>/dev/null || return 0
IFS=$LF
for p in $l; do
  IFS=" "; case $p in +*) continue ;; esac
  mounted "\${p#?}" || continue
  unescape "\${p#?}"
  e=$(umount "$q" 2>&1) || case $p in =*) e=$(umount -f "$q" 2>&1) ;; *) false ;; esac || { fail - "$e"; return; }
done
bare "$b"`,
    },
  },
  gzip: {
    steps: ({ path }) => [{ verb: 'gzip', args: [path] }],
    shell: {
      gzip: `regular "$1" || return
m=$(stat -c %a "$1" 2>&1) || { fail - "$m"; return; }
run rm -f "$1.tmp" || return
e=$( (set -C; umask 077; gzip -c "$1" >"$1.tmp") 2>&1) || { fail - "$e"; rm -f "$1.tmp"; return; }
run chmod "$m" "$1.tmp" && run mv -fT "$1.tmp" "$1.gz" && run rm -f "$1"`,
    },
  },
  set: {
    steps: ({ path, value }) => [{ verb: 'set', args: [path, value] }],
    shell: {
      // what fails is tried once more by a program that says why
      set: `[ -e "$1" ] || { fail - "No such file or directory"; return; }
{ printf %s "$2" >"$1"; } 2>/dev/null && return
e=$(printf %s "$2" | dd of="$1" conv=notrunc bs=65536 status=none 2>&1) || fail - "$e"`,
    },
  },
  'remove-cgroup': {
    steps: ({ path, kill }) => [{ verb: 'remove_cgroup', args: [path, kill === true ? 'kill' : undefined] }],
    shell: {
      // the runtime has mostly taken away what was in it; what was killed is gone a moment later
      remove_cgroup: `[ -d "$1" ] || return 0
rmdir "$1" 2>/dev/null && return
n=1; [ "$2" != kill ] || n=10
while [ -d "$1" ]; do
  [ "$2" != kill ] || find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null | while read -r p; do kill -9 "$p"; done 2>/dev/null
  e=$(find "$1" -depth -type d -exec rmdir {} + 2>&1)
  n=$((n - 1)); [ $n -gt 0 ] && [ -d "$1" ] || break
  sleep 0.1
done
[ ! -d "$1" ] || fail - "$e"`,
    },
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
