/**
 * What can be asked about files on a far host: the program's functions, and how their answers are read. Pure.
 */
import { own } from '../../model/own.ts';
import { readWithin } from './host-scripts.ts';
import type { DirEntry, FileInfo, FileType, FsUsage } from '../link/link.ts';

/** stat -f: block size, blocks, blocks available, inodes, inodes free, blocks free. */
export const USAGE_FORMAT = '%S %b %a %c %d %f';

/** Shell functions by verb; fd 3 is the answer's payload. */
export const remoteQueries: Readonly<Record<string, string>> = {
  // path, "follow" or -
  stat: `if [ "$2" = follow ]; then say stat -L -c "$STAT" "$1"; else say stat -c "$STAT" "$1"; fi`,
  readlink: `if [ -L "$1" ]; then say readlink -n "$1"; elif [ -e "$1" ]; then fail - "Invalid argument"; else fail - "No such file or directory"; fi`,
  list: `if ! [ -d "$1" ]; then fail - "Not a directory"; return; fi
set +f
for f in "$1"/* "$1"/.[!.]* "$1"/..?*; do
  if [ -L "$f" ]; then t=l; elif [ -d "$f" ]; then t=d; elif [ -f "$f" ]; then t=f; elif [ -S "$f" ]; then t=s
  elif [ -c "$f" ]; then t=c; elif [ -b "$f" ]; then t=b; elif [ -p "$f" ]; then t=p; else continue; fi
  printf "%s%s\\0" $t "\${f##*/}"
done
set -f`,
  read: `regular "$1" && say head -c "$2" "$1"`,
  tail: `regular "$1" && say tail -c "$2" "$1"`,
  // folder, path below it, head or tail, bytes
  read_within: `e=$( (${readWithin}) 2>&1 >&3 ) || fail - "$e"`,
  // path, inode and device of the file that was opened, position, length; answers what the name leads to now,
  // and whether the file has no name any more
  pread: `M=$(stat -L -c "%i %d" "$1" 2>&1) || M=gone
if [ "$M" = "$2 $3" ] && [ -f "$1" ] && { same "$@"; } 4<"$1"; then return; fi
set +f
for f in "$1"*; do
  [ -f "$f" ] && { same "$f" "$2" "$3" "$4" "$5"; } 4<"$f" && { set -f; return; }
done
set -f; M="$M lost"`,
  // as pread, of a file that still has its name; answers what the name leads to, and as many bytes as it says
  grown: `[ -f "$1" ] && { m=$(stat -L -c "%i %d %s" /proc/self/fd/4)
n=0; case $m in "$2 $3 "*) n=$((\${m##* } - $4)) ;; esac
[ $n -le "$5" ] || n=$5; [ $n -gt 0 ] || n=0
printf "%s\\n%s\\n" "\${m% *}" $n
[ $n = 0 ] || dd bs=$n count=1 skip="$4" iflag=skip_bytes,fullblock status=none <&4
return 0; } 4<"$1"
printf "gone\\n0\\n"`,
  // process, and when it was started; kills it and all it has started, if it still is that process
  reap: `IFS= read -r s <"/proc/$1/stat" || return 0
set -- "$1" "$2" \${s##*) }; [ "\${22}" = "$2" ] || return 0
set +f; l=$1; k=
while [ -n "$l" ]; do
  k="$k $l"
  l=$(cat /proc/[0-9]*/stat 2>/dev/null | P=" $l " awk "{ p = \$1; sub(/.*\\) /, \"\"); if (index(ENVIRON[\"P\"], \" \" \$2 \" \")) printf \"%s \", p }")
done
set -f; kill -9 $k 2>/dev/null; return 0`,
  mounts: `cat /proc/self/mountinfo`,
  usage: `say stat -f -c "${USAGE_FORMAT}" "$1"`,
  realpath: `if [ -e "$1" ]; then say readlink -n -f "$1"; else fail - "No such file or directory"; fi`,
  // how often to look at most, then folders; answers once a fingerprint is not the last one
  watch: `t=$1; shift
while :; do
  w=; for f in "$@"; do set +f; w="$w$f:$(stat -c "%n %s %Y %i" "$f"/* 2>/dev/null)|"; set -f; done
  [ "$w" = "$W" ] || break
  t=$((t - 1)); [ $t -gt 0 ] || break
  sleep 0.2
done
W=$w
for f in "$@"; do set +f; printf "%s\\0" "$(stat -c "%n %s %Y %i" "$f"/* 2>/dev/null)"; set -f; done`,
};

const types: Record<number, FileType> = {
  0o14: 'socket',
  0o12: 'symlink',
  0o10: 'file',
  0o6: 'block-device',
  0o4: 'directory',
  0o2: 'char-device',
  0o1: 'fifo',
};

const letters: Record<string, FileType> = {
  l: 'symlink',
  d: 'directory',
  f: 'file',
  s: 'socket',
  c: 'char-device',
  b: 'block-device',
  p: 'fifo',
};

/** stat's format: raw mode in hex, size, uid, gid, seconds of mtime, inode, device. */
export const STAT_FORMAT = '%f %s %u %g %Y %i %d';

export function parseStat(text: string): FileInfo {
  const [hex = '', ...rest] = text.trim().split(' ');
  const [size = 0, uid = 0, gid = 0, seconds = 0, inode = 0, device = 0] = rest.map(Number);
  const raw = parseInt(hex, 16);
  const type = types[raw >> 12];
  if (type === undefined || [size, uid, gid, seconds, inode, device].some(Number.isNaN))
    throw new Error(`stat answered ${JSON.stringify(text)}`);
  return { type, size, mode: raw & 0o7777, uid, gid, mtime: seconds * 1000, inode, device };
}

export function parseList(payload: Buffer): DirEntry[] {
  return payload
    .toString()
    .split('\0')
    .filter((entry) => entry !== '')
    .map((entry) => ({ name: entry.slice(1), type: own(letters, entry.charAt(0)) ?? 'file' }));
}

export function parseUsage(text: string): FsUsage {
  const [block = 0, blocks = 0, available = 0, inodes = 0, inodesFree = 0, free = 0] = text
    .trim()
    .split(' ')
    .map(Number);
  if ([block, blocks, available, inodes, inodesFree, free].some(Number.isNaN))
    throw new Error(`stat -f answered ${JSON.stringify(text)}`);
  return {
    capacityBytes: block * blocks,
    availableBytes: block * available,
    freeBytes: block * free,
    inodes,
    inodesFree,
  };
}

/** What a file has gained, and what its name leads to: `inode device`, or `gone`. */
export interface Grown {
  readonly bytes: Buffer;
  readonly named: string;
}

export interface Watched {
  /** of each folder, in their order */
  readonly prints: readonly string[];
  /** of each file, in their order */
  readonly grown: readonly Grown[];
}

/** What `watch` of some folders and `grown` of some files answered together. Throws if it is not whole. */
export function parseWatched(
  payload: Buffer,
  { folders, files }: { folders: number; files: number },
): Watched {
  let at = 0;
  const until = (mark: string): string => {
    const end = payload.indexOf(mark, at);
    if (end < 0) throw new Error('the answer to a watch is not whole');
    const text = payload.toString('utf8', at, end);
    at = end + mark.length;
    return text;
  };
  const prints = Array.from({ length: folders }, () => until('\0'));
  const grown = Array.from({ length: files }, () => {
    const named = until('\n');
    const length = Number(until('\n'));
    const bytes = payload.subarray(at, at + length);
    if (bytes.length !== length) throw new Error('the answer to a watch is not whole');
    at += length;
    return { bytes, named };
  });
  return { prints, grown };
}
